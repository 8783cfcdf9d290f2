"""Writes a private file so that it appears under its name complete or not at all."""

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from bulk.errors import FileTrouble
from bulk.files.file_errors import CREATING, as_file_trouble
from bulk.files.private_files import PRIVATE, write_all

_NO_UNNAMED_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS}
"""Errors of O_TMPFILE on kernels and file systems that do not have it."""
_ATTEMPTS = 8


def write_private(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a private file, complete or not at all.

    Arguments:
        path: the file; a symbolic link is refused.
        data: the content.
        replace: replace a regular file that exists, in one step.

    Raises:
        FileTrouble: it exists and `replace` is false, is not a regular file, or cannot be written.
    """
    with create_unnamed(path) as file:
        file.write(data)
        if replace:
            file.replace()
        else:
            file.publish()


class UnnamedFile:
    """A private file that has no name before `publish`, and leaves nothing behind without it.

    On a file system without unnamed files (O_TMPFILE) it is called `.<name>.partial` until then. Only SIGKILL can leave
    that file behind; the next file that is created under the same name removes it. `replace` needs a second name for
    the moment between two system calls.
    """

    def __init__(self, path: Path, fd: int, folder: int, partial: str | None) -> None:
        self.path = path
        self.fd = fd
        self._folder = folder
        self._partial = partial
        self._maker = os.getpid()
        self._open = True

    def write(self, data: bytes | bytearray) -> None:
        """Append all of `data`; raises FileTrouble."""
        with as_file_trouble(self.path, "cannot be written"):
            write_all(self.fd, data)

    def publish(self) -> None:
        """Sync the file and give it its name, which must not exist yet; raises FileTrouble."""
        with as_file_trouble(self.path, "cannot be put in its place"):
            os.fsync(self.fd)
            self._link(self.path.name)
            try:
                self._drop_partial()
                os.fsync(self._folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(self.path.name, dir_fd=self._folder)
                raise

    def replace(self) -> None:
        """Sync the file and give it its name, in the place of a regular file that may exist; raises FileTrouble."""
        with as_file_trouble(self.path, "cannot be put in its place"):
            self._refuse_irregular()
            os.fsync(self.fd)
            if self._partial is None:
                # no other process uses this inode number
                partial = f".{self.path.name}.{os.fstat(self.fd).st_ino:x}"
                self._link(partial)
                self._partial = partial
            os.rename(self._partial, self.path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._partial = None
            os.fsync(self._folder)

    def close(self) -> None:
        """Close the file, which is gone unless it was published. A forked child leaves its parent's file alone."""
        if not self._open:
            return
        self._open = False
        try:
            if os.getpid() == self._maker:
                with suppress(OSError):
                    self._drop_partial()
                with suppress(OSError):
                    fcntl.flock(self.fd, fcntl.LOCK_UN)  # also for the copy of a forked child
        finally:
            os.close(self.fd)
            os.close(self._folder)

    def _link(self, name: str) -> None:
        if self._partial is not None:
            os.link(self._partial, name, src_dir_fd=self._folder, dst_dir_fd=self._folder, follow_symlinks=False)
            return
        # os.link calls linkat with AT_SYMLINK_FOLLOW only if a folder's descriptor is given; link fails with EXDEV
        os.link(
            f"/proc/self/fd/{self.fd}",
            name,
            src_dir_fd=self._folder,
            dst_dir_fd=self._folder,
            follow_symlinks=True,
        )

    def _drop_partial(self) -> None:
        if self._partial is not None:
            os.unlink(self._partial, dir_fd=self._folder)
            self._partial = None

    def _refuse_irregular(self) -> None:
        try:
            mode = os.stat(self.path.name, dir_fd=self._folder, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISLNK(mode):
            raise OSError(errno.ELOOP, "")
        if not stat.S_ISREG(mode):
            raise FileTrouble(self.path, "is not a regular file", "choose another name")

    def __enter__(self) -> "UnnamedFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def create_unnamed(path: Path) -> UnnamedFile:
    """Create a file without a name in the folder of `path`; raises FileTrouble."""
    with as_file_trouble(path, CREATING):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fd = _open_unnamed(folder)
            if fd is not None:
                return UnnamedFile(path, fd, folder, None)
            partial = f".{path.name}.partial"
            return UnnamedFile(path, _open_partial(path, partial, folder), folder, partial)
        except BaseException:
            os.close(folder)
            raise


def remove_abandoned(folder: Path, name_pattern: str) -> None:
    """Remove the `.<name>.partial` files of dead processes; files of running ones, and of other users, stay.

    Arguments:
        folder: the folder.
        name_pattern: shell pattern for the names that the files would have got.
    """
    for path in folder.glob(f".{name_pattern}.partial"):
        with suppress(OSError):
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                status = os.fstat(fd)
                if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                    continue
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its process lives
                if os.path.samestat(path.lstat(), status):
                    path.unlink()
            finally:
                os.close(fd)


def _open_unnamed(folder: int) -> int | None:
    flag = getattr(os, "O_TMPFILE", 0)
    if not flag:
        return None
    try:
        fd = os.open(".", flag | os.O_RDWR | os.O_CLOEXEC, PRIVATE, dir_fd=folder)
    except OSError as error:
        if error.errno in _NO_UNNAMED_FILES:
            return None
        raise
    try:
        if os.path.lexists(f"/proc/self/fd/{fd}"):  # the only way to name it later
            os.fchmod(fd, PRIVATE)
            return fd
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _open_partial(path: Path, partial: str, folder: int) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    for _ in range(_ATTEMPTS):
        fresh = True
        try:
            fd = os.open(partial, flags | os.O_CREAT | os.O_EXCL, PRIVATE, dir_fd=folder)
        except FileExistsError:
            fresh = False
            try:
                fd = os.open(partial, flags, dir_fd=folder)
            except FileNotFoundError:
                continue
        try:
            if _claimed(fd, partial, folder, path, is_own=fresh):
                if fresh:
                    os.fchmod(fd, PRIVATE)
                    return fd
                os.unlink(partial, dir_fd=folder)  # its process is dead, since the lock is free
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    raise _busy(path)


def _claimed(fd: int, partial: str, folder: int, path: Path, *, is_own: bool) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if is_own:
            return False  # another process took this new file for an abandoned one and is removing it
        raise _busy(path) from None
    try:
        named = os.stat(partial, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(fd))


def _busy(path: Path) -> FileTrouble:
    return FileTrouble(path, "is being written by another process", "wait for it to end, or choose another name")
