"""Rate limits: delay requests so that the server has no reason to respond with 429.

`RateLimits` holds the numbers (contract 3). `Limits` is the live object from which every request takes a permit; all
clients and jobs that use the same key can share it.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import anyio

from asyncclient._protocol.limits.burst_pace import burst_pace
from asyncclient._protocol.limits.limit_reduction import LimitReduction
from asyncclient._protocol.limits.limit_wait import LimitWait
from asyncclient._protocol.limits.paused_too_long import PausedTooLong
from asyncclient._protocol.limits.rate_bucket import RateBucket, WindowBudget
from asyncclient._protocol.limits.rate_limits import MINUTE_S, Bucket, RateLimits
from asyncclient._protocol.limits.request_log import RequestLog
from asyncclient._protocol.server_clock import boot_time

__all__ = ["Bucket", "LimitReduction", "LimitWait", "Limits", "PausedTooLong", "Permit", "RateLimits", "WindowBudget"]

MAX_RECENT = 20_000
"""The most requests per bucket that `recent` returns: more than any of PostHog's hourly limits."""

TIMER_S = 0.001
"""Seconds added to a wait, because a timer can fire this much too early."""


class _Queue:
    """The queue for permits of one bucket: first come, first served."""

    def __init__(self, bucket: RateBucket, minute_limit: int | None) -> None:
        self.bucket = bucket
        self.turn = anyio.Lock(fast_acquire=True)
        self.changed: anyio.Event | None = None
        self.pace = burst_pace(minute_limit)
        self.blocked_since: float | None = None
        self.in_flight: set[Permit] = set()

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
        return LimitWait.of(bucket.value, now - self.blocked_since, left_s, pause_s=self.bucket.not_before - now)

    def _check_pause(self, now: float, longest_pause_s: float) -> None:
        if (left_s := self.bucket.requested_wait_s(now)) > longest_pause_s:
            raise PausedTooLong(left_s, self.bucket.pause_status)


class Permit:
    """Permission to send one request: entering waits for it, leaving counts the request or returns the permit."""

    __slots__ = ("_limits", "_log", "_longest_pause_s", "_passed", "_queue", "_taken", "since", "used")

    def __init__(self, limits: "Limits", queue: _Queue, log: RequestLog, longest_pause_s: float) -> None:
        self._limits = limits
        self._queue = queue
        self._log = log
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
        limits, queue = self._limits, self._queue
        limits.check_loop()
        if queue.pace is not None or not queue.is_free(now := limits.clock()):
            return False
        self._take(now)
        return True

    async def take(self) -> None:
        """Wait for the permit, and take it.

        Raises:
            PausedTooLong: the server asks for a longer pause.
        """
        limits, queue = self._limits, self._queue
        limits.check_loop()
        now = limits.clock()
        if queue.is_free(now):
            if queue.pace is not None:
                await queue.pace.acquire()  # it has capacity, so this does not wait
            self._take(now)
            return
        async with queue.turn:
            await queue.wait_until_free(limits.clock, self._longest_pause_s)
            self._take(limits.clock())

    def release(self) -> None:
        """Count the request if it was marked as sent, otherwise return the permit."""
        if not self._taken:
            return
        queue, log = self._queue, self._log
        bucket = queue.bucket
        queue.in_flight.discard(self)
        is_shared = log is not bucket.log
        bucket.log.in_flight -= 1
        if is_shared:
            log.in_flight -= 1
        if self.used:
            now = self._limits.clock()
            bucket.record_response(now, sent_at=self.since, passed=self._passed)
            if is_shared:
                log.record(now)
        if queue.changed is not None:
            queue.wake()

    async def __aenter__(self) -> Self:
        await self.take()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _take(self, now: float) -> None:
        queue, log = self._queue, self._log
        self.since = now
        self._taken = True
        queue.in_flight.add(self)
        log.in_flight += 1
        if log is not queue.bucket.log:
            queue.bucket.log.in_flight += 1


