"""PermitQueue: the requests of one rate limit that wait for permission to be sent, first come, first served."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from asyncclient._protocol.limits.limit_wait import LimitWait
from asyncclient._protocol.limits.rate_bucket import RateBucket
from asyncclient._protocol.limits.rate_limits import Bucket

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

PACED_SECONDS = 5
"""The requests of one minute take at least this many seconds, which smooths the start of a burst."""
TIMER_S = 0.001
"""Seconds added to a wait, because a timer can fire this much too early."""


class PausedTooLong(Exception):
    """The server asks for a longer pause than the caller accepts.

    Arguments:
        left_s: seconds that are left of the pause.
        status: HTTP status of the response that asked for it.
    """

    def __init__(self, left_s: float, status: int) -> None:
        super().__init__(f"the server asks to wait {left_s:.0f} s more")
        self.left_s = left_s
        self.status = status


class PermitQueue:
    """The queue for permits of one bucket: first come, first served."""

    def __init__(self, bucket: RateBucket, minute_limit: int | None) -> None:
        self.bucket = bucket
        self.turn = anyio.Lock(fast_acquire=True)
        self.changed: anyio.Event | None = None
        self.pace = pace_for(minute_limit)
        self.blocked_since: float | None = None
        self.in_flight: dict[int, float] = {}

    def wake(self) -> None:
        """Make the head of the queue check again."""
        if self.changed is not None:
            self.changed.set()

    def is_free(self, now: float) -> bool:
        """Return whether the queue is empty and a permit is available at once."""
        if self.turn.locked() or (self.pace is not None and not self.pace.has_capacity()):
            return False
        wait_s = self.bucket.wait_s(now)
        return wait_s is not None and wait_s <= 0

    async def wait_until_free(self, clock: Callable[[], float], longest_pause_s: float) -> None:
        """Wait until every window has room. Only the head of the queue, which holds the turn, calls this.

        Raises:
            PausedTooLong: the server asks for a longer pause.
        """
        self._check_pause(clock(), longest_pause_s)
        if self.pace is not None:
            await self.pace.acquire()
        try:
            while True:
                now = clock()
                self._check_pause(now, longest_pause_s)
                wait_s = self.bucket.wait_s(now)
                if wait_s is not None and wait_s <= 0:
                    return
                if self.blocked_since is None:
                    self.blocked_since = now
                self.changed = anyio.Event()
                with anyio.move_on_after(None if wait_s is None else wait_s + TIMER_S):
                    await self.changed.wait()
                self.changed = None
        finally:
            self.blocked_since = None

    def current_wait(self, now: float, bucket: Bucket) -> LimitWait | None:
        """Return what the head of the queue waits for; None if nothing waits."""
        if self.blocked_since is None:
            return None
        left_s = self.bucket.wait_s(now)
        is_pause = left_s is not None and 0 < left_s <= self.bucket.not_before - now
        return LimitWait(
            bucket=bucket.value,
            is_pause=is_pause,
            waited_s=now - self.blocked_since,
            left_s=None if left_s is None else max(0.0, left_s),
        )

    def _check_pause(self, now: float, longest_pause_s: float) -> None:
        if (left_s := self.bucket.requested_wait_s(now)) > longest_pause_s:
            raise PausedTooLong(left_s, self.bucket.pause_status)


def pace_for(minute_limit: int | None) -> "AsyncLimiter | None":
    """Return a limiter that smooths the start of a burst; None if the minute is unlimited."""
    if minute_limit is None:
        return None
    # imported here because it reads package metadata, which takes time
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(max(1.0, minute_limit / PACED_SECONDS), 1.0)
