"""Opens or creates a journal's file under the kernel's lock, replays it, and moves a torn tail to a file of its own.

Guarantees 1, 3, 4, 8 and 9. The records are any structs; `replay` and `records` know the job's.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from bulk.errors import FileTrouble, JournalError, WriteFailed
from bulk.files.file_errors import as_file_trouble
from bulk.files.private_files import PRIVATE, open_regular, sync_folder
from bulk.files.unnamed_file import create_unnamed
from bulk.journal.framing import Clean, Framing, TornTail
from bulk.journal.locked_file import LockedFile
from bulk.journal.writer import JournalWriter
from bulk.progress.file_reading import OnRead

T = TypeVar("T")

_CHUNK = 1 << 16  # larger pieces do not fit the processor's cache and take 1.5 times as long
_OTHERS = 0o077


class Journal(Generic[T]):
    """An open, locked journal. `writer` passes it to a writer; `close` releases it.

    Attributes:
        path: the file.
        next_n: the number of the next record; 0 means that the journal is new.
        set_aside: the file that a torn tail was copied to; None if there was none.
    """

    def __init__(self, file: LockedFile, framing: Framing[T], end: Clean, set_aside: Path | None) -> None:
        self.path = file.path
        self.next_n = end.next_n
        self.set_aside = set_aside
        self._file: LockedFile | None = file
        self._framing = framing
        self._end = end

    @classmethod
    def open(
        cls, path: Path | str, framing: Framing[T], replay: Callable[[T], object], *, on_read: OnRead | None = None
    ) -> "Journal[T]":
        """Open or create a journal and replay it; when this returns, every replayed record is on disk.

        Arguments:
            path: the file; created if it does not exist.
            framing: its frame.
            replay: called with every record in order; if `open` raises, discard what it was given.
            on_read: called for each piece that is read.

        Raises:
            JournalBusy: another process holds it.
            JournalDamaged: a line is damaged; the file is unchanged.
            FileTrouble: it is not a regular file of this user, or cannot be opened, created, repaired or synced.
        """
        path = Path(path)
        file = LockedFile.take(path)
        try:
            fd = file.fd
            end = _replay(path, fd, framing, replay, on_read)
            _keep_private(path, fd, empty=end.next_n == 0)
            set_aside = None
            if isinstance(end, TornTail):
                set_aside = _set_aside(path, fd, end.offset)
                _cut(path, fd, end.offset)
                end = Clean(end.next_n, end.seed, end.offset)
            # a killed process may have left records that are written and not synced, and a name that is not on disk
            _sync(path, fd)
            sync_folder(path)
            return cls(file, framing, end, set_aside)
        except BaseException:
            file.close()
            raise

    @staticmethod
    def read(
        path: Path | str, framing: Framing[T], replay: Callable[[T], object], *, on_read: OnRead | None = None
    ) -> Clean | TornTail:
        """Replay a journal without locking, repairing or changing it; another process may be writing it.

        Arguments:
            path: the file.
            framing: its frame.
            replay: called with every record in order.
            on_read: called for each piece that is read.

        Raises:
            JournalDamaged: a line is damaged.
            FileTrouble: it is not a regular file, or cannot be read.
        """
        path = Path(path)
        fd = open_regular(path, os.O_RDONLY, JournalError)
        try:
            return _replay(path, fd, framing, replay, on_read)
        finally:
            os.close(fd)

    def writer(self) -> JournalWriter[T]:
        """Pass the file and its lock to a new writer, which closes them. Call this once."""
        file, self._file = self._file, None
        if file is None:
            raise ValueError("the journal is closed or already has a writer")
        return JournalWriter(file, self._framing, self._end)

    def close(self) -> None:
        """Release the lock and close the file, unless a writer owns them; idempotent."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def __enter__(self) -> "Journal[T]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _replay(
    path: Path, fd: int, framing: Framing[T], replay: Callable[[T], object], on_read: OnRead | None
) -> Clean | TornTail:
    reader = framing.reader(path)
    read, size = 0, os.fstat(fd).st_size
    for piece in pieces(path, fd, 0):
        for record in reader.feed(piece):
            replay(record)
        read += len(piece)
        if on_read is not None:
            on_read(path, read, size)
    return reader.finish()


def pieces(path: Path, fd: int, offset: int) -> Iterator[bytes]:
    """Yield the bytes of a file from `offset` to its present end; raises JournalError if it cannot be read."""
    with as_file_trouble(path, "cannot be read", JournalError):
        # what is appended from now on is not part of this reading
        size = os.fstat(fd).st_size
    while offset < size:
        with as_file_trouble(path, "cannot be read", JournalError):
            piece = os.pread(fd, min(_CHUNK, size - offset), offset)
        if not piece:
            return
        offset += len(piece)
        yield piece


def _keep_private(path: Path, fd: int, *, empty: bool) -> None:
    """Refuse an empty file that no run created; make a journal private that others can read, say a restored copy."""
    with as_file_trouble(path, "cannot be made private", JournalError):
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        if not mode & _OTHERS:
            return
        if empty:
            raise JournalError(
                path,
                f"holds no record and has mode {mode:04o}, so no run created it",
                "remove it, or choose another name; a run creates its own journal",
            )
        os.fchmod(fd, PRIVATE)


def _set_aside(path: Path, fd: int, offset: int) -> Path:
    """Copy everything from `offset` on into a file beside the journal, and return its path when it is on disk.

    If a file of that name already holds the same bytes, an earlier repair made it and was interrupted before the cut.
    """
    for turn in range(1_000):
        aside = path.with_name(f"{path.name}.torn-{offset}{f'-{turn}' if turn else ''}")
        if os.path.lexists(aside):
            if _holds(aside, path, fd, offset):
                sync_folder(aside)
                return aside
            continue
        with create_unnamed(aside) as copy:
            for piece in pieces(path, fd, offset):
                copy.write(piece)
            copy.publish()
        return aside
    raise JournalError(
        path, "was repaired a thousand times at the same place", "move its .torn files to another folder"
    )


def _holds(aside: Path, path: Path, fd: int, offset: int) -> bool:
    try:
        other = open_regular(aside, os.O_RDONLY)
    except FileTrouble:
        return False
    try:
        copied, original = pieces(aside, other, 0), pieces(path, fd, offset)
        same = all(one == two for one, two in zip(copied, original, strict=True))
        if same:
            _sync(aside, other)
        return same
    except ValueError:  # one of them is longer
        return False
    finally:
        os.close(other)


def _cut(path: Path, fd: int, offset: int) -> None:
    with as_file_trouble(path, "its incomplete end cannot be cut off", JournalError):
        os.ftruncate(fd, offset)


def _sync(path: Path, fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError as error:
        raise WriteFailed(path, f"a sync failed: {os.strerror(error.errno or errno.EIO)}") from error
