"""The server's clock, estimated from the `Date` headers of its answers. Pure but for the clock it is given.

It is a clock of this machine that cannot be set and that runs on while the machine sleeps, plus an offset that the
answers tell: setting this machine's time changes nothing.

A header tells the time of an answer, cut to the second: the server's clock was there or up to a second further when
it answered, and it answered between sending and receiving. So each answer gives an earliest and a latest offset from
our clock. The estimate is the earliest that holds: never later than the server's clock by more than a round trip.
"""

import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)

TOLD_TO_S = 1.0
"""How finely a header tells the time."""
HOLDS_FOR_S = 60.0
"""Clocks drift: after so long a later answer counts, even if it tells less."""


boot_time: Callable[[], float] = time.monotonic if _BOOT is None else partial(time.clock_gettime, _BOOT)
"""Seconds since the machine started, those that it slept included where the system counts them (Linux).

Every request asks several times, and a partial answers in half the time that a function takes.
"""


def http_date(text: str) -> float | None:
    """A date of a header, seconds since the epoch, or None."""
    try:
        at = parsedate_to_datetime(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, IndexError, OverflowError, TypeError):
        return None


class ServerClock:
    """An estimate that answers correct.

    Arguments:
        clock: seconds, never set, running on during suspends.
        wall: this machine's time, seconds since the epoch; read once, for the time before the first answer.
    """

    def __init__(self, clock: Callable[[], float] = boot_time, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._first_offset_s = wall() - clock()
        self._offset_s: float | None = None
        self._latest_s = 0.0
        self._heard_at = 0.0
        self._doubted: tuple[float, float] | None = None
        self._date = ""
        self._told: float | None = None

    def now(self) -> float:
        """The server's clock, seconds since the epoch; before the first answer this machine's."""
        return self._clock() + (self._first_offset_s if self._offset_s is None else self._offset_s)

    def heard_date(self, date: str, elapsed_s: float) -> None:
        """Take the `Date` header of an answer that arrived just now; one that cannot be read tells nothing.

        Arguments:
            date: the header.
            elapsed_s: since its request was sent.
        """
        if date != self._date:  # many answers come in one second, and a date is slow to read
            self._date, self._told = date, http_date(date)
        if self._told is not None:
            self.heard(self._told, elapsed_s)

    def heard(self, told: float, elapsed_s: float) -> None:
        """Take what an answer that arrived just now told.

        An answer that moves the clock by more than can be, forward or back, is believed when the next one agrees.

        Arguments:
            told: its `Date`, seconds since the epoch.
            elapsed_s: since its request was sent.
        """
        now = self._clock()
        earliest = told - now
        latest = earliest + elapsed_s + TOLD_TO_S
        if self._offset_s is None:
            self._take(earliest, latest, now)
        elif earliest > self._latest_s + TOLD_TO_S or latest < self._offset_s - TOLD_TO_S:
            doubted = self._doubted
            if doubted is not None and doubted[0] <= latest and earliest <= doubted[1]:
                self._take(earliest, latest, now)
            else:
                self._doubted = earliest, latest
        elif earliest >= self._offset_s or latest < self._offset_s or not 0.0 <= now - self._heard_at < HOLDS_FOR_S:
            self._take(earliest, latest, now)
        else:
            self._latest_s = min(self._latest_s, latest)
            self._doubted = None

    def _take(self, earliest: float, latest: float, now: float) -> None:
        self._offset_s, self._latest_s, self._heard_at, self._doubted = earliest, latest, now, None
