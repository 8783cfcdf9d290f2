"""Ends calls that take too long, all with one timer of the loop. Knows nothing of what they do.

A timer a call, as asyncio and aiohttp have it, costs a twelfth of the whole call, and hardly one ever goes off.
Calls that may take equally long are overdue in the order in which they began, so only the first of them is looked at.
"""

import asyncio
from types import TracebackType
from typing import Self


class Deadlines:
    """Those of all calls under way in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.closed = False
        self._queues: dict[float, dict[Deadline, None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # a timer does not tell: uvloop's is of another kind when it is due at once

    def within(self, seconds: float) -> "Deadline":
        """A context that is cancelled after so many seconds, and ends with a `TimeoutError` then.

        With a `ConnectionAbortedError` where `close` came first.
        """
        return Deadline(self, seconds)

    def close(self) -> None:
        """End all calls that are under way, and leave no timer behind."""
        self.closed = True
        self._stop_timer()
        queues, self._queues = self._queues, {}
        for queue in queues.values():
            for deadline in list(queue):
                deadline.pass_by()

    def began(self, deadline: "Deadline", seconds: float) -> "dict[Deadline, None]":
        """Take in a deadline whose time runs from now on; returns where it is to be taken out again."""
        deadline.at = self.loop.time() + seconds
        if self._timer is None or deadline.at < self._due:
            self._look(deadline.at)
        queue = self._queues.setdefault(seconds, {})
        queue[deadline] = None
        return queue

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, at: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_at(at, self._end_overdue)
        self._due = at

    def _end_overdue(self) -> None:
        self._timer = None
        now, firsts = self.loop.time(), []
        for seconds, queue in list(self._queues.items()):
            while (first := next(iter(queue), None)) is not None and first.at <= now:
                del queue[first]
                first.pass_by()
            if first is None:
                del self._queues[seconds]
            else:
                firsts.append(first.at)
        if firsts:
            self._look(min(firsts))


class Deadline:
    """One call's."""

    __slots__ = ("_all", "_cancelling", "_passed", "_queue", "_seconds", "_task", "at")

    def __init__(self, every: Deadlines, seconds: float) -> None:
        self._all = every
        self._seconds = seconds
        self._passed = False
        self.at = 0.0

    def pass_by(self) -> None:
        """Cancel the call: its time is over."""
        self._passed = True
        self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task(self._all.loop)
        assert task is not None, "a call is made in a task"
        self._task = task
        self._cancelling = task.cancelling()
        self._queue = self._all.began(self, self._seconds)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.pop(self, None)
        # a cancellation that somebody else asked for meanwhile is theirs, as it is for `asyncio.timeout`
        if self._passed and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise (ConnectionAbortedError if self._all.closed else TimeoutError) from error
