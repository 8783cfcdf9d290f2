"""Rate limits: how many requests may be made, kept so that the server never has to answer 429.

`RateLimits` are the numbers (contract 3). `Limits` is the live object that requests pass; it may be shared by every
client and job of one key. A slot comes free one window after its response arrived: the server counted the request
before it answered, so whatever the latency, the server's own sliding log never holds more than ours.
"""

import math
import re
from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
import msgspec

from asyncclient._clock import boot_time
from asyncclient._window import MARGIN_S, Window
from asyncclient.errors import InvalidArgument

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

MINUTE_S = 60.0
HOUR_S = 3600.0
PACE = 5
"""The minute's allowance may be used up in so many seconds: a burst is smoothed, and next to no time is lost."""
LOWERED_TO = 0.9
DOCUMENTED_PER_HOUR = 1200
"""What the documentation names where the source has no hourly limit (contract 3)."""

_RATE = re.compile(r"(\d+)/(minute|min|m|hour|h)")


class Bucket(StrEnum):
    """Which limit a request counts in (contract 3)."""

    DELETES = "deletes"
    OTHERS = "others"
    DEFAULT = "default"
    CAPTURE = "capture"
    """Unlimited, since it is not the personal key's; a pause that the server asks for is kept (contract 12)."""


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Requests allowed; None is unlimited. The defaults are what PostHog enforces per key (contract 3)."""

    deletes_per_minute: int | None = 480
    deletes_per_hour: int | None = 4800
    others_per_minute: int | None = 240
    default_per_minute: int | None = 480
    default_per_hour: int | None = 4800

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InvalidArgument(f"{name} {value!r} is not a whole number of at least 1")

    @classmethod
    def posthog(cls) -> "RateLimits":
        """What PostHog enforces."""
        return cls()

    @classmethod
    def off(cls) -> "RateLimits":
        """No limits, as on most self-hosted servers."""
        return cls(
            deletes_per_minute=None,
            deletes_per_hour=None,
            others_per_minute=None,
            default_per_minute=None,
            default_per_hour=None,
        )

    @classmethod
    def parse(cls, text: str) -> "RateLimits":
        """Read "posthog", "off" or DELETES,HOURLY,OTHERS such as "480/min,4800/hour,240/min".

        Raises:
            InvalidArgument: the text is none of these.
        """
        if text == "posthog":
            return cls.posthog()
        if text == "off":
            return cls.off()
        found = [_RATE.fullmatch(part.strip()) for part in text.split(",")]
        units = [match[2][0] for match in found if match]
        if units != ["m", "h", "m"] or len(found) != 3:
            raise InvalidArgument(
                f"rate limits {text!r} are neither posthog, off, nor of the form 480/min,4800/hour,240/min"
            )
        deletes, hourly, others = (int(match[1]) for match in found if match)
        return cls(deletes_per_minute=deletes, deletes_per_hour=hourly, others_per_minute=others)

    def __str__(self) -> str:
        if self == RateLimits.off():
            return "off"
        if self == RateLimits.posthog():
            return "posthog"
        return f"{self.deletes_per_minute}/min,{self.deletes_per_hour}/hour,{self.others_per_minute}/min"

    def windows(self, bucket: Bucket) -> dict[float, int]:
        """The windows of a bucket: requests by length in seconds."""
        found = {
            Bucket.DELETES: {MINUTE_S: self.deletes_per_minute, HOUR_S: self.deletes_per_hour},
            Bucket.OTHERS: {MINUTE_S: self.others_per_minute},
            Bucket.DEFAULT: {MINUTE_S: self.default_per_minute, HOUR_S: self.default_per_hour},
            Bucket.CAPTURE: {},
        }[bucket]
        return {window_s: limit for window_s, limit in found.items() if limit is not None}


class WindowBudget(msgspec.Struct, frozen=True, kw_only=True):
    """One window now: requests that count, and when the next slot comes free (0 when one is)."""

    window_s: float
    limit: int
    used: int
    frees_in_s: float


class Lowered(msgspec.Struct, frozen=True, kw_only=True):
    """A window whose limit was lowered; None means there was none."""

    window_s: float
    old: int | None
    new: int


class _Gauge:
    """The windows of one bucket, and the queue before them."""

    def __init__(self, windows: dict[float, int]) -> None:
        self.windows = {window_s: Window(window_s, limit) for window_s, limit in windows.items()}
        self.paused_until = 0.0
        self.lowered_at = -math.inf
        self.turn = anyio.Lock(fast_acquire=True)
        self.changed: anyio.Event | None = None
        self.pace = _pace(windows)

    def wake(self) -> None:
        if self.changed is not None:
            self.changed.set()

    def is_free(self, now: float) -> bool:
        """Whether nobody queues, and nobody has to: who asks may take a slot without a turn."""
        if self.turn.locked() or (self.pace is not None and not self.pace.has_capacity()):
            return False
        wait = self.free_in_s(now)
        return wait is not None and wait <= 0

    async def free(self, clock: Callable[[], float]) -> None:
        """Wait until every window has a slot; for the head of the queue, who holds the turn."""
        if self.pace is not None:
            await self.pace.acquire()
        while (wait := self.free_in_s(clock())) is None or wait > 0:
            self.changed = anyio.Event()
            with anyio.move_on_after(wait):
                await self.changed.wait()
            self.changed = None

    def free_in_s(self, now: float) -> float | None:
        longest = self.paused_until - now
        for window in self.windows.values():
            wait = window.free_in_s(now)
            if wait is None:
                return None
            if wait > longest:
                longest = wait
        return longest


class Slot:
    """Leave to make one request, waited for on entering; on leaving it counts for a window, or is given back."""

    __slots__ = ("_clock", "_gauge", "_taken", "since", "used")

    def __init__(self, gauge: _Gauge, clock: Callable[[], float]) -> None:
        self._gauge = gauge
        self._clock = clock
        self._taken: tuple[Window, ...] = ()
        self.since = 0.0
        self.used = False

    def spent(self) -> None:
        """Bytes may have left: the request counts, whatever comes of it."""
        self.used = True

    async def __aenter__(self) -> Self:
        gauge = self._gauge
        self.since = self._clock()
        if not gauge.windows and gauge.paused_until <= self.since:
            return self
        if gauge.is_free(self.since):
            if gauge.pace is not None:
                await gauge.pace.acquire()  # which has room, and so gives nobody else a turn
            self._take()
            return self
        async with gauge.turn:
            await gauge.free(self._clock)
            self._take()
        self.since = self._clock()
        return self

    def _take(self) -> None:
        self._taken = tuple(self._gauge.windows.values())
        for window in self._taken:
            window.under_way += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._taken:
            return
        now = self._clock()
        for window in self._taken:
            window.under_way -= 1
            if self.used:
                window.answered(now)
        self._gauge.wake()


class Limits:
    """What every request passes. For one event loop; shared by clients and jobs of one key.

    Arguments:
        rates: the numbers.
        clock: seconds that nobody can set; those during which the machine is suspended count.
    """

    def __init__(self, rates: RateLimits | None = None, *, clock: Callable[[], float] = boot_time) -> None:
        self.rates = RateLimits.posthog() if rates is None else rates
        self._clock = clock
        self._gauges = {bucket: _Gauge(self.rates.windows(bucket)) for bucket in Bucket}

    def slot(self, bucket: Bucket) -> Slot:
        """Leave to make one request of this bucket, for `async with`: first come, first served.

        A slot that was not `spent()` is given back on leaving; a spent one counts from then for a whole window.
        """
        return Slot(self._gauges[bucket], self._clock)

    def pause(self, bucket: Bucket, for_s: float) -> None:
        """Let no request of this bucket leave for so many seconds."""
        gauge = self._gauges[bucket]
        gauge.paused_until = max(gauge.paused_until, self._clock() + for_s)
        gauge.wake()

    def lower(self, bucket: Bucket, retry_after_s: float | None, *, since: float | None = None) -> list[Lowered]:
        """Take an unexpected 429 as a sign that the limit is lower, and keep below what was really used.

        Without limits PostHog's published ones are switched on. A wait of more than a minute speaks of an hourly
        limit, which is made where there is none.

        Arguments:
            retry_after_s: how long the server asks to wait.
            since: when the request left by the clock of these limits. One that left before the limit was lowered
                last says nothing of the new one.
        """
        gauge = self._gauges[bucket]
        now = self._clock()
        if since is not None and since <= gauge.lowered_at:
            return []
        gauge.lowered_at = now
        if not gauge.windows:
            published = RateLimits.posthog().windows(bucket)
            gauge.windows = {window_s: Window(window_s, limit) for window_s, limit in published.items()}
            gauge.pace = _pace(published)
            return [Lowered(window_s=window_s, old=None, new=limit) for window_s, limit in published.items()]
        window_s = HOUR_S if retry_after_s is not None and retry_after_s > MINUTE_S else MINUTE_S
        window = gauge.windows.get(window_s)
        used = (
            max((each.used(now) for each in gauge.windows.values()), default=0) if window is None else window.used(now)
        )
        old = None if window is None else window.limit
        # others may have used the key up, so what we used is no reason to go below half in one step
        new = max(1, (old or DOCUMENTED_PER_HOUR) // 2, int(min(used, old or used) * LOWERED_TO))
        if old is not None and new >= old:
            return []
        if window is None:
            gauge.windows[window_s] = window = Window(window_s, new)
            minute = gauge.windows.get(MINUTE_S)
            window.frees_at = deque(at + window_s - MINUTE_S for at in minute.frees_at) if minute else deque()
        window.limit = new
        if window_s == MINUTE_S:
            gauge.pace = _pace({MINUTE_S: new})
        return [Lowered(window_s=window_s, old=old, new=new)]

    def charge(self, bucket: Bucket, ages_s: Iterable[float]) -> None:
        """Account for requests that other processes made.

        Arguments:
            ages_s: seconds since the answer to each arrived.
        """
        now, ages = self._clock(), list(ages_s)
        for window in self._gauges[bucket].windows.values():
            window.charge(now, ages)

    def recent(self, bucket: Bucket) -> list[float]:
        """The ages in seconds of the requests that count in the longest window now, the oldest first."""
        windows = self._gauges[bucket].windows
        if not windows:
            return []
        now, longest = self._clock(), windows[max(windows)]
        under_way = [0.0] * longest.under_way
        longest.used(now)
        return [now - (at - longest.window_s - MARGIN_S) for at in longest.frees_at] + under_way

    def budget(self, bucket: Bucket) -> list[WindowBudget]:
        """Each window of the bucket, the shortest first; empty where it is unlimited."""
        now = self._clock()
        return [
            WindowBudget(
                window_s=window_s,
                limit=window.limit,
                used=window.used(now),
                frees_in_s=window.free_in_s(now) or 0.0,
            )
            for window_s, window in sorted(self._gauges[bucket].windows.items())
        ]

    def eta_s(self, bucket: Bucket, requests: int) -> float:
        """Seconds until so many more requests can have been made, each answered at once."""
        now, latest = self._clock(), 0.0
        for window in self._gauges[bucket].windows.values():
            free = window.limit - window.used(now)
            if requests <= free:
                continue
            rounds, place = divmod(requests - free - 1, window.limit)
            frees = list(window.frees_at)
            first = frees[place] - now if place < len(frees) else window.window_s
            latest = max(latest, first + rounds * (window.window_s + MARGIN_S))
        return max(latest, self._gauges[bucket].paused_until - now if requests else 0.0)


def _pace(windows: dict[float, int]) -> "AsyncLimiter | None":
    """Smooths the start of a burst; the windows are the bound."""
    limit = windows.get(MINUTE_S)
    if limit is None:
        return None
    # here, since it looks its version up in the packages' metadata, which takes time
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(max(1.0, limit / PACE), 1.0)
