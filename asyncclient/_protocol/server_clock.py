"""ServerClock: estimates the server's clock from the `Date` headers of its responses. Pure except for its clocks.

The estimate is a clock of this machine that cannot be set and also runs while the machine is suspended, plus an offset
that the responses determine. So setting this machine's time changes nothing.

A `Date` header has the time of a response, cut to the second: when the server responded, its clock showed that time or
up to a second more, and it responded between sending and receiving. So each response gives an earliest and a latest
offset. The estimate uses the earliest one that is still valid, and so is ahead of the server's clock by at most one
round trip.
"""

import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)

DATE_RESOLUTION_S = 1.0
"""Resolution of the `Date` header in seconds."""
ESTIMATE_LIFETIME_S = 60.0
"""Seconds after which a new response replaces the estimate even if it is less precise, because clocks drift."""


boot_time: Callable[[], float] = time.monotonic if _BOOT is None else partial(time.clock_gettime, _BOOT)
"""Seconds since the machine started, those that it slept included where the system counts them (Linux).

Every request asks several times, and a partial returns in half the time that a function takes.
"""


def http_date(text: str) -> float | None:
    """Return the date of a header as seconds since the epoch; None if it cannot be read."""
    try:
        at = parsedate_to_datetime(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, IndexError, OverflowError, TypeError):
        return None


class ServerClock:
    """An estimate of the server's clock, corrected by each response.

    Arguments:
        clock: returns seconds of a clock that cannot be set and also runs while the machine is suspended.
        wall: returns this machine's time in seconds since the epoch; read once, for the time before the first response.
    """

    def __init__(self, clock: Callable[[], float] = boot_time, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._first_offset_s = wall() - clock()
        self._offset_s: float | None = None
        self._latest_s = 0.0
        self._observed_at = 0.0
        self._outlier: tuple[float, float] | None = None
        self._date = ""
        self._date_s: float | None = None

    def now(self) -> float:
        """Return the server's time in seconds since the epoch; before the first response, this machine's time."""
        return self._clock() + (self._first_offset_s if self._offset_s is None else self._offset_s)

    def observe_date(self, date: str, elapsed_s: float) -> None:
        """Correct the estimate by the `Date` header of a response that arrived just now; an unreadable one is ignored.

        Arguments:
            date: the header.
            elapsed_s: seconds since the request was sent.
        """
        if date != self._date:  # many responses arrive within one second, and parsing a date is slow
            self._date, self._date_s = date, http_date(date)
        if self._date_s is not None:
            self.observe(self._date_s, elapsed_s)

    def observe(self, date_s: float, elapsed_s: float) -> None:
        """Correct the estimate by the time of a response that arrived just now.

        A response that moves the clock further than is possible, forward or back, counts only if the next one agrees.

        Arguments:
            date_s: `Date` of the response, in seconds since the epoch.
            elapsed_s: seconds since the request was sent.
        """
        now = self._clock()
        earliest = date_s - now
        latest = earliest + elapsed_s + DATE_RESOLUTION_S
        if self._offset_s is None:
            self._take(earliest, latest, now)
        elif earliest > self._latest_s + DATE_RESOLUTION_S or latest < self._offset_s - DATE_RESOLUTION_S:
            outlier = self._outlier
            if outlier is not None and outlier[0] <= latest and earliest <= outlier[1]:
                self._take(earliest, latest, now)
            else:
                self._outlier = earliest, latest
        elif (
            earliest >= self._offset_s
            or latest < self._offset_s
            or not 0.0 <= now - self._observed_at < ESTIMATE_LIFETIME_S
        ):
            self._take(earliest, latest, now)
        else:
            self._latest_s = min(self._latest_s, latest)
            self._outlier = None

    def _take(self, earliest: float, latest: float, now: float) -> None:
        self._offset_s, self._latest_s, self._observed_at, self._outlier = earliest, latest, now, None
