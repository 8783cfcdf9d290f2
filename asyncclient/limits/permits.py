"""Permits to send requests within the rate limits, and the queues in which they are waited for."""

import math
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from asyncclient._protocol.limits.burst_pace import burst_pace
from asyncclient._protocol.limits.limit_wait import LimitWait
from asyncclient._protocol.limits.paused_too_long import PausedTooLong
from asyncclient._protocol.limits.rate_bucket import RateBucket
from asyncclient._protocol.limits.rate_limits import Bucket

if TYPE_CHECKING:
    from asyncclient.limits.limits import Limits

TIMER_S = 0.001
"""Seconds added to a wait, because a timer can fire this much too early."""
LOCKED_OUT_MAX_S = 0.5
"""The longest wait in seconds for the lock of a limits file: only a stopped process holds it for more than a moment."""


class Queue:
    """The queue for permits of one bucket: first come, first served."""

    def __init__(self, bucket: RateBucket, minute_limit: int | None) -> None:
        self.bucket = bucket
        self.turn = anyio.Lock(fast_acquire=True)
        self.waiting = 0
        """Requests that wait, the one that has the turn included."""
        self.changed: anyio.Event | None = None
        self.pace = burst_pace(minute_limit)
        self.blocked_since: float | None = None
        self.locked_out = False
        self.in_flight: dict[int, float] = {}

    def wake(self) -> None:
        """Make the head of the queue check again."""
        if self.changed is not None:
            self.changed.set()

    def set_pace(self, minute_limit: int) -> None:
        """Start to smooth bursts, unless that is on already."""
        if self.pace is None:
            self.pace = burst_pace(minute_limit)

    def is_empty(self) -> bool:
        """Return whether nothing waits in the queue, and the pace allows a request at once."""
        return not self.waiting and (self.pace is None or self.pace.has_capacity())

    def has_room(self, now: float) -> bool:
        """Return whether every window has room for a request."""
        wait_s = self.bucket.wait_s(now)
        return wait_s is not None and wait_s <= 0

    async def wait_for_room(
        self, take: Callable[[], bool], clock: Callable[[], float], longest_pause_s: float, *, look_again_s: float
    ) -> None:
        """Wait until a permit can be taken. Only the head of the queue, which holds the turn, calls this.

        Arguments:
            take: takes the permit if there is room, and returns whether it did.
            clock: seconds.
            longest_pause_s: as for `Limits.permit`.
            look_again_s: tries again after this many seconds at the latest, because other processes change the limits.

        Raises:
            PausedTooLong: the server asks for a longer pause.
        """
        self._check_pause(clock(), longest_pause_s)
        locked_out_s = TIMER_S
        if self.pace is not None:
            await self.pace.acquire()
        try:
            while True:
                if take():
                    return
                now = clock()
                self._check_pause(now, longest_pause_s)
                if self.blocked_since is None:
                    self.blocked_since = now
                wait_s = self.bucket.wait_s(now)
                self.locked_out = wait_s is not None and wait_s <= 0
                if wait_s is None:
                    longest_s = look_again_s
                elif wait_s > 0:
                    longest_s = min(wait_s + TIMER_S, look_again_s)
                else:  # there is room, but another process holds the lock of the limits file
                    longest_s, locked_out_s = locked_out_s, min(2 * locked_out_s, LOCKED_OUT_MAX_S)
                self.changed = anyio.Event()
                with anyio.move_on_after(None if longest_s == math.inf else longest_s):
                    await self.changed.wait()
                self.changed = None
        finally:
            self.blocked_since = None
            self.locked_out = False

    def current_wait(self, now: float, bucket: Bucket) -> LimitWait | None:
        """Return what the head of the queue waits for; None if nothing waits."""
        if self.blocked_since is None:
            return None
        left_s = None if self.locked_out else self.bucket.wait_s(now)
        return LimitWait.of(bucket.value, now - self.blocked_since, left_s, pause_s=self.bucket.not_before - now)

    def _check_pause(self, now: float, longest_pause_s: float) -> None:
        if (left_s := self.bucket.requested_wait_s(now)) > longest_pause_s:
            raise PausedTooLong(left_s, self.bucket.pause_status)


class Permit:
    """Permission to send one request: entering waits for it, leaving counts the request or returns the permit."""

    __slots__ = ("_bucket", "_limits", "_longest_pause_s", "_passed", "_queue", "_taken", "since", "used")

    def __init__(self, limits: "Limits", bucket: Bucket, queue: Queue, longest_pause_s: float) -> None:
        self._limits = limits
        self._bucket = bucket
        self._queue = queue
        self._longest_pause_s = longest_pause_s
        self._taken = False
        self._passed = True
        self.since = 0.0
        self.used = False

    def mark_sent(self) -> None:
        """Count the request, because bytes may have left: it counts whatever the response is."""
        self.used = True

    def mark_rejected(self) -> None:
        """Note that the server refused the request or did not respond, so that it tells nothing about the limit."""
        self._passed = False

    def take_at_once(self) -> bool:
        """Take the permit if there is nothing to wait for, and return whether it was taken; if not, use `take`."""
        self._limits.check_loop()
        queue = self._queue
        return queue.pace is None and not queue.waiting and self._take_if_free()

    async def take(self) -> None:
        """Wait for the permit, and take it.

        Raises:
            PausedTooLong: the server asks for a longer pause.
        """
        limits, queue = self._limits, self._queue
        limits.check_loop()
        if queue.is_empty() and self._take_if_free():
            if queue.pace is not None:
                await queue.pace.acquire()  # it has capacity, so this does not wait
            return
        queue.waiting += 1
        try:
            async with queue.turn:
                await queue.wait_for_room(
                    self._take_if_free, limits.clock, self._longest_pause_s, look_again_s=limits.look_again_s
                )
        finally:
            queue.waiting -= 1

    def release(self) -> None:
        """Count the request if it was marked as sent, otherwise return the permit."""
        if not self._taken:
            return
        self._taken = False
        self._queue.in_flight.pop(id(self), None)
        self._limits.give_back(self._bucket, self.since, used=self.used, passed=self._passed)
        if self._queue.changed is not None:
            self._queue.wake()

    async def __aenter__(self) -> Self:
        await self.take()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _take_if_free(self) -> bool:
        taken_at = self._limits.take(self._bucket)
        if taken_at is None:
            return False
        self.since = taken_at
        self._taken = True
        self._queue.in_flight[id(self)] = taken_at
        return True
