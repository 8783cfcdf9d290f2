"""An open file that this process alone has locked, and that its path still names (guarantees 8 and 9).

The lock is a flock(2), which belongs to the open file description: the kernel releases it when the owner dies, and
closing another descriptor of the file does not release it, as it would with fcntl(2). A forked child shares the
description and would keep the lock of a dead parent, so each child closes its copy at once. The owner unlocks before
it closes, which takes effect for every copy.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from threading import RLock
from weakref import WeakSet

from bulk.errors import FileTrouble, JournalBusy, JournalError
from bulk.files.file_errors import as_file_trouble
from bulk.files.private_files import create_exclusive, open_regular

_ROUNDS = 8
_PROBE_S = 0.02
"""Seconds after which a lock that was only a probe (`lock_probe`) is gone."""
_OTHERS_WRITE = 0o022

# a fork handler cannot be removed, so one serves all files of the process
_open_files: "WeakSet[LockedFile]" = WeakSet()
_opening = RLock()  # no fork may come between the opening of a file and its entry above


class LockedFile:
    """An open file, its lock and its path; `close` releases them.

    Arguments:
        path: the file.
        fd: its descriptor; this object closes it.

    Attributes:
        fd: -1 after it was closed, and in a child of the process that opened it.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd
        self._place = os.fspath(path.absolute())  # stays valid when the process changes its working directory
        self._status = os.fstat(fd)
        _open_files.add(self)

    @classmethod
    def take(cls, path: Path) -> "LockedFile":
        """Open or create the file and lock it, without waiting.

        Raises:
            JournalBusy: another process has locked it.
            FileTrouble: it is not a regular file, others can write it, or it cannot be opened, created or locked.
        """
        for _ in range(_ROUNDS):
            with _opening, as_file_trouble(path, "cannot be opened", JournalError):
                file = cls(path, _create_or_open(path))
            try:
                file._refuse_writable_by_others()
                file._lock()
                if file.lost() is None:
                    return file
            except BaseException:
                file.close()
                raise
            file.close()  # another file took its place meanwhile
        raise JournalError(path, "is being replaced again and again", "stop what replaces it, then run again")

    def lost(self, size: int | None = None) -> str | None:
        """Return what happened to the file since it was opened; None if its path still names it, unchanged.

        Arguments:
            size: the size that it must have, in bytes; None to skip this check.
        """
        try:
            there = os.lstat(self._place)
        except (FileNotFoundError, NotADirectoryError):
            return "was removed or renamed"
        except OSError as error:
            return f"cannot be found by its name any more ({os.strerror(error.errno or 0)})"
        if not os.path.samestat(there, self._status):
            return "was replaced by another file"
        if size is not None and there.st_size != size:
            return f"was changed by another program to {there.st_size} bytes instead of {size}"
        return None

    def close(self) -> None:
        """Release the lock and close the file; idempotent. In a forked child this does nothing."""
        fd, self.fd = self.fd, -1
        if fd < 0:
            return
        _open_files.discard(self)
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)
        with suppress(OSError):  # everything that matters was synced
            os.close(fd)

    def leave_to_parent(self) -> None:
        """In a forked child: close the copy of the descriptor, and leave lock and file to the parent."""
        fd, self.fd = self.fd, -1
        with suppress(OSError):
            # the number may stand for a file that was opened since
            if os.path.samestat(os.fstat(fd), self._status):
                os.close(fd)  # no unlock, which would release the parent's lock

    def _refuse_writable_by_others(self) -> None:
        if self._status.st_uid != os.geteuid() or self._status.st_mode & _OTHERS_WRITE:
            raise JournalError(
                self.path,
                "can be written by other users",
                "make it this user's own (chown) and private (chmod 600)",
            )

    def _lock(self) -> None:
        with as_file_trouble(self.path, "cannot be locked", JournalError):
            for attempt in range(2):
                try:
                    fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    if attempt:
                        raise JournalBusy(self.path) from None
                    time.sleep(_PROBE_S)


def _create_or_open(path: Path) -> int:
    try:
        return create_exclusive(path, flags=os.O_APPEND)
    except FileTrouble as error:
        if not isinstance(error.__cause__, FileExistsError):
            raise
    return open_regular(path, os.O_RDWR | os.O_APPEND, JournalError)


def _leave_in_child() -> None:
    _opening.release()
    for file in list(_open_files):
        file.leave_to_parent()
    _open_files.clear()


os.register_at_fork(before=_opening.acquire, after_in_parent=_opening.release, after_in_child=_leave_in_child)
