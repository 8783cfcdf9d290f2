"""Rate limits: delays requests so that the server has no reason to answer 429.

`RateLimits` holds the numbers (contract 3). `Limits` is the live object that every request passes; all clients and
jobs of one key may share it.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from asyncclient._protocol.limits.limit_reduction import LimitReduction
from asyncclient._protocol.limits.rate_bucket import RateBucket, WindowBudget
from asyncclient._protocol.limits.rate_limits import MINUTE_S, Bucket, RateLimits
from asyncclient._protocol.limits.request_log import RequestLog
from asyncclient._protocol.server_clock import boot_time

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

__all__ = ["Bucket", "LimitReduction", "Limits", "PausedTooLong", "Permit", "RateLimits", "WindowBudget"]

PACE = 5
"""Seconds in which the requests of a minute may be made at the fastest, which smooths the start of a burst."""
MOST_HANDED_ON = 20_000
"""Requests per bucket that `recent` returns at most: more than any hourly limit of PostHog's."""
TIMER_S = 0.001
"""Seconds added to a wait, because a timer may fire that much too early."""


class PausedTooLong(Exception):
    """The server asks for a longer pause than the caller waits for.

    Arguments:
        left_s: seconds that the server still asks to wait.
        status: of the answer that asked for it.
    """

    def __init__(self, left_s: float, status: int) -> None:
        super().__init__(f"the server asks to wait {left_s:.0f} s more")
        self.left_s = left_s
        self.status = status


class _Queue:
    """The queue for permits of one bucket, first come, first served."""

    def __init__(self, bucket: RateBucket, minute_limit: int | None) -> None:
        self.bucket = bucket
        self.turn = anyio.Lock(fast_acquire=True)
        self.changed: anyio.Event | None = None
        self.pace = _pace(minute_limit)

    def wake(self) -> None:
        """Let the head of the queue check again."""
        if self.changed is not None:
            self.changed.set()

    def is_free(self, now: float) -> bool:
        """Whether the queue is empty and a permit is available at once."""
        if self.turn.locked() or (self.pace is not None and not self.pace.has_capacity()):
            return False
        wait_s = self.bucket.wait_s(now)
        return wait_s is not None and wait_s <= 0

    async def wait_until_free(self, clock: Callable[[], float], longest_pause_s: float) -> None:
        """Wait until every window has room; for the head of the queue, which holds the turn.

        Raises:
            PausedTooLong: the server asks for a longer pause.
        """
        self._check_pause(clock(), longest_pause_s)
        if self.pace is not None:
            await self.pace.acquire()
        while True:
            now = clock()
            self._check_pause(now, longest_pause_s)
            wait_s = self.bucket.wait_s(now)
            if wait_s is not None and wait_s <= 0:
                return
            self.changed = anyio.Event()
            with anyio.move_on_after(None if wait_s is None else wait_s + TIMER_S):
                await self.changed.wait()
            self.changed = None

    def _check_pause(self, now: float, longest_pause_s: float) -> None:
        if (left_s := self.bucket.asked_wait_s(now)) > longest_pause_s:
            raise PausedTooLong(left_s, self.bucket.pause_status)


class Permit:
    """Permission for one request. Entering waits for it; leaving counts the request, or returns the permit."""

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

    def spent(self) -> None:
        """Count the request: bytes may have left, so it counts whatever the answer is."""
        self.used = True

    def not_passed(self) -> None:
        """Note that the server refused the request, or did not answer: it does not show what the limit lets through."""
        self._passed = False

    async def __aenter__(self) -> Self:
        limits, queue = self._limits, self._queue
        limits.check_loop()
        now = limits.clock()
        if queue.is_free(now):
            if queue.pace is not None:
                await queue.pace.acquire()  # which has capacity, so this does not wait
            self._take(now)
            return self
        async with queue.turn:
            await queue.wait_until_free(limits.clock, self._longest_pause_s)
            self._take(limits.clock())
        return self

    def _take(self, now: float) -> None:
        self.since = now
        self._taken = True
        bucket_log = self._queue.bucket.log
        bucket_log.under_way += 1
        if self._log is not bucket_log:
            self._log.under_way += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._taken:
            return
        bucket = self._queue.bucket
        bucket.log.under_way -= 1
        if self._log is not bucket.log:
            self._log.under_way -= 1
        if self.used:
            now = self._limits.clock()
            bucket.answered(now, left_at=self.since, passed=self._passed)
            if self._log is not bucket.log:
                self._log.record(now)
        self._queue.wake()


