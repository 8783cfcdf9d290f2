"""A thread that does nothing but sync one descriptor when an event loop asks for it.

It is a third cheaper a sync than an executor, which counts at thousands a second. Knows nothing of records.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

Done = Callable[[BaseException | None], None]


class SyncThread:
    """Syncs a descriptor outside the event loop, one time for every `start`.

    Args:
        fd: what to sync; it stays the caller's.
        sync: how.
        loop: where the outcome is told.
    """

    def __init__(self, fd: int, sync: Callable[[int], None], loop: asyncio.AbstractEventLoop) -> None:
        self._fd = fd
        self._sync = sync
        self._loop = loop
        self._orders: SimpleQueue[Done | None] = SimpleQueue()
        # a daemon: a journal that nobody closed must not keep the process from ending
        self._thread = Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def start(self, done: Done) -> None:
        """Sync once; then `done` is called on the loop with None, or with what was raised."""
        self._orders.put(done)

    def stop(self) -> None:
        """End the thread, after the sync that runs."""
        self._orders.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (done := self._orders.get()) is not None:
            error: BaseException | None = None
            try:
                self._sync(self._fd)
            except BaseException as caught:
                error = caught
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(done, error)
