"""Writes to a stream in a separate thread, through a bounded queue, so that a slow reader blocks only that thread.

Signals are handled and the job runs even if a pipe is full, a terminal is stopped with Ctrl-S, or a disk is slow.
Progress can be dropped while the stream is behind; results never are.
"""

import asyncio
import io
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from bulk.cli.signals.raising import LOOK_EVERY_S, raise_if_due, signals_held

BEHIND = 64 * 1024
"""Bytes in the queue above which progress is dropped, because the next update replaces it."""
FULL = 1024 * 1024
"""Bytes in the queue above which results wait for room and messages are dropped."""
GRACE_S = 1.0
"""Seconds for writing what is left after a signal."""

_CHUNK = 256 * 1024

Sink = Callable[[bytes], int]
"""Writes some of the bytes and returns their number; may block."""


class OutputThread:
    """A queue of bytes, and the thread that writes them.

    Its methods can be called from any thread, and from a signal handler that interrupts one of them.

    Arguments:
        sink: writes the bytes; an OSError ends the stream.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._changed = threading.Condition()  # its lock is reentrant, for signal handlers
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._waiting = 0
        self._error: OSError | None = None
        self._lost = False
        self._flush_is_limited = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._room_waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """Number of bytes in the queue."""
        return self._waiting

    def write(self, data: bytes) -> None:
        """Queue a result; results are never dropped.

        Raises:
            OSError: the stream has ended.
        """
        with signals_held, self._changed:
            if self._error is not None:
                raise self._error
            self._append(data, is_result=True)

    def offer(self, data: bytes, *, limit: int | None = FULL) -> bool:
        """Queue data that may be dropped, and return whether it was queued.

        Arguments:
            data: whole lines.
            limit: drop the data if the queue has more bytes; None to drop it only if the stream has ended.
        """
        with signals_held, self._changed:
            if self._error is not None or (limit is not None and self._waiting > limit):
                return False
            self._append(data, is_result=False)
            return True

    async def wait_for_room(self) -> None:
        """Wait until the queue has room for more results."""
        with signals_held, self._changed:
            if self._waiting <= FULL or self._error is not None:
                return
            loop = asyncio.get_running_loop()
            waiter = (loop, loop.create_future())
            self._room_waiters.append(waiter)
        try:
            await waiter[1]
        finally:
            with signals_held, self._changed, suppress(ValueError):
                self._room_waiters.remove(waiter)

    def limit_flush_time(self) -> None:
        """Limit each `flush` to `GRACE_S` from now on, because a signal asked the process to end."""
        self._flush_is_limited = True

    def flush(self, *, timeout_s: float | None = None) -> bool:
        """Wait until the queue is written, and return whether it is.

        Arguments:
            timeout_s: the most seconds to wait; None for no limit.

        Raises:
            OSError: a result could not be written.
            Interrupted: without `timeout_s`: a signal came meanwhile.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        with signals_held, self._changed:
            while self._waiting and self._error is None:
                if timeout_s is None:
                    raise_if_due()
                if until is None and self._flush_is_limited:  # a signal may come while this waits
                    until = time.monotonic() + GRACE_S
                left_s = LOOK_EVERY_S if until is None else min(LOOK_EVERY_S, until - time.monotonic())
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
            if self._lost and self._error is not None:
                raise self._error
        return True

    def close(self) -> None:
        """Let the thread end after it has written the queue; returns at once."""
        with signals_held, self._changed:
            self._closed = True
            self._changed.notify_all()

    def _append(self, data: bytes, *, is_result: bool) -> None:
        if not data:
            return
        self._queue.append((data, is_result))
        self._waiting += len(data)
        self._changed.notify_all()
        if self._thread is None:
            # a daemon thread, because the interpreter does not wait for those when it ends
            self._thread = threading.Thread(target=self._run, name="output", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    if self._closed:
                        return
                    self._changed.wait()
                chunks, has_result, size = [], False, 0
                while self._queue and size < _CHUNK:
                    data, is_result = self._queue.popleft()
                    chunks.append(data)
                    has_result |= is_result
                    size += len(data)
            error = self._write_all(b"".join(chunks))
            with self._changed:
                self._waiting -= size
                if error is not None:
                    self._end(error, has_result=has_result)
                if self._waiting <= FULL // 2:
                    self._wake_waiters()
                self._changed.notify_all()
                if error is not None:
                    return

    def _write_all(self, data: bytes) -> OSError | None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._sink(bytes(rest)) :]
            except OSError as error:
                return error
        return None

    def _end(self, error: OSError, *, has_result: bool) -> None:
        self._error = error
        self._lost = has_result or any(is_result for _, is_result in self._queue)
        self._queue.clear()
        self._waiting = 0

    def _wake_waiters(self) -> None:
        for loop, future in self._room_waiters:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_settle, future)
        self._room_waiters.clear()


def descriptor_sink(descriptor: int) -> Sink:
    """Return a sink for a descriptor, which another process may have made non-blocking."""
    raw = io.FileIO(descriptor, "w", closefd=False)

    def write(data: bytes) -> int:
        written = raw.write(data)
        if written is None:
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
        return written or 0

    return write


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
