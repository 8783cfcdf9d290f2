"""Overwrites a file from its start, with zeros, and removes it."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from bulk.errors import FileTrouble
from bulk.files.file_errors import as_file_trouble
from bulk.files.private_files import open_regular, sync_folder
from bulk.jobs.job_files import unreported_marker
from bulk.progress.file_reading import OnOverwrite

_ZEROS = bytes(1 << 20)
_HEAD_BYTES = 64
_SYNCED_BYTES = 16 << 20
"""Bytes that are overwritten before they are synced, so that the progress is that of the disk."""


def is_overwritten(path: Path) -> bool:
    """Return whether a file begins with zeros, as one whose destruction was interrupted; raises FileTrouble."""
    fd = open_regular(path, os.O_RDONLY)
    try:
        with as_file_trouble(path, "cannot be read"):
            head = os.pread(fd, _HEAD_BYTES, 0)
    finally:
        os.close(fd)
    return bool(head) and not head.strip(b"\0")


def destroy(path: Path, on_overwrite: OnOverwrite | None = None) -> None:
    """Overwrite a file from its start, sync it, and remove its name; raises FileTrouble."""
    fd = open_regular(path, os.O_RDWR)
    try:
        _lock(path, fd)
        with as_file_trouble(path, "cannot be overwritten"):
            size, offset = os.fstat(fd).st_size, 0
            while offset < size:
                synced = offset
                while offset < min(size, synced + _SYNCED_BYTES):
                    offset += os.pwrite(fd, _ZEROS[: size - offset], offset)
                os.fsync(fd)
                if on_overwrite is not None:
                    on_overwrite(path, offset, size)
        with as_file_trouble(path, "cannot be removed"):
            if os.path.samestat(path.lstat(), os.fstat(fd)):
                path.unlink()
    finally:
        os.close(fd)
    with suppress(FileNotFoundError):
        unreported_marker(path).unlink()
    sync_folder(path)


def _lock(path: Path, fd: int) -> None:
    """Lock a file until it is closed, so that of two processes one destroys it; raises FileTrouble."""
    with as_file_trouble(path, "cannot be locked"):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileTrouble(
                path, "is in use by another process", "wait until that has ended, then run the same command again"
            ) from None
        path.lstat()  # another process may have removed it meanwhile
