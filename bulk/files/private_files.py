"""Opens and creates files that hold personal data: readable by their owner only, never through a symbolic link."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from bulk.errors import FileTrouble
from bulk.files.file_errors import CREATING, as_file_trouble
from bulk.files.job_file_kinds import HEAD_BYTES

PRIVATE = 0o600
"""The mode of files that only their owner reads and writes."""


def create_exclusive(path: Path, *, flags: int = 0) -> int:
    """Create an empty private file and return its descriptor.

    Only `sync_folder` makes sure that its name is on disk.

    Arguments:
        path: must not exist, not even as a dangling symlink.
        flags: further flags of open(2).

    Raises:
        FileTrouble: it exists, or cannot be created.
    """
    with as_file_trouble(path, CREATING):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | flags, PRIVATE)
        try:
            os.fchmod(fd, PRIVATE)  # the umask may have taken the owner's own bits
        except BaseException:
            os.close(fd)
            raise
    return fd


def open_regular(path: Path, flags: int, kind: Callable[[Path, str, str], FileTrouble] = FileTrouble) -> int:
    """Open an existing regular file, not through a symbolic link, and return its descriptor.

    Arguments:
        path: the file.
        flags: the flags of open(2).
        kind: the exception to raise.
    """
    # O_NONBLOCK: opening a FIFO must not wait for its other end
    extra = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    with as_file_trouble(path, "cannot be opened", kind):
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


def check_regular(path: Path) -> None:
    """Raise FileTrouble unless this is a regular file or a link to one; the reading of a pipe may never end."""
    with as_file_trouble(path, "cannot be read"):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "")
    if not stat.S_ISREG(mode):
        raise FileTrouble(path, "is not a regular file", "name a regular file")


def refuse_existing(path: Path) -> None:
    """Raise early if a file of this name exists, or its folder does not; only the creation itself decides."""
    with as_file_trouble(path, CREATING):
        path.parent.stat()
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "")


def sync_folder(path: Path) -> None:
    """Put the name of a file on disk, with an fsync of its folder."""
    with as_file_trouble(path, "its folder cannot be synced"):
        fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def write_all(fd: int, data: bytes | bytearray) -> None:
    """Write all of `data`, in as many writes as needed; raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def head_of(path: Path) -> bytes:
    """Return the first bytes of a regular file, by which its kind is recognized; empty if it cannot be read."""
    try:
        fd = open_regular(path, os.O_RDONLY)
    except FileTrouble:
        return b""
    try:
        return os.pread(fd, HEAD_BYTES, 0)
    except OSError:
        return b""
    finally:
        os.close(fd)