class Limits:
    """The rate limits that every request passes, for one event loop; clients and jobs of one key share them.

    Arguments:
        rates: the numbers; None is what PostHog enforces per personal API key.
        clock: seconds of a clock that cannot be set, and that runs on while the machine is suspended.
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
            # each has a log of its own beside the shared one that counts, so that `recent` tells them apart
            self._logs |= {Bucket.DELETES: RequestLog(), Bucket.OTHERS: RequestLog()}

    def permit(self, bucket: Bucket, *, longest_pause_s: float = math.inf) -> Permit:
        """Permission for one request of this bucket, for `async with`: first come, first served.

        A permit that was not `spent()` is returned on leaving; a spent one counts from then on for a whole window.

        Arguments:
            bucket: which limit the request counts in.
            longest_pause_s: while the server asks for a longer pause than these seconds, entering raises
                `PausedTooLong`.

        Raises:
            RuntimeError: on entering, in another event loop than the first.
        """
        return Permit(self, self._queues[bucket], self._logs[bucket], longest_pause_s)

    def pause(self, bucket: Bucket, for_s: float, *, status: int = 429) -> bool:
        """Pause the requests of this bucket for so many seconds, an hour at the longest.

        Arguments:
            bucket: which limit.
            for_s: the seconds that the server asks for.
            status: of the answer that asks for it.

        Returns:
            Whether that is a new pause, not part of the one under way.
        """
        queue = self._queues[bucket]
        is_new = queue.bucket.pause(self.clock(), for_s, status)
        queue.wake()
        return is_new

    def lower(self, bucket: Bucket, retry_after_s: float | None, *, since: float | None = None) -> list[LimitReduction]:
        """Lower the limit after an unexpected 429, to what passed within the window.

        All 429s until requests pass again are one episode, which lowers a limit once; within an hour after the last
        of them the limit is the configured one again. A wait of more than a minute means an hourly limit. Without
        limits PostHog's published ones are switched on.

        Arguments:
            bucket: which limit.
            retry_after_s: the seconds that the server asks to wait; None where it does not say.
            since: when the request left by the clock of these limits; None is now.
        """
        queue, now = self._queues[bucket], self.clock()
        made = queue.bucket.reduce(now, retry_after_s=retry_after_s, left_at=now if since is None else since)
        for reduction in made:
            if reduction.window_s == MINUTE_S and queue.pace is None:
                queue.pace = _pace(reduction.new)
        return made

    def keep_lowered(self, bucket: Bucket, *, window_s: float, limit: int, age_s: float) -> None:
        """Keep to a limit that another process lowered, for as long as that process would have.

        Arguments:
            bucket: which limit.
            window_s: length of the window in seconds.
            limit: requests that it was lowered to.
            age_s: seconds since it was lowered.
        """
        self._queues[bucket].bucket.reduce_as_before(self.clock(), window_s=window_s, new=limit, age_s=age_s)

    def charge(self, bucket: Bucket, ages_s: Iterable[float]) -> None:
        """Count requests that other processes made within the last hour.

        Arguments:
            bucket: which limit they count in.
            ages_s: seconds since the answer to each arrived.
        """
        now = self.clock()
        times = [now - age for age in ages_s]
        log, own = self._queues[bucket].bucket.log, self._logs[bucket]
        log.insert(now, times)
        if own is not log:
            own.insert(now, times)

    def recent(self, bucket: Bucket) -> list[float]:
        """The ages in seconds of this bucket's requests of the last hour, oldest first, for another process's `charge`.

        The latest 20,000 at most; where the limits allow more in an hour, as many as they allow.

        Arguments:
            bucket: which limit.
        """
        most = max(MOST_HANDED_ON, *self.rates.windows(bucket).values(), 0)
        return self._logs[bucket].ages(self.clock(), most=most)

    def budget(self, bucket: Bucket) -> list[WindowBudget]:
        """Each window of the bucket, the shortest first; empty where it is unlimited.

        Arguments:
            bucket: which limit.
        """
        return self._queues[bucket].bucket.budget(self.clock())

    def eta_s(self, bucket: Bucket, requests: int) -> float:
        """Seconds until so many more requests can have been made, each answered at once.

        Arguments:
            bucket: which limit.
            requests: how many.
        """
        return self._queues[bucket].bucket.eta_s(self.clock(), requests)

    def check_loop(self) -> None:
        """Pass in the event loop that used these limits first.

        Raises:
            RuntimeError: it is another one.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            if self._loop is not None:
                raise RuntimeError(
                    "these Limits are used in another event loop already: make new ones for this loop, and hand them "
                    "what the others spent: new.charge(bucket, old.recent(bucket)) for each Bucket"
                )
            self._loop = loop


def _pace(minute_limit: int | None) -> "AsyncLimiter | None":
    """Smooths the start of a burst; the windows are the limit."""
    if minute_limit is None:
        return None
    # imported here, because it reads the packages' metadata, which takes time
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(max(1.0, minute_limit / PACE), 1.0)
