"""Keeps the time up to which a deletion row covers each target's events (guarantee 20). Pure.

All times are the server's, in seconds since the epoch. They take four bytes per target, relative to the job's opening.
"""

import math
from array import array
from collections.abc import Collection, Iterable

NEVER = -(2**31)
_LATEST = 2**31 - 1


class EventCoverage:
    """The time up to which a deletion row covers each target's events.

    Arguments:
        since: when the job was opened.
        count: number of targets; 0 if the operation deletes no events.

    Attributes:
        largest_uncovered_s: longest time between the end of the coverage of a person's events and its deletion.
    """

    def __init__(self, since: float = 0.0, count: int = 0) -> None:
        self._since = since
        self._until = array("i", [NEVER]) * count
        self.largest_uncovered_s: float | None = None

    def until(self, number: int) -> float | None:
        """Return the time up to which a target's events are covered; None if it is not known."""
        seconds = self._until[number] if self._until else NEVER
        return None if seconds == NEVER else self._since + seconds

    def span(self, numbers: Iterable[int]) -> tuple[float, float] | None:
        """Return the earliest and the latest time up to which events of these targets are covered; None if unknown."""
        known = {*map(self._until.__getitem__, numbers)} - {NEVER} if self._until else set()
        return (self._since + min(known), self._since + max(known)) if known else None

    def cover(self, ranges: Iterable[tuple[int, int]], until: float) -> None:
        """Set the time up to which the events of targets are covered, rounded down to the second."""
        if not self._until:
            return
        seconds = min(max(math.floor(until - self._since), NEVER + 1), _LATEST)
        for start, stop in ranges:
            self._until[start:stop] = array("i", [seconds]) * (stop - start)

    def record_deletion(self, start: int, stop: int, at: float) -> None:
        """Record that a request deletes these persons at a time: events captured after their coverage ends stay."""
        known = [seconds for seconds in self._until[start:stop] if seconds != NEVER]
        if known:
            gap_s = max(0.0, at - self._since - min(known))
            self.largest_uncovered_s = max(gap_s, self.largest_uncovered_s or 0.0)

    def outdated(self, numbers: Collection[int], oldest: float) -> list[int]:
        """Return those of these targets whose events are not covered up to this time, or not known to be."""
        return self._covered_between(numbers, NEVER, self._seconds(oldest)) if self._until else list(numbers)

    def expiring(self, numbers: Collection[int], oldest: float, soon: float) -> list[int]:
        """Return those of these targets whose events are covered up to a time between these two.

        Arguments:
            soon: the later time, not included.
        """
        return self._covered_between(numbers, self._seconds(oldest), self._seconds(soon)) if self._until else []

    def _seconds(self, at: float) -> float:
        return max(at - self._since, NEVER + 1)

    def _covered_between(self, numbers: Collection[int], earliest: float, before: float) -> list[int]:
        until = self._until
        times = set(map(until.__getitem__, numbers))  # the targets of a batch share a few times
        found = {seconds for seconds in times if earliest <= seconds < before}
        return [number for number in numbers if until[number] in found] if found else []

    def is_newer(self, number: int, than: float) -> bool:
        """Return whether a target's events are covered beyond this time, or up to an unknown time."""
        until = self.until(number)
        return until is None or until > than
