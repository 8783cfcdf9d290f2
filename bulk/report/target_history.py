"""When something happened to a few targets of a job: taken from the journal's records while they are replayed. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

import msgspec

from bulk.journal.records import AttemptEnded, Intent, JobOpened, Record, StatesChanged
from bulk.number_ranges import parse_ranges
from bulk.operations import primary_axis_of
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
                axis = primary_axis_of(record.operation)
                self._done = frozenset((axis.value, state.name.lower()) for state in PROVEN[axis])
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
