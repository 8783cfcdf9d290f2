"""When something happened to a few targets of a job: taken from the journal's records while they are replayed. Pure."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

import msgspec

from bulk.journal.records import AttemptEnded, Intent, JobOpened, Record, StatesChanged
from bulk.number_ranges import parse_ranges
from bulk.operations import primary_axis_of
from bulk.requests.due_dates import parse_received
from bulk.states import PROVEN, Axis, Events

_PURGED = Events.PURGED.name.lower()


class TargetTimes(msgspec.Struct):
    """When something happened to a target, in seconds since the epoch by the server's clock; None if it did not.

    Arguments:
        requested_at: when the first request for it left.
        done_at: when reading back first showed what the operation is about.
        purged_at: when reading back first showed that its events are purged.
    """

    requested_at: float | None = None
    done_at: float | None = None
    purged_at: float | None = None


class DoneTimes:
    """Collects when each target of a job with due requests was done; `apply` takes every record in order.

    It takes 16 bytes per target, and none for a job without due requests.
    """

    def __init__(self) -> None:
        self._done = array("d")
        self._purged = array("d")
        self._done_states: frozenset[tuple[str, str]] = frozenset()
        self._planned = date.min

    def day(self, target: int) -> date:
        """Return the day in UTC on which a target was done, with its events; at least that of the planning."""
        if target >= len(self._done):
            return self._planned
        return max(self._planned, _day(max(self._done[target], self._purged[target])))

    def last_day(self) -> date:
        """Return the day on which the last target was done; at least that of the planning."""
        last = max(max(self._done, default=0.0), max(self._purged, default=0.0))
        return max(self._planned, _day(last))

    @property
    def planned(self) -> date:
        """The day in UTC of the planning."""
        return self._planned

    def apply(self, record: Record) -> None:
        """Take in a record."""
        if isinstance(record, JobOpened):
            self._planned = parse_received(record.planned_at) or date.min
            if record.due or (record.record is not None and record.record.received is not None):
                self._done, self._purged = array("d", bytes(8 * record.count)), array("d", bytes(8 * record.count))
                self._done_states = _done_states(record)
        elif self._done and isinstance(record, StatesChanged):
            for change in record.changes:
                if (change.axis, change.state) in self._done_states:
                    _set_first(self._done, change.targets, record.at)
                if change.state == _PURGED:
                    _set_first(self._purged, change.targets, record.at)


def _set_first(times: "array[float]", targets: str, at: float) -> None:
    for start, stop in parse_ranges(targets):
        for number in range(start, stop):
            times[number] = times[number] or at


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()


def _done_states(job: JobOpened) -> frozenset[tuple[str, str]]:
    axis = primary_axis_of(job.operation)
    return frozenset((axis.value, state.name.lower()) for state in PROVEN[axis])


class TargetHistory:
    """Collects the times of some targets; `apply` takes every record of the journal in order.

    Arguments:
        targets: their numbers.
    """

    def __init__(self, targets: Iterable[int]) -> None:
        self._numbers = sorted(set(targets))
        self._times = {number: TargetTimes() for number in self._numbers}
        self._done: frozenset[tuple[str, str]] = frozenset()
        self._intents: dict[int, Intent] = {}

    def times(self, target: int) -> TargetTimes:
        """Return the times of one of the targets."""
        return self._times[target]

    def apply(self, record: Record) -> None:
        """Take in a record."""
        match record:
            case StatesChanged():
                for change in record.changes:
                    is_done = (change.axis, change.state) in self._done
                    if is_done or change.state == _PURGED:
                        for times in self._of(change.targets):
                            if is_done:
                                times.done_at = times.done_at or record.at
                            if change.state == _PURGED:
                                times.purged_at = times.purged_at or record.at
            case Intent():
                for times in self._of(record.targets):
                    times.requested_at = times.requested_at or record.at
                self._intents[record.attempt] = record
            case AttemptEnded():
                self._accepted(record)
            case JobOpened():
                self._done = _done_states(record)
            case _:
                pass

    def _accepted(self, record: AttemptEnded) -> None:
        """An accepted request is all that there is to a deletion of recordings."""
        intent = self._intents.pop(record.attempt, None)
        if intent is None or record.outcome != "ok" or intent.axes != (Axis.RECORDINGS.value,):
            return
        if (Axis.RECORDINGS.value, "requested") in self._done:
            for times in self._of(intent.targets if record.accepted is None else record.accepted):
                times.done_at = times.done_at or record.at

    def _of(self, targets: str) -> Iterator[TargetTimes]:
        for start, stop in parse_ranges(targets):
            at = bisect_left(self._numbers, start)
            while at < len(self._numbers) and self._numbers[at] < stop:
                yield self._times[self._numbers[at]]
                at += 1
