"""A sliding log of the last hour's requests; every rate limit window is a view of it. Pure; knows no clock."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from itertools import islice
from math import floor

from asyncclient._protocol.limits.rate_limits import HOUR_S

MARGIN_S = 0.05
"""Seconds added to each window, for clocks that do not run alike."""
ENTRIES_PER_S = 10
"""Requests answered in the same tenth of a second share an entry, so that an hour of them stays small."""

_FEW = 256
"""Entries up to which old ones are not dropped."""


class RequestLog:
    """Requests under way, and when the answers of the last hour arrived.

    An entry stands for all answers of a tenth of a second and has the time of the last one. No request is taken for
    older than it is, so the server's own log of a window never holds more than this one. Times are those of any clock
    that does not go back.
    """

    __slots__ = ("_before", "_ends", "_look_at", "_times", "_total", "_totals", "under_way")

    def __init__(self) -> None:
        self.under_way = 0
        self._times = array("d")
        self._totals = array("Q")
        """Requests up to each entry, it included, since the log began."""
        self._total = 0
        self._before = 0
        """Requests of the entries that were dropped."""
        self._ends = 0.0
        """When the last entry takes no more; entries end at fixed times, so that rebuilding a log moves none."""
        self._look_at = _FEW

    def __len__(self) -> int:
        return len(self._times)

    def record(self, now: float) -> None:
        """Count a request that was answered just now."""
        times = self._times
        self._total += 1
        if now < self._ends and times:
            times[-1] = now
            self._totals[-1] = self._total
            return
        if len(times) >= self._look_at:
            self._drop_old(now)
        self._ends = _entry_end(now)
        times.append(now)
        self._totals.append(self._total)

    def insert(self, now: float, times: Iterable[float]) -> None:
        """Count requests that others made, by the times of their answers; those over an hour old do not count."""
        oldest = now - HOUR_S - MARGIN_S
        added = [(min(time, now), 1) for time in times if time > oldest]
        if not added:
            return
        entries = sorted([*self._entries(), *added])
        self._total = self._before
        self._times, self._totals = array("d"), array("Q")
        for time, count in entries:
            self._total += count
            if self._times and time < self._ends:
                self._times[-1] = time
                self._totals[-1] = self._total
            else:
                self._ends = _entry_end(time)
                self._times.append(time)
                self._totals.append(self._total)
        self._drop_old(now)

    def count(self, now: float, window_s: float) -> int:
        """How many requests count in a window that ends now."""
        return self.under_way + self._total - self._expired(now, window_s)

    def frees_in_s(self, now: float, window_s: float, place: int) -> float | None:
        """Seconds until one of the answered requests in a window no longer counts.

        Arguments:
            place: which of them, the oldest is 0.

        Returns:
            None where fewer have been answered.
        """
        at = bisect_right(self._totals, self._expired(now, window_s) + place)
        return self._times[at] + window_s + MARGIN_S - now if at < len(self._times) else None

    def wait_s(self, now: float, window_s: float, limit: int) -> float | None:
        """Seconds until the window has room for one more request; None when only an answer can make room."""
        if self.under_way + self._total - self._before < limit:
            return 0.0
        over = self.count(now, window_s) - limit
        return 0.0 if over < 0 else self.frees_in_s(now, window_s, over)

    def ages(self, now: float, *, most: int) -> list[float]:
        """The ages in seconds of the requests of the last hour, the oldest first; one under way is 0.

        Arguments:
            most: how many of the answered ones, the latest.
        """
        oldest = now - HOUR_S - MARGIN_S
        ages = (
            now - time for time, count in reversed(list(self._entries())) if time > oldest for _ in range(count)
        )  # lazily: an hour may hold millions of requests where nothing is limited
        return [*reversed(list(islice(ages, most))), *[0.0] * self.under_way]

    def _expired(self, now: float, window_s: float) -> int:
        """Requests, counted from the log's beginning, that are too old for the window."""
        at = bisect_right(self._times, now - window_s - MARGIN_S)
        return self._totals[at - 1] if at else self._before

    def _entries(self) -> Iterable[tuple[float, int]]:
        before = self._before
        for time, total in zip(self._times, self._totals, strict=True):
            yield time, total - before
            before = total

    def _drop_old(self, now: float) -> None:
        """Drop entries over an hour old; called again when the log has doubled, so that it costs little per request."""
        old = bisect_right(self._times, now - HOUR_S - MARGIN_S)
        if old:
            self._before = self._totals[old - 1]
            del self._times[:old], self._totals[:old]
        self._look_at = max(_FEW, 2 * len(self._times))


def _entry_end(time: float) -> float:
    return (floor(time * ENTRIES_PER_S) + 1) / ENTRIES_PER_S  # a tenth itself is no float, so that sums of it drift
