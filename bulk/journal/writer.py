"""Appending to a journal: group commit, and an end for good at the first failure.

What is appended while a sync runs goes with the next one; no timer. The write is made on the event loop, only
the sync in a thread of its own: a thread that also had to encode and write starves under a busy loop. Knows
the frame and nothing of what the records say. Promises 1, 5 and 16.
"""

import asyncio
import os
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from bulk.errors import WriteFailed
from bulk.journal.framing import Clean, Framing
from bulk.journal.fsync_thread import SyncThread
from bulk.journal.locked_file import LockedFile

T = TypeVar("T")

_BUFFER = 1 << 20  # more than this is not kept back from the file
_CLOSED = "the journal is closed"
_NO_THREAD = (
    "no thread could be started to sync it",
    "end other programs or raise the limit of processes (ulimit -u), then run the same command again",
)
_FORKED = ("is open in the process that this one was forked from", "go on there, or open it here when that one is over")
_PUT_BACK = "put the file back as this run left it, then run the same command again, or make a new plan"
_sync_data = getattr(os, "fdatasync", os.fsync)


class JournalWriter(Generic[T]):
    """Appends records to a journal; owns the file and with it the lock. For one event loop.

    The first failed or short write, or failed sync, ends it: everything waiting and every later call gets
    `WriteFailed`, and the descriptor is neither written nor synced again. So does a sync after which the file's name
    stands for another file or none, or the file has not the size that it was written to: nothing may follow from a
    record that the next process will not find.

    Args:
        file: open for appending.
        framing: the journal's frame.
        end: how the file ends: with a whole line.
        fdatasync: puts the file's data on disk; runs in a thread.
        write: writes to the file.
    """

    def __init__(
        self,
        file: LockedFile,
        framing: Framing[T],
        end: Clean,
        *,
        fdatasync: Callable[[int], None] = _sync_data,
        write: Callable[[int, bytes], int] = os.write,
    ) -> None:
        self.path = file.path
        self._file = file
        self._framing = framing
        self._seed = end.seed
        self._size = end.size
        self._fdatasync = fdatasync
        self._write = write
        self._next_n = end.next_n  # records below this one are appended,
        self._written_n = end.next_n  # below this one in the file,
        self._syncing_n = end.next_n  # below this one in the sync that runs or ran last,
        self._durable_n = end.next_n  # below this one on disk
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._waiting: list[asyncio.Future[None]] = []  # for a sync that is still to start
        self._syncing: list[asyncio.Future[None]] = []  # for the one that runs
        self._commit_due = False
        self._sync_runs = False
        self._failure: WriteFailed | None = None
        self._closing = False
        self._thread: SyncThread | None = None

    @property
    def next_n(self) -> int:
        """The number of the next record."""
        return self._next_n

    def append(self, record: T) -> None:
        """Put a record behind all earlier ones; it is on disk once a later `durable` has returned.

        Raises:
            WriteFailed: the journal failed earlier, or fails now.
            ValueError: the record is too long, or the journal's first and names no job.
        """
        self._check()
        if self._closing:
            raise WriteFailed(self.path, _CLOSED)
        if self._seed is None:
            self._seed = self._framing.seed(record)
        line = self._framing.encode(record, self._next_n, self._seed)
        self._buffer.append(line)
        self._buffered += len(line)
        self._next_n += 1
        if self._buffered > _BUFFER:
            self.flush()

    def flush(self) -> None:
        """Write what is appended, without a sync: a kill of the process loses it no more, a power cut may.

        Raises:
            WriteFailed: the journal failed earlier, or fails now.
        """
        self._check()
        self._write_out()
        self._check()

    async def durable(self) -> None:
        """Return when everything appended so far is on disk; cancelling one waiter harms no other.

        Raises:
            WriteFailed: it could not be put there.
        """
        self._check()
        wanted = self._next_n
        if wanted <= self._durable_n:
            return
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        if self._sync_runs and wanted <= self._syncing_n:
            self._syncing.append(waiter)
        else:
            self._waiting.append(waiter)
            self._schedule(loop)
        await waiter
        if self._durable_n < wanted:
            raise self._failed()

    async def aclose(self) -> None:
        """Put everything on disk, release the lock and close the file; idempotent.

        When cancelled it still writes and closes, but leaves the last sync to the system; a sync that runs at
        that moment is waited for.

        Raises:
            WriteFailed: the journal failed earlier, or fails now; it is closed all the same.
        """
        if self._file.fd < 0:
            return
        self._closing = True
        try:
            await self.durable()
        finally:
            self._close()

    async def __aenter__(self) -> "JournalWriter[T]":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._sync_runs and not self._commit_due:
            self._commit_due = True
            # not at once: whoever is ready in this turn of the loop comes along
            loop.call_soon(self._commit, loop)

    def _commit(self, loop: asyncio.AbstractEventLoop) -> None:
        self._commit_due = False
        if self._failure is None:
            self._write_out()
        if self._failure is not None:
            return
        try:
            thread = self._thread or SyncThread(self._file.fd, self._fdatasync, loop)
        except RuntimeError:  # the system has no thread left
            self._end(*_NO_THREAD)
            return
        self._thread = thread
        self._syncing, self._waiting = self._waiting, []
        self._syncing_n = self._written_n
        self._sync_runs = True
        thread.start(self._synced)

    def _synced(self, error: BaseException | None) -> None:
        self._sync_runs = False
        if error is not None:
            self._fail("a sync", error)
        elif lost := self._file.lost(self._size):
            self._end(f"{lost} during the run", _PUT_BACK)
        if self._failure is not None:
            return
        self._durable_n = self._syncing_n
        done, self._syncing = self._syncing, []
        _wake(done)
        if self._waiting:
            # behind those just woken, so that what they append comes along
            self._schedule(asyncio.get_running_loop())

    def _write_out(self) -> None:
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        self._buffer.clear()
        self._buffered = 0
        try:
            written = self._write(self._file.fd, data)
        except OSError as error:
            self._fail("a write", error)
        else:
            self._size += written
            if written == len(data):
                self._written_n = self._next_n
            else:
                self._end(f"a write was short: {written} of {len(data)} bytes")

    def _fail(self, what: str, error: BaseException) -> None:
        code = error.errno if isinstance(error, OSError) else None
        self._end(f"{what} failed: {os.strerror(code) if code else type(error).__name__}")

    def _end(self, problem: str, *fix: str) -> None:
        if self._failure is None:
            self._failure = WriteFailed(self.path, problem, *fix)
        self._buffer.clear()
        waiters = self._syncing + self._waiting
        self._syncing, self._waiting = [], []
        _wake(waiters)

    def _check(self) -> None:
        if self._failure is None and self._file.fd < 0:
            self._end(*_FORKED)
        if self._failure is not None:
            raise self._failed()

    def _failed(self) -> WriteFailed:
        """A new exception for each who is told."""
        failure = self._failure
        return WriteFailed(self.path, _CLOSED) if failure is None else WriteFailed(*failure.args)

    def _close(self) -> None:
        if self._file.fd < 0:
            return
        if self._failure is None:
            self._write_out()
        if self._thread is not None:
            self._thread.stop()  # no descriptor is closed under a sync
        self._end(_CLOSED)
        self._file.close()


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
