"""Whether a run may go on: one place that every worker asks, and that can end what merely waits.

Stopping comes in stages: nothing new is sent, waits and reads are abandoned, requests in flight are awaited.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import anyio


class Stopped(Exception):
    """The run was asked to stop; raised inside workers only and never leaves the engine."""


class StopGate:
    """Open until somebody closes it, with the error that the run ends with, or none when a caller asked for it."""

    def __init__(self, stop: anyio.Event | None = None) -> None:
        self.error: Exception | None = None
        self._stop = anyio.Event() if stop is None else stop
        self._waiting: set[anyio.CancelScope] = set()

    @property
    def closed(self) -> bool:
        """Whether nothing new may be sent."""
        return self._stop.is_set() or self.error is not None

    def close(self, error: Exception) -> None:
        """End the run with this error; the first one counts."""
        if self.error is None:
            self.error = error
        self._abandon_waits()

    def check(self) -> None:
        """Pass while the gate is open.

        Raises:
            Stopped: nothing new may be sent.
        """
        if self.closed:
            raise Stopped

    @contextmanager
    def cancel_on_stop(self) -> Iterator[anyio.CancelScope]:
        """Around what may be dropped at once when the gate closes: waits, reads, requests that have not left.

        The scope that is given may be handed to `finish_despite_stop` when a request is about to leave.

        Raises:
            Stopped: the gate was or became closed.
        """
        self.check()
        with anyio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                yield scope
            finally:
                self._waiting.discard(scope)
        if scope.cancelled_caught:
            raise Stopped

    def finish_despite_stop(self, scope: anyio.CancelScope) -> None:
        """What runs in this scope is in flight from now on: closing the gate waits for it.

        Raises:
            Stopped: the gate is closed already; nothing may leave.
        """
        self.check()
        self._waiting.discard(scope)

    def waiting(self, scope: anyio.CancelScope) -> None:
        """What was in flight in this scope is over; what runs in it merely waits again, and may be dropped."""
        self._waiting.add(scope)
        if self.closed:
            scope.cancel()

    async def sleep(self, seconds: float) -> None:
        """Wait, or raise `Stopped` as soon as the gate closes."""
        with self.cancel_on_stop():
            await anyio.sleep(seconds)

    async def worker(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await the work; being stopped is a good end of it, and an error closes the gate.

        So no worker's end cancels what another one has in flight.
        """
        try:
            await work()
        except Stopped:
            pass
        except Exception as error:
            self.close(error)

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await the work, abandoning what waits in it when the caller asks for a stop.

        Raises:
            whatever closed the gate; a stop that was asked for is a good end.
        """
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch)
            await self.worker(work)
            group.cancel_scope.cancel()
        if self.error is not None:
            raise self.error

    async def _watch(self) -> None:
        await self._stop.wait()
        self._abandon_waits()

    def _abandon_waits(self) -> None:
        for scope in list(self._waiting):
            scope.cancel()
