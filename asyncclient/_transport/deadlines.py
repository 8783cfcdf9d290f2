"""Ends calls whose time is over, or all of them when the client is closed. Knows nothing of what they do.

One timer of the event loop serves all calls. A timer per call, as asyncio and aiohttp have it, costs a tenth of the
whole call, and hardly one ever goes off.
"""

import asyncio
import math
from typing import Any


class Call:
    """One call in flight, in the task that makes it.

    Arguments:
        ends_at: when its time is over, by the clock of the event loop; infinite where it is not limited.
    """

    __slots__ = ("_cancelling", "_is_ended", "ends_at", "task")

    def __init__(self, task: "asyncio.Task[Any]", ends_at: float) -> None:
        self.task = task
        self.ends_at = ends_at
        self._cancelling = task.cancelling()
        self._is_ended = False

    def end(self) -> None:
        """Cancel what the task waits for."""
        if not self._is_ended:
            self._is_ended = True
            self.task.cancel()

    def takes_cancellation(self) -> bool:
        """Return whether a `CancelledError` comes from `end` alone, as `asyncio.timeout` decides it."""
        return self._is_ended and self.task.uncancel() <= self._cancelling


class Deadlines:
    """The deadlines of all calls in flight in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: set[Call] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        self.is_closed = False

    def begin(self, within_s: float | None) -> Call:
        """Begin a call in the current task.

        Arguments:
            within_s: seconds after which it is ended; None for a call that takes as long as it takes.
        """
        loop = self._loop
        task = asyncio.current_task(loop)
        assert task is not None, "a call is made in a task"
        ends_at = math.inf if within_s is None else loop.time() + within_s
        call = Call(task, ends_at)
        self._calls.add(call)
        if ends_at < self._due:
            self._look_at(ends_at)
        return call

    def over(self, call: Call) -> None:
        """Take out a call that is over."""
        self._calls.discard(call)

    def close(self) -> None:
        """End all calls, and leave no timer behind."""
        self.is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for call in self._calls:
            call.end()

    def _look_at(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._end_overdue)
        self._due = at

    def _end_overdue(self) -> None:
        self._timer, self._due = None, math.inf
        now, first = self._loop.time(), math.inf
        for call in self._calls:
            if call.ends_at <= now:
                call.end()
            elif call.ends_at < first:
                first = call.ends_at
        if first < math.inf:
            self._look_at(first)
