"""StopGate: workers check it before each request; when the run stops, it cancels waits and reads.

A stop has two effects. Nothing new is sent, and waits and reads are cancelled; requests in flight are awaited.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import anyio

from bulk.concurrency.sleeps import Sleeps
from bulk.events import Wait, WaitKind


class Stopped(Exception):
    """The run stops. Raised inside workers only; it never leaves the engine."""


class StopGate:
    """Open until the run has to stop: the caller sets `stop`, or a worker closes the gate with an error.

    Attributes:
        error: the error that the run ends with; None if only the caller asked for the stop.
        sleeps: what `sleep` waits for.
    """

    def __init__(self, stop: anyio.Event | None = None) -> None:
        self.error: Exception | None = None
        self.sleeps = Sleeps()
        self._stop = anyio.Event() if stop is None else stop
        self._cancellable: set[anyio.CancelScope] = set()
        self._has_cancelled = False

    @property
    def closed(self) -> bool:
        """Whether nothing new may be sent."""
        return self._stop.is_set() or self.error is not None

    def close(self, error: Exception) -> None:
        """End the run with this error. The first error counts."""
        if self.error is None:
            self.error = error
        self._cancel_waits()

    def stop(self, error: Exception) -> NoReturn:
        """Close the gate with this error and stop the calling worker.

        Raises:
            Stopped: always.
        """
        self.close(error)
        raise Stopped

    def check(self) -> None:
        """Return while the gate is open.

        Raises:
            Stopped: nothing new may be sent.
        """
        if self.closed:
            raise Stopped

    @contextmanager
    def cancel_on_stop(self) -> Iterator[anyio.CancelScope]:
        """Cancel the body when the gate closes: for waits, reads, and requests that have not left.

        The scope that is yielded goes to `finish_despite_stop` just before a request leaves.

        Raises:
            Stopped: the gate was or became closed.
        """
        self.check()
        with anyio.CancelScope() as scope:
            self._cancellable.add(scope)
            try:
                yield scope
            finally:
                self._cancellable.discard(scope)
        if scope.cancelled_caught:
            raise Stopped

    def finish_despite_stop(self, scope: anyio.CancelScope) -> None:
        """Treat this scope as a request in flight from now on: closing the gate waits for it.

        Raises:
            Stopped: the gate is closed already, so no request may leave.
        """
        if self.closed:
            raise Stopped
        self._cancellable.discard(scope)

    def make_cancellable(self, scope: anyio.CancelScope) -> None:
        """Treat this scope as waiting again, since its request got a response; cancel it if all others were."""
        self._cancellable.add(scope)
        if self._has_cancelled:
            scope.cancel()

    async def sleep(self, seconds: float, kind: WaitKind, *, targets: int | None = None) -> None:
        """Wait for some seconds.

        Arguments:
            seconds: how long.
            kind: what for.
            targets: how many persons are waited for.

        Raises:
            Stopped: the gate was or became closed.
        """
        await self.wait(Wait(kind=kind, waited_s=0.0, left_s=seconds, targets=targets))

    async def wait(self, wait: Wait) -> None:
        """Sleep for `wait.left_s` seconds and show the wait.

        Arguments:
            wait: what for, and how long.

        Raises:
            Stopped: the gate was or became closed.
        """
        with self.cancel_on_stop():
            await self.sleeps.sleep(wait)

    async def worker(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await the work of one worker. `Stopped` ends it without an error; any other exception closes the gate.

        So the end of one worker never cancels the requests that another one has in flight.
        """
        try:
            await work()
        except Stopped:
            pass
        except Exception as error:
            self.close(error)

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await the work of a run, and cancel what waits in it when the caller sets `stop`.

        Raises:
            the error that closed the gate; a stop that the caller asked for raises nothing.
        """
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch)
            await self.worker(work)
            group.cancel_scope.cancel()
        if self.error is not None:
            raise self.error

    async def _watch(self) -> None:
        await self._stop.wait()
        self._cancel_waits()

    def _cancel_waits(self) -> None:
        self._has_cancelled = True
        for scope in list(self._cancellable):
            scope.cancel()
