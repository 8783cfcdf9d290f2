"""Appends records to a journal with group commit, and stops for good at the first failure.

Records that are appended while a sync runs go with the next sync; there is no timer. Writing happens on the event
loop and only syncing in a thread, because a thread that also encodes and writes starves under a busy event loop.
Guarantees 1, 5 and 16.
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

_BUFFER = 1 << 20  # bytes that are kept in memory before they are written
_CLOSED = "the journal is closed"
_NO_THREAD = (
    "no thread could be started to sync it",
    "end other programs or raise the limit of processes (ulimit -u), then run the same command again",
)
_FORKED = (
    "is open in the process that this one was forked from",
    "continue there, or open it here after that one ended",
)
_PUT_BACK = "put the file back as this run left it, then run the same command again, or make a new plan"
_sync_data = getattr(os, "fdatasync", os.fsync)


class JournalWriter(Generic[T]):
    """Appends records to a journal; owns the file and its lock. For one event loop.

    The first failed or short write, or failed sync, ends it: all waiting and later calls raise `WriteFailed`, and the
    descriptor is neither written nor synced again. The same happens if, after a sync, the path names another file or
    none, or the file has another size than was written: nothing may follow from a record that the next process
    will not find.

    Arguments:
        file: open for appending.
        framing: encodes the records.
        end: where the last line of the file ends.
        fdatasync: syncs the file's data to disk; runs in a thread.
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
        self._syncing_n = end.next_n  # below this one in the latest sync,
        self._durable_n = end.next_n  # below this one on disk
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._waiting: list[asyncio.Future[None]] = []  # for a sync that has not started
        self._syncing: list[asyncio.Future[None]] = []  # for the running sync
        self._commit_scheduled = False
        self._sync_runs = False
        self._failure: WriteFailed | None = None
        self._closing = False
        self._thread: SyncThread | None = None

    @property
    def next_n(self) -> int:
        """The number of the next record."""
        return self._next_n

    def append(self, record: T) -> None:
        """Append a record; it is on disk when a later `durable` returns.

        Raises:
            WriteFailed: the journal failed earlier, or fails now.
            ValueError: the record is too long, or is the first one and names no job.
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
        """Write all appended records without a sync: they survive a kill of the process, but maybe not a power failure.

        Raises:
            WriteFailed: the journal failed earlier, or fails now.
        """
        self._check()
        self._write_out()
        self._check()

    async def durable(self) -> None:
        """Return when every record appended so far is on disk; cancelling one waiter does not affect the others.

        Raises:
            WriteFailed: writing or syncing failed.
        """
        self._check()
        target_n = self._next_n
        if target_n <= self._durable_n:
            return
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        if self._sync_runs and target_n <= self._syncing_n:
            self._syncing.append(waiter)
        else:
            self._waiting.append(waiter)
            self._schedule(loop)
        await waiter
        if self._durable_n < target_n:
            raise self._failed()

    async def aclose(self) -> None:
        """Sync everything, release the lock and close the file; idempotent.

        When cancelled, it still writes and closes, and waits for a running sync, but leaves the last sync to the
        operating system.

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
        if not self._sync_runs and not self._commit_scheduled:
            self._commit_scheduled = True
            # in the next step of the loop, so that all tasks that are ready now can append first
            loop.call_soon(self._commit, loop)

    def _commit(self, loop: asyncio.AbstractEventLoop) -> None:
        self._commit_scheduled = False
        if self._failure is None:
            self._write_out()
        if self._failure is not None:
            return
        try:
            thread = self._thread or SyncThread(self._file.fd, self._fdatasync, loop)
        except RuntimeError:  # the system cannot start another thread
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
            # after the tasks just woken, so that their records go with the next sync
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
        self._end(f"{what} failed: {os.strerror(code) if code else 'no cause is known'}")

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
        """Return a new exception for each caller."""
        failure = self._failure
        return WriteFailed(self.path, _CLOSED) if failure is None else WriteFailed(*failure.args)

    def _close(self) -> None:
        if self._file.fd < 0:
            return
        if self._failure is None:
            self._write_out()
        if self._thread is not None:
            self._thread.stop()  # never close a descriptor while it is being synced
        self._end(_CLOSED)
        self._file.close()


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
