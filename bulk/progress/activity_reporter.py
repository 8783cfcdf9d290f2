"""ActivityReporter: reports every second what planning, checking or exporting has done, and what it waits for."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import anyio
import msgspec

from bulk.concurrency.ticker import ticking
from bulk.events import Wait
from bulk.progress.wait_tracker import WaitTracker

Event = TypeVar("Event")


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What every such event tells: seconds since the start, requests made, and the wait to show."""

    elapsed_s: float
    requests: int
    wait: Wait | None


class ActivityReporter(Generic[Event]):
    """Reports events about one activity. Construct it inside the event loop.

    Arguments:
        wait_tracker: receives the client's events.
        describe: returns the event of a moment.
        on_progress: takes the events; None for no events.
    """

    def __init__(
        self,
        wait_tracker: WaitTracker,
        describe: Callable[[Moment], Event],
        on_progress: Callable[[Event], None] | None,
    ) -> None:
        self._wait_tracker = wait_tracker
        self._describe = describe
        self._on_progress = on_progress
        self._started_at = anyio.current_time()

    def report(self) -> None:
        """Report the current moment; waits are counted also without a listener."""
        wait = self._wait_tracker.sample()
        if self._on_progress is not None:
            elapsed_s = anyio.current_time() - self._started_at
            moment = Moment(elapsed_s=elapsed_s, requests=self._wait_tracker.requests, wait=wait)
            self._on_progress(self._describe(moment))

    @asynccontextmanager
    async def reporting(self, *, failed: Callable[[Exception], None] | None = None) -> AsyncIterator[None]:
        """Report every second until the block ends.

        Arguments:
            failed: called with an exception of `on_progress`; None to raise it where the block ends.
        """
        async with ticking(self.report, failed=failed):
            yield
