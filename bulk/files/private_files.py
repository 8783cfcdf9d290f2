"""Making files that hold persons' data: private, whole or not at all, never over another, through no symlink.

Every OSError ends here as one `FileTrouble` with what to do about it. Knows nothing of what the files hold.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from bulk.errors import FileTrouble

PRIVATE = 0o600
CREATING = "cannot be created"
"""What failed where only the folder can be missing."""

_ANOTHER_NAME = "choose another name, or remove that file if it is no longer needed"
_SENTENCES: dict[int, tuple[str, str]] = {
    errno.EACCES: ("permission is denied", "let this user write there, or choose another folder"),
    errno.EPERM: ("the system does not permit it", "choose another folder"),
    errno.EROFS: ("the disk is read-only", "choose a folder on a writable disk"),
    errno.ENOSPC: ("the disk is full", "free some space, then run again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, then run again"),
    errno.EFBIG: ("the file would grow past the limit for one file", "raise that limit, then run again"),
    errno.ENOENT: ("its folder does not exist", "check the name, or create the folder first"),
    errno.ENOTDIR: ("a part of the path is not a folder", "check the name"),
    errno.EISDIR: ("it is a directory", "name a file in it"),
    errno.ELOOP: ("it is a symbolic link", "name the file itself"),
    errno.EEXIST: ("it exists already", _ANOTHER_NAME),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
    errno.EMFILE: ("this process has too many files open", "raise the limit of open files, then run again"),
}
# what kernels and file systems answer that have no unnamed files
_NO_UNNAMED = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS}
_ROUNDS = 8


@contextmanager
def trouble(path: Path, doing: str, kind: Callable[[Path, str, str], FileTrouble] = FileTrouble) -> Iterator[None]:
    """Turn an OSError inside the block into one sentence.

    Args:
        path: the file to name.
        doing: what failed, as in "cannot be created".
        kind: the exception to raise.
    """
    try:
        yield
    except OSError as error:
        problem, fix = _SENTENCES.get(
            error.errno or 0,
            (
                os.strerror(error.errno) if error.errno else "the system gave no reason",
                "see to the disk, then run again",
            ),
        )
        if error.errno == errno.ENOENT and doing != CREATING and path.parent.is_dir():
            problem, fix = "no such file", "check the name"
        raise kind(path, f"{doing}: {problem}", fix) from error


def create_exclusive(path: Path, *, flags: int = 0) -> int:
    """Create an empty file that only its owner reads, and return its descriptor.

    Its name is not on disk for certain before `sync_folder`.

    Args:
        path: must not exist, not even as a dangling symlink.
        flags: further flags of open(2).

    Raises:
        FileTrouble: it exists, or cannot be created.
    """
    with trouble(path, CREATING):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | flags, PRIVATE)
        try:
            os.fchmod(fd, PRIVATE)  # the umask may have taken the owner's own bits
        except BaseException:
            os.close(fd)
            raise
    return fd


def open_regular(path: Path, flags: int, kind: Callable[[Path, str, str], FileTrouble] = FileTrouble) -> int:
    """Open a file that exists, is a regular file and no symlink, and return its descriptor.

    Args:
        path: the file.
        flags: the flags of open(2) that say how.
        kind: the exception to raise.
    """
    # O_NONBLOCK: a fifo must be seen, not waited for
    extra = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    with trouble(path, "cannot be opened", kind):
        fd = os.open(path, flags | extra)
        try:
            mode = os.fstat(fd).st_mode
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, "")
            if not stat.S_ISREG(mode):
                raise kind(path, "is not a regular file", "name a regular file")
        except BaseException:
            os.close(fd)
            raise
    return fd


def refuse_existing(path: Path) -> None:
    """Say early that a name is taken; only the creation itself decides."""
    with trouble(path, CREATING):
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "")


def sync_folder(path: Path) -> None:
    """Put the name of a file on disk: fsync of the folder it lies in."""
    with trouble(path, "its folder cannot be synced"):
        fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def write_all(fd: int, data: bytes | bytearray) -> None:
    """Write all of `data`, in as many writes as it takes; raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def write_private(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a file that only its owner reads, whole or not at all.

    Args:
        path: the file; a symlink is refused.
        data: all of it.
        replace: put it in the place of a regular file that exists, in one step.

    Raises:
        FileTrouble: it exists and is not to be replaced, is no regular file, or cannot be written.
    """
    with unnamed(path) as file:
        file.write(data)
        if replace:
            file.replace()
        else:
            file.publish()


class Unnamed:
    """A private file on its way: nobody sees it before `publish`, and without that it leaves nothing behind.

    Where the file system has no unnamed files it is called `.<name>.partial` until then, and only a kill that
    cannot be caught leaves that there; the next start with the same name removes it. `replace` needs a second name
    for the moment between two system calls.
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
        with trouble(self.path, "cannot be written"):
            write_all(self.fd, data)

    def publish(self) -> None:
        """Sync the file and give it its name, which must be free; raises FileTrouble."""
        with trouble(self.path, "cannot be put in its place"):
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
        """Sync the file and put it in the place of the regular file of its name, if there is one."""
        with trouble(self.path, "cannot be put in its place"):
            self._refuse_irregular()
            os.fsync(self.fd)
            if self._partial is None:
                # its own inode number cannot be in anybody else's use
                partial = f".{self.path.name}.{os.fstat(self.fd).st_ino:x}"
                self._link(partial)
                self._partial = partial
            os.rename(self._partial, self.path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._partial = None
            os.fsync(self._folder)

    def close(self) -> None:
        """Let go of the file; what was not published is gone. A forked child leaves its parent's file alone."""
        if not self._open:
            return
        self._open = False
        try:
            if os.getpid() == self._maker:
                with suppress(OSError):
                    self._drop_partial()
                with suppress(OSError):
                    fcntl.flock(self.fd, fcntl.LOCK_UN)  # for a child's copy too
        finally:
            os.close(self.fd)
            os.close(self._folder)

    def _link(self, name: str) -> None:
        if self._partial is not None:
            os.link(self._partial, name, src_dir_fd=self._folder, dst_dir_fd=self._folder, follow_symlinks=False)
            return
        # without a folder's descriptor os.link is no linkat with AT_SYMLINK_FOLLOW, and ends in EXDEV
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

    def __enter__(self) -> "Unnamed":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def unnamed(path: Path) -> Unnamed:
    """Start a file in the folder of `path` that has no name yet; raises FileTrouble."""
    with trouble(path, CREATING):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fd = _open_unnamed(folder)
            if fd is not None:
                return Unnamed(path, fd, folder, None)
            partial = f".{path.name}.partial"
            return Unnamed(path, _open_partial(path, partial, folder), folder, partial)
        except BaseException:
            os.close(folder)
            raise


def _open_unnamed(folder: int) -> int | None:
    flag = getattr(os, "O_TMPFILE", 0)
    if not flag:
        return None
    try:
        fd = os.open(".", flag | os.O_RDWR | os.O_CLOEXEC, PRIVATE, dir_fd=folder)
    except OSError as error:
        if error.errno in _NO_UNNAMED:
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
    for _ in range(_ROUNDS):
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
            if _claimed(fd, partial, folder, path):
                if fresh:
                    os.fchmod(fd, PRIVATE)
                    return fd
                os.unlink(partial, dir_fd=folder)  # its maker is dead: nobody holds the lock
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    raise FileTrouble(path, "is being made by another process", "let that end, or choose another name")


def _claimed(fd: int, partial: str, folder: int, path: Path) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileTrouble(path, "is being made by another process", "let that end, or choose another name") from None
    try:
        named = os.stat(partial, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(fd))
