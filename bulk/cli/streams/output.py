"""Writes to one stream from its own thread, through a bounded queue, so that a slow reader blocks only that thread.

With a full pipe, a terminal stopped with Ctrl-S or a slow disk, signals are still handled and a job still runs.
Progress may be dropped while the stream is behind; results never are.
"""

import asyncio
import io
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

BEHIND = 64 * 1024
"""Bytes in the queue above which progress is dropped: the next update replaces it."""
FULL = 1024 * 1024
"""Bytes in the queue above which results wait and messages are dropped."""
GRACE_S = 1.0
"""Seconds to write the rest after a signal asked the process to end."""

_CHUNK = 256 * 1024

Sink = Callable[[bytes], int]
"""Writes some of the bytes and returns how many; may block."""


class OutputThread:
    """A queue of bytes and the thread that writes them.

    Safe to call from any thread, and from a signal handler in the middle of any other call.

    Args:
        sink: writes; an OSError ends the stream.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._changed = threading.Condition()  # with a lock that a signal handler may take again
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._waiting = 0
        self._error: OSError | None = None
        self._lost = False
        self._hurried = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._room: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """Bytes in the queue."""
        return self._waiting

    def write(self, data: bytes) -> None:
        """Queue a result, which is never dropped.

        Raises:
            OSError: nothing can be written to this stream any more.
        """
        with self._changed:
            if self._error is not None:
                raise self._error
            self._append(data, is_result=True)

    def offer(self, data: bytes, *, limit: int | None = FULL) -> bool:
        """Queue what may be dropped, and return whether it was queued.

        Args:
            data: whole lines.
            limit: bytes that may be in the queue already; None to drop the data only if the stream has ended.
        """
        with self._changed:
            if self._error is not None or (limit is not None and self._waiting > limit):
                return False
            self._append(data, is_result=False)
            return True

    async def room(self) -> None:
        """Wait until the queue has room for more results."""
        with self._changed:
            if self._waiting <= FULL or self._error is not None:
                return
            loop = asyncio.get_running_loop()
            waiter = (loop, loop.create_future())
            self._room.append(waiter)
        try:
            await waiter[1]
        finally:
            with self._changed, suppress(ValueError):
                self._room.remove(waiter)

    def hurry(self) -> None:
        """Limit every later `flush` to `GRACE_S`, after a signal asked the process to end."""
        self._hurried = True

    def flush(self, *, timeout_s: float | None = None) -> bool:
        """Wait until all is written, and return whether it is.

        Args:
            timeout_s: seconds to wait at most; None for as long as it takes.

        Raises:
            OSError: a result could not be written.
        """
        if timeout_s is None and self._hurried:
            timeout_s = GRACE_S
        until = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while self._waiting and self._error is None:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._changed.wait(left)
            if self._lost and self._error is not None:
                raise self._error
        return True

    def close(self) -> None:
        """Let the thread end when all is written; returns at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _append(self, data: bytes, *, is_result: bool) -> None:
        if not data:
            return
        self._queue.append((data, is_result))
        self._waiting += len(data)
        self._changed.notify_all()
        if self._thread is None:
            # a daemon, which the interpreter does not wait for at its end
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
                    self._make_room()
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

    def _make_room(self) -> None:
        for loop, future in self._room:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_settle, future)
        self._room.clear()


def descriptor_sink(descriptor: int) -> Sink:
    """The sink that writes to a descriptor, which another process may have made non-blocking."""
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
