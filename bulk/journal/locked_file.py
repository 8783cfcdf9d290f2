"""A file that is open under the kernel's lock: this process's alone, and still the one that its name stands for.

The lock is that of flock(2). It belongs to what was opened: the kernel releases it when the owner dies, and closing
another descriptor of the file does not, as it would with a lock of fcntl(2). A forked child shares what was opened, so
it would keep the lock of a dead parent: each child closes its copy at once. The owner unlocks before it closes, because
that takes effect for every copy. Knows nothing of what the file holds. Promises 8 and 9.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from threading import RLock
from weakref import WeakSet

from bulk.errors import FileTrouble, JournalBusy, JournalError
from bulk.files import create_exclusive, open_regular, trouble

_ROUNDS = 8
_OTHERS_WRITE = 0o022

# what a fork calls cannot be taken back, so one call serves all files of the process
_held: "WeakSet[LockedFile]" = WeakSet()
_opening = RLock()  # no fork may come between the opening of a file and its entry above


class LockedFile:
    """An open file, its lock and the place where it has to stay; `close` lets go of all.

    Args:
        path: the file.
        fd: its descriptor, which is this object's from now on.

    Attributes:
        fd: -1 once it is closed, and in a child of the process that opened it.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd
        self._place = os.fspath(path.absolute())  # the same when this process goes to another folder
        self._status = os.fstat(fd)
        _held.add(self)

    @classmethod
    def take(cls, path: Path) -> "LockedFile":
        """Open or make the file that the path names and lock it, without waiting.

        Raises:
            JournalBusy: another process holds it.
            FileTrouble: it is no regular file, others can write it, or it cannot be opened, made or locked.
        """
        for _ in range(_ROUNDS):
            with _opening, trouble(path, "cannot be opened", JournalError):
                file = cls(path, _made_or_opened(path))
            try:
                file._refuse_writable_by_others()
                file._lock()
                if file.lost() is None:
                    return file
            except BaseException:
                file.close()
                raise
            file.close()  # somebody put another file in its place meanwhile
        raise JournalError(path, "is being replaced again and again", "leave it alone, then run again")

    def lost(self, size: int | None = None) -> str | None:
        """Say what became of the file since it was opened, or None where its name still stands for it.

        Args:
            size: bytes that it must have.
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
        _held.discard(self)
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)
        with suppress(OSError):  # what counts was synced
            os.close(fd)

    def leave_to_parent(self) -> None:
        """In a forked child: close the copy of the descriptor, and leave lock and file to the parent."""
        fd, self.fd = self.fd, -1
        with suppress(OSError):
            if os.path.samestat(os.fstat(fd), self._status):  # not what the program has opened under that number since
                os.close(fd)  # a mere close: unlocking would take the lock from the parent

    def _refuse_writable_by_others(self) -> None:
        if self._status.st_uid != os.geteuid() or self._status.st_mode & _OTHERS_WRITE:
            raise JournalError(
                self.path, "can be written by other users", "make it this user's own (chown) and private (chmod 600)"
            )

    def _lock(self) -> None:
        with trouble(self.path, "cannot be locked", JournalError):
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JournalBusy(self.path) from None


def _made_or_opened(path: Path) -> int:
    try:
        return create_exclusive(path, flags=os.O_APPEND)
    except FileTrouble as error:
        if not isinstance(error.__cause__, FileExistsError):
            raise
    return open_regular(path, os.O_RDWR | os.O_APPEND, JournalError)


def _forget_in_child() -> None:
    _opening.release()
    for file in list(_held):
        file.leave_to_parent()
    _held.clear()


os.register_at_fork(before=_opening.acquire, after_in_parent=_opening.release, after_in_child=_forget_in_child)