class Limits:
    """The rate limits of one key in one event loop; clients and jobs that use the key can share the object.

    Arguments:
        rates: the numbers; None means what PostHog enforces per personal API key.
        clock: returns seconds of a clock that cannot be set and that also runs while the machine is suspended.
    """

    def __init__(self, rates: RateLimits | None = None, *, clock: Callable[[], float] = boot_time) -> None:
        self.rates = RateLimits.posthog() if rates is None else rates
        self.clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        published = RateLimits.posthog()
        self._queues: dict[Bucket, _Queue] = {}
        self._logs: dict[Bucket, RequestLog] = {}
        for bucket in Bucket:
            windows = self.rates.windows(bucket)
            self._queues[bucket] = queue = _Queue(RateBucket(windows, published.windows(bucket)), windows.get(MINUTE_S))
            self._logs[bucket] = queue.bucket.log
        if self.rates.per_user:
            self._queues[Bucket.OTHERS] = self._queues[Bucket.DELETES]
            # the shared log counts; each bucket also has its own log, so that `recent` can tell them apart
            self._logs |= {Bucket.DELETES: RequestLog(), Bucket.OTHERS: RequestLog()}

    def permit(self, bucket: Bucket, *, longest_pause_s: float = math.inf) -> Permit:
        """Return a permit for one request of this bucket, to be entered with `async with`: first come, first served.

        Leaving returns a permit that was not marked with `mark_sent()`. A marked one counts for a whole window from
        then on.

        Arguments:
            bucket: which limit the request counts in.
            longest_pause_s: while the server asks for a longer pause than these seconds, entering raises
                `PausedTooLong`.

        Returns:
            A permit that is not held yet.

        Raises:
            RuntimeError: the permit is entered in another event loop than the first one.
        """
        return Permit(self, self._queues[bucket], self._logs[bucket], longest_pause_s)

    def pause(self, bucket: Bucket, for_s: float, *, status: int = 429) -> bool:
        """Pause the requests of this bucket for this many seconds, for one hour at most.

        Arguments:
            bucket: which limit.
            for_s: the seconds that the server asks for.
            status: HTTP status of the response that asks for it.

        Returns:
            True for a new pause, False if it is part of the current one.
        """
        queue = self._queues[bucket]
        is_new = queue.bucket.pause(self.clock(), for_s, status)
        queue.wake()
        return is_new

    def lower(self, bucket: Bucket, retry_after_s: float | None, *, since: float | None = None) -> list[LimitReduction]:
        """Lower the limit after an unexpected 429, to the number of requests that passed within the window.

        All 429s until requests pass again are one episode, and an episode lowers a limit once. Within an hour after
        the last 429 the configured limit applies again. A wait of more than a minute means an hourly limit. If the
        bucket has no limits, PostHog's published ones are switched on.

        Arguments:
            bucket: which limit.
            retry_after_s: seconds that the server asks to wait; None if it does not say.
            since: when the request was sent, by the clock of these limits; None means now.

        Returns:
            The limits that were lowered; empty within an episode.
        """
        queue, now = self._queues[bucket], self.clock()
        reductions = queue.bucket.reduce(now, retry_after_s=retry_after_s, sent_at=now if since is None else since)
        for reduction in reductions:
            if reduction.window_s == MINUTE_S and queue.pace is None:
                queue.pace = burst_pace(reduction.new)
        return reductions

    def keep_lowered(self, bucket: Bucket, *, window_s: float, limit: int, age_s: float) -> None:
        """Apply a limit that another process lowered, until it would have expired there.

        Arguments:
            bucket: which limit.
            window_s: length of the window in seconds.
            limit: the lowered number of requests per window.
            age_s: seconds since it was lowered.
        """
        self._queues[bucket].bucket.restore_reduction(self.clock(), window_s=window_s, new=limit, age_s=age_s)

    def charge(self, bucket: Bucket, ages_s: Iterable[float]) -> None:
        """Count requests that other processes made within the last hour.

        Arguments:
            bucket: which limit they count in.
            ages_s: for each request, seconds since its response arrived.
        """
        now = self.clock()
        times = [now - age for age in ages_s]
        log, own = self._queues[bucket].bucket.log, self._logs[bucket]
        log.insert(now, times)
        if own is not log:
            own.insert(now, times)

    def recent(self, bucket: Bucket) -> list[float]:
        """Return the ages of this bucket's requests of the last hour, for `charge` in another process.

        Arguments:
            bucket: which limit.

        Returns:
            Seconds, the oldest request first: the latest 20,000 requests, or as many as the limits allow in an hour if
            that is more.
        """
        max_count = max(MAX_RECENT, *self.rates.windows(bucket).values(), 0)
        return self._logs[bucket].ages(self.clock(), max_count=max_count)

    def budget(self, bucket: Bucket) -> list[WindowBudget]:
        """Return the state of each window of the bucket.

        Arguments:
            bucket: which limit.

        Returns:
            The windows, the shortest first; empty if the bucket is unlimited.
        """
        return self._queues[bucket].bucket.budget(self.clock())

    def waits(self) -> list[LimitWait]:
        """Return what requests wait for before they are sent: one wait per rate limit, however many requests wait."""
        now = self.clock()
        waits = [queue.current_wait(now, bucket) for bucket, queue in self._distinct_queues()]
        return [wait for wait in waits if wait is not None]

    def longest_in_flight_s(self) -> float:
        """Return the seconds since the oldest request without a response was sent; 0 if there is none."""
        now = self.clock()
        return max(
            (now - permit.since for _, queue in self._distinct_queues() for permit in queue.in_flight), default=0.0
        )

    def _distinct_queues(self) -> Iterable[tuple[Bucket, _Queue]]:
        return {id(queue): (bucket, queue) for bucket, queue in self._queues.items()}.values()

    def eta_s(self, bucket: Bucket, requests: int) -> float:
        """Return the seconds that this many more requests take within the limits.

        Arguments:
            bucket: which limit.
            requests: how many.
        """
        return self._queues[bucket].bucket.eta_s(self.clock(), requests)

    def check_loop(self) -> None:
        """Check that this is the event loop that used these limits first.

        Raises:
            RuntimeError: it is another event loop.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            if self._loop is not None:
                raise RuntimeError(
                    "these Limits are already used in another event loop: create new ones for this loop, and charge "
                    "them with the requests made so far: new.charge(bucket, old.recent(bucket)) for each Bucket"
                )
            self._loop = loop
