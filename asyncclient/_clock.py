"""The server's wall clock, estimated from the `Date` headers of its answers. Pure but for the clock it is given.

A header tells the time of an answer, cut to the second: the server's clock was there or up to a second further when
it answered, and it answered between sending and receiving. So each answer gives an earliest and a latest offset from
our clock. The estimate is the earliest that holds: never later than the server's clock by more than a round trip.
"""

import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

TOLD_TO_S = 1.0
"""How finely a header tells the time."""
HOLDS_FOR_S = 60.0
"""Clocks drift: after so long a later answer counts, even if it tells less."""


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
        wall: our clock, seconds since the epoch.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._offset_s: float | None = None
        self._latest_s = 0.0
        self._heard_at = 0.0
        self._doubted: float | None = None
        self._date = ""
        self._told: float | None = None

    def now(self) -> float:
        """The server's clock, seconds since the epoch; ours before the first answer."""
        return self._wall() + (self._offset_s or 0.0)

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

        An answer that sets the clock forward by more than can be is believed when the next one agrees.

        Arguments:
            told: its `Date`, seconds since the epoch.
            elapsed_s: since its request was sent.
        """
        now = self._wall()
        earliest = told - now
        latest = earliest + elapsed_s + TOLD_TO_S
        if self._offset_s is None or self._offset_s > latest:
            self._take(earliest, latest, now)
        elif earliest > self._latest_s + TOLD_TO_S:
            if self._doubted is not None and self._doubted <= latest:
                self._take(earliest, latest, now)
            else:
                self._doubted = earliest
        elif earliest >= self._offset_s or not 0.0 <= now - self._heard_at < HOLDS_FOR_S:
            self._take(earliest, latest, now)
        else:
            self._latest_s = min(self._latest_s, latest)
            self._doubted = None

    def _take(self, earliest: float, latest: float, now: float) -> None:
        self._offset_s, self._latest_s, self._heard_at, self._doubted = earliest, latest, now, None
