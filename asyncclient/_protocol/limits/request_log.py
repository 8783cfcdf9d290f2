"""RequestLog: a sliding log of the last hour's requests; every rate limit window is a view of it. Pure."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from math import floor

from asyncclient._protocol.limits.rate_limits import HOUR_S

MARGIN_S = 0.05
"""Seconds added to each window, because clocks run at different speeds."""
ENTRIES_PER_S = 10
"""Requests that end in the same tenth of a second share an entry, which keeps an hour of them small."""

_FEW = 256
"""Up to this many entries, old ones are not dropped."""


class RequestLog:
    """Requests in flight, and the times at which the responses of the last hour arrived.

    An entry stands for all responses within a tenth of a second and has the time of the last one. So no request counts
    as older than it is, and the server's own log of a window never has more requests than this one. Times come from any
    clock that does not go back.
    """

    __slots__ = ("_before", "_ends", "_look_at", "_times", "_total", "_totals", "in_flight")

    def __init__(self) -> None:
        self.in_flight = 0
        self._times = array("d")
        self._totals = array("Q")
        """For each entry, the number of requests up to and including it, since the log began."""
        self._total = 0
        self._before = 0
        """Number of requests in dropped entries."""
        self._ends = 0.0
        """End of the last entry; entries end at fixed times, so that rebuilding a log does not move them."""
        self._look_at = _FEW

    def __len__(self) -> int:
        return len(self._times)

    def record(self, now: float) -> None:
        """Count a request whose response arrived just now."""
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
        """Count requests of other processes by the times of their responses; those older than an hour do not count."""
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
        """Return how many requests count in a window that ends now."""
        return self.in_flight + self._total - self._expired(now, window_s)

    def frees_in_s(self, now: float, window_s: float, place: int) -> float | None:
        """Return the seconds until a finished request leaves a window.

        Arguments:
            now: seconds.
            window_s: length of the window in seconds.
            place: which finished request, 0 for the oldest.

        Returns:
            Seconds; None if fewer requests have finished.
        """
        at = bisect_right(self._totals, self._expired(now, window_s) + place)
        return self._times[at] + window_s + MARGIN_S - now if at < len(self._times) else None

    def wait_s(self, now: float, window_s: float, limit: int) -> float | None:
        """Return the seconds until the window has room for one more request; None if only a response can make room."""
        if self.in_flight + self._total - self._before < limit:
            return 0.0
        over = self.count(now, window_s) - limit
        return 0.0 if over < 0 else self.frees_in_s(now, window_s, over)

    def ages(self, now: float, *, max_count: int) -> list[float]:
        """Return the ages in seconds of the requests of the last hour, the oldest first; one in flight has age 0.

        Arguments:
            now: seconds.
            max_count: the most finished requests to return; the latest are kept.
        """
        oldest = now - HOUR_S - MARGIN_S
        ages = (
            now - time for time, count in reversed(list(self._entries())) if time > oldest for _ in range(count)
        )  # lazy, because an hour may have millions of requests if nothing is limited
        return [*reversed(list(islice(ages, max_count))), *[0.0] * self.in_flight]

    def entries_since(self, oldest: float) -> Iterator[tuple[float, int]]:
        """Return the times at which requests ended, and how many at each, from this time on."""
        return ((time, count) for time, count in self._entries() if time > oldest)

    def _expired(self, now: float, window_s: float) -> int:
        """Return how many requests since the log began are too old for the window."""
        at = bisect_right(self._times, now - window_s - MARGIN_S)
        return self._totals[at - 1] if at else self._before

    def _entries(self) -> Iterable[tuple[float, int]]:
        before = self._before
        for time, total in zip(self._times, self._totals, strict=True):
            yield time, total - before
            before = total

    def _drop_old(self, now: float) -> None:
        """Drop entries older than an hour; called when the log has doubled, so that it costs little per request."""
        old = bisect_right(self._times, now - HOUR_S - MARGIN_S)
        if old:
            self._before = self._totals[old - 1]
            del self._times[:old], self._totals[:old]
        self._look_at = max(_FEW, 2 * len(self._times))


def _entry_end(time: float) -> float:
    return (floor(time * ENTRIES_PER_S) + 1) / ENTRIES_PER_S  # 0.1 is not exact in binary, so sums of it would drift
