"""Rate limits: how many requests may be made, kept so that the server never has to answer 429.

`RateLimits` are the numbers (contract 3). `Limits` is the live object that requests pass; it may be shared by every
client and job of one key.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from asyncclient._clock import boot_time
from asyncclient._protocol.limit_reduction import LimitReduction
from asyncclient._protocol.rate_bucket import RateBucket, WindowBudget
from asyncclient._protocol.rate_limits import MINUTE_S, Bucket, RateLimits
from asyncclient._protocol.request_log import RequestLog

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

__all__ = ["Bucket", "LimitReduction", "Limits", "PausedTooLong", "Permit", "RateLimits", "WindowBudget"]

PACE = 5
"""The minute's allowance may be used up in so many seconds: a burst is smoothed, and next to no time is lost."""
MOST_HANDED_ON = 20_000
"""Requests of a bucket that `recent` tells of: more than any hour's allowance of PostHog's."""
TIMER_S = 0.001
"""A timer may go off so much too early; waiting a little longer costs less than looking again and again."""


class PausedTooLong(Exception):
    """Nothing may leave for longer than the caller waits, because the server asked for it.

    Arguments:
        left_s: seconds that the server still asks to stay away.
        status: of the answer that asked for it.
    """

    def __init__(self, left_s: float, status: int) -> None:
        super().__init__(f"the server asks to be left alone for {left_s:.0f} s more")
        self.left_s = left_s
        self.status = status


class _Queue:
    """Those who wait for a permit of one bucket, first come, first served."""

    def __init__(self, bucket: RateBucket, minute_limit: int | None) -> None:
        self.bucket = bucket
        self.turn = anyio.Lock(fast_acquire=True)
        self.changed: anyio.Event | None = None
        self.pace = _pace(minute_limit)

    def wake(self) -> None:
        """Have the head of the queue look again."""
        if self.changed is not None:
            self.changed.set()

    def is_free(self, now: float) -> bool:
        """Whether nobody waits, and nobody has to: who asks may take a permit without a turn."""
        if self.turn.locked() or (self.pace is not None and not self.pace.has_capacity()):
            return False
        wait_s = self.bucket.wait_s(now)
        return wait_s is not None and wait_s <= 0

    async def free(self, clock: Callable[[], float], longest_pause_s: float) -> None:
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
    """Leave to make one request, waited for on entering; on leaving it counts for a window, or is given back."""

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
        """Bytes may have left: the request counts, whatever comes of it."""
        self.used = True

    def not_passed(self) -> None:
        """The server refused the request, or nothing is known of it: it shows nothing of what a limit lets through."""
        self._passed = False

    async def __aenter__(self) -> Self:
        limits, queue = self._limits, self._queue
        limits.check_loop()
        now = limits.clock()
        if queue.is_free(now):
            if queue.pace is not None:
                await queue.pace.acquire()  # which has room, and so gives nobody else a turn
            self._take(now)
            return self
        async with queue.turn:
            await queue.free(limits.clock, self._longest_pause_s)
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
    """What every request passes. For one event loop; shared by clients and jobs of one key.

    Arguments:
        rates: the numbers; None is what PostHog enforces per personal API key.
        clock: seconds that nobody can set; those during which the machine is suspended count.
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
            # each has a log of its own beside the one that counts, so that files tell them apart
            self._logs |= {Bucket.DELETES: RequestLog(), Bucket.OTHERS: RequestLog()}

    def permit(self, bucket: Bucket, *, longest_pause_s: float = math.inf) -> Permit:
        """Leave to make one request of this bucket, for `async with`: first come, first served.

        A permit that was not `spent()` is given back on leaving; a spent one counts from then for a whole window.

        Arguments:
            bucket: which limit the request counts in.
            longest_pause_s: while the server asks for a longer pause than these seconds, entering raises
                `PausedTooLong`.

        Raises:
            RuntimeError: on entering, in another event loop than the first.
        """
        return Permit(self, self._queues[bucket], self._logs[bucket], longest_pause_s)

    def pause(self, bucket: Bucket, for_s: float, *, status: int = 429) -> bool:
        """Let no request of this bucket leave for so many seconds, an hour at the longest.

        Arguments:
            bucket: which limit.
            for_s: the seconds that the server asks for.
            status: of the answer that asks for it.

        Returns:
            Whether that is news, and no part of a pause that is under way.
        """
        queue = self._queues[bucket]
        news = queue.bucket.pause(self.clock(), for_s, status)
        queue.wake()
        return news

    def lower(self, bucket: Bucket, retry_after_s: float | None, *, since: float | None = None) -> list[LimitReduction]:
        """Take an unexpected 429 as a sign that the limit is lower, and keep to what passed within the window.

        All 429s until requests pass again are one episode, which lowers a limit once; within an hour after the last
        of them the limit is the configured one again. A wait of more than a minute speaks of an hourly limit. Without
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
        """Account for requests that other processes made within the last hour.

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
        """The ages in seconds of this bucket's requests of the last hour, the oldest first; the latest 20,000 of more.

        To be handed to another process's `charge`. Where the limits allow more in an hour, as many as they allow.

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
        """Pass in the event loop that these limits are used in first.

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
    """Smooths the start of a burst; the windows are the bound."""
    if minute_limit is None:
        return None
    # here, since it looks its version up in the packages' metadata, which takes time
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(max(1.0, minute_limit / PACE), 1.0)
