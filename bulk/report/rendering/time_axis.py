"""Places times on an axis from 0 to 100 percent, and leaves out long stretches in which nothing happened. Pure."""

import itertools
from collections.abc import Iterable
from datetime import datetime

import msgspec

GAP_WIDTH = 6.0
"""Percent of the axis that stand for time that is left out."""
GAPS_MAX = 2
LEAST_WIDTH = 24.0
"""Percent of the axis that each stretch has at least, so that the times below it have room."""
_LONG = 0.25
"""The part of the whole time from which a stretch without anything is left out, if it is also longer than an hour."""
_HOUR_S = 3600.0


class AxisTick(msgspec.Struct, frozen=True, kw_only=True):
    """A time to write below the axis. `anchor` is "start" or "end": the side of the text that is at the place."""

    at: float
    when: datetime
    anchor: str


class _Stretch(msgspec.Struct, frozen=True):
    first: datetime
    last: datetime
    start: float
    width: float


class TimeAxis:
    """An axis for some times.

    Arguments:
        times: ISO 8601, at least one.
    """

    def __init__(self, times: Iterable[str]) -> None:
        moments = sorted({datetime.fromisoformat(time) for time in times})
        self.first, self.last = moments[0], moments[-1]
        self._stretches = _stretches(_split(moments))

    @property
    def end(self) -> float:
        """The place of the last time."""
        return self.place(self.last)

    @property
    def gaps(self) -> tuple[float, ...]:
        """The middle of each place at which time is left out."""
        return tuple(round(stretch.start - GAP_WIDTH / 2, 2) for stretch in self._stretches[1:])

    def place(self, time: str | datetime) -> float:
        """Return the place of a time, in percent; a time that is left out is placed at the end before it."""
        moment = datetime.fromisoformat(time) if isinstance(time, str) else time
        place = 0.0
        for stretch in self._stretches:
            if moment < stretch.first:
                break
            length = (stretch.last - stretch.first).total_seconds()
            part = min(1.0, (moment - stretch.first).total_seconds() / length) if length else 0.0
            place = stretch.start + part * stretch.width
        return round(place, 2)

    def ticks(self) -> tuple[AxisTick, ...]:
        """Return the beginning of each stretch, and the end of the last one where it has room."""
        found = [AxisTick(at=one.start, when=one.first, anchor="start") for one in self._stretches]
        last = self._stretches[-1]
        if last.width > 2 * LEAST_WIDTH and last.last > last.first:
            found.append(AxisTick(at=round(last.start + last.width, 2), when=last.last, anchor="end"))
        return tuple(found)


def _split(moments: list[datetime]) -> list[tuple[datetime, datetime]]:
    """Return the stretches of time between the longest times in which nothing happened."""
    whole = (moments[-1] - moments[0]).total_seconds()
    pauses = sorted(
        ((later - earlier).total_seconds(), number)
        for number, (earlier, later) in enumerate(itertools.pairwise(moments), 1)
    )
    cuts = sorted(number for length, number in pauses[-GAPS_MAX:] if length > max(_LONG * whole, _HOUR_S))
    bounds = [0, *cuts, len(moments)]
    return [(moments[start], moments[stop - 1]) for start, stop in itertools.pairwise(bounds)]


def _stretches(parts: list[tuple[datetime, datetime]]) -> list[_Stretch]:
    """Return the stretches with their places: each as wide as its time, but none too narrow for the text below it."""
    room = 100.0 - GAP_WIDTH * (len(parts) - 1)
    lengths = [(last - first).total_seconds() for first, last in parts]
    free, total = room - LEAST_WIDTH * len(parts), sum(lengths)
    found: list[_Stretch] = []
    start = 0.0
    for (first, last), length in zip(parts, lengths, strict=True):
        width = LEAST_WIDTH + free * (length / total if total else 1 / len(parts))
        found.append(_Stretch(first, last, round(start, 2), round(width, 2)))
        start += width + GAP_WIDTH
    return found
