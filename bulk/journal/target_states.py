"""Where every target stands: the fold over a journal's records. Pure.

The same fold serves the replay at the start and the running job, so that what a process knows is always what
its journal says (resume is not a mode). One byte per target and axis for state and reason, one for the attempts, and
four for the time up to which a deletion row covers the events, where events are deleted: 10,000,000 targets take 90 MB.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from bulk.journal.limit_usage import LimitUsage
from bulk.journal.records import (
    Answer,
    Approved,
    Change,
    Intent,
    JobOpened,
    LimitChanged,
    PauseTaken,
    Record,
    RunEnded,
    RunStarted,
    Settled,
    Spent,
    TestBatchPassed,
)
from bulk.journal.run_stats import RunStats
from bulk.number_ranges import parse_ranges
from bulk.operations import axes_of, primary_axis_of
from bulk.states import STATES, Axis, Events, Person, Properties, Recordings, State
from bulk.targets.coverage import Coverage
from bulk.targets.observations import Observation
from bulk.targets.reasons import PLACES, STANDINGS, TRIED_AGAIN_FROM, UNREAD, Reason, Standing
from bulk.targets.rejection_labels import RejectionLabels
from bulk.targets.state_machine import TargetMachine, answered
from bulk.targets.target_sets import in_either, marked, numbers_of
from bulk.targets.transitions import JOURNAL_PLACES, STATES_AT, Transitions

MAX_ATTEMPTS_KEPT = 255
TOO_MANY_REQUESTS = 429


class TargetStates:
    """The state of a job, replayed from its journal and kept up while it runs."""

    def __init__(self) -> None:
        self.job: JobOpened | None = None
        self.approved: Approved | None = None
        self.test_batch: TestBatchPassed | None = None
        self._begin({axis: bytearray() for axis in Axis})
        self.attempts = bytearray()
        self.open: dict[int, Intent] = {}
        self.next_attempt = 0
        self.last_accepted_at = 0.0
        self.queued_deletion_seen = False
        self.usage = LimitUsage()
        self.run_stats = RunStats()
        self.coverage = Coverage()
        self.transitions = Transitions(TargetMachine(Axis.PERSON))
        self._counts = {axis.value: [0] * len(STANDINGS[axis]) for axis in Axis}
        self._labels = RejectionLabels()

    @property
    def lead(self) -> Axis:
        """The axis whose end is the end of the job."""
        return primary_axis_of(self.job.operation) if self.job else Axis.PERSON

    @property
    def count(self) -> int:
        """How many targets the plan has."""
        return self.job.count if self.job else 0

    def apply(self, record: Record) -> None:
        """Take one record in.

        Raises:
            ValueError: the record does not fit what came before it.
        """
        self.run_stats.apply(record)
        match record:
            case Settled():  # the most frequent first
                self._settled(record)
            case Intent():
                self._intent(record)
            case Answer():
                self._answer(record)
            case Spent():
                self.usage.request(record.bucket, record.at)
            case JobOpened():
                self._opened(record)
            case RunStarted():
                self._run_started(record)
            case Approved():
                self.approved = record
            case TestBatchPassed():
                self.test_batch = record
            case RunEnded():
                self.usage.run_ended()
            case PauseTaken():
                self.usage.paused(record)
            case LimitChanged():
                self.usage.limit_changed(record)
        if self.job is None:
            raise ValueError("the first record does not open a job")

    def standing(self, axis: Axis, number: int) -> Standing:
        """The state of one target on one axis, and why."""
        return STANDINGS[axis][self._places[axis.value][number]]

    def state(self, axis: Axis, number: int) -> State:
        """The state of one target on one axis."""
        return self.standing(axis, number).state

    def person(self, number: int) -> Person:
        """The state of one target's person."""
        return _PERSON[self._person[number]]

    def events(self, number: int) -> Events:
        """The state of one target's events."""
        return _EVENTS[self._events[number]]

    def recordings(self, number: int) -> Recordings:
        """The state of one target's recordings."""
        return _RECORDINGS[self._recordings[number]]

    def properties(self, number: int) -> Properties:
        """The state of one target's properties."""
        return _PROPERTIES[self._properties[number]]

    def counts(self, axis: Axis) -> dict[State, int]:
        """Targets by state; adds up to `count`."""
        states, state_of = STATES_AT[axis.value]
        totals = [0] * len(states)
        for place, count in enumerate(self._counts[axis.value]):
            if count:
                totals[state_of[place]] += count
        return {state: total for state, total in zip(states, totals, strict=True) if total}

    def standings(self, axis: Axis) -> dict[Standing, int]:
        """Targets by state and reason; adds up to `count`."""
        return {each: count for each, count in zip(STANDINGS[axis], self._counts[axis.value], strict=True) if count}

    def numbers(self, axis: Axis, states: Iterable[State], *, unread: bool = True) -> Iterator[int]:
        """Target numbers, ascending, that are in one of the states now: a snapshot.

        Arguments:
            unread: with those that could not be read in this run.
        """
        wanted = {*states}
        found = (each for each in STANDINGS[axis] if each.state in wanted and (unread or each.reason not in UNREAD))
        return numbers_of(marked(self._places[axis.value], (PLACES[axis][each] for each in found)))

    def reason(self, axis: Axis, number: int) -> str:
        """Why the target is in its state on this axis, as reports name it; empty where that is plain."""
        reason = self.standing(axis, number).reason
        if reason is Reason.REJECTED:
            return self._labels.name(axis.value, number)
        return reason.value if reason else ""

    def reasons(self, axis: Axis) -> Iterator[tuple[str, State, Iterator[int]]]:
        """Each reason, each state that it was given for, and the target numbers, ascending: a snapshot of each."""
        for standing in [each for each in self.standings(axis) if each.reason is not None]:
            assert standing.reason is not None
            these = marked(self._places[axis.value], (PLACES[axis][standing],))
            if standing.reason is Reason.REJECTED:
                for name, labelled in self._labels.split(axis.value, these):
                    yield name, standing.state, numbers_of(labelled)
            else:
                yield standing.reason.value, standing.state, numbers_of(these)

    def _opened(self, record: JobOpened) -> None:
        if self.job is not None:
            raise ValueError("a second record opens a job")
        self.job = record
        asked = axes_of(record.operation)
        states: dict[Axis, State] = {axis: STATES[axis]["UNTOUCHED" if axis in asked else "NOT_ASKED"] for axis in Axis}
        first = {axis: PLACES[axis][Standing(state)] for axis, state in states.items()}
        self._begin({axis: bytearray([place]) * record.count for axis, place in first.items()})
        for axis, place in first.items():
            self._counts[axis.value][place] = record.count
        self.attempts = bytearray(record.count)
        self.coverage = Coverage(record.at, record.count if Axis.EVENTS in asked else 0)
        self._labels = RejectionLabels(record.count)
        removes_only = record.operation.get("kind") == "unset"
        self.transitions = Transitions(TargetMachine(primary_axis_of(record.operation), removes_only=removes_only))

    def _begin(self, places: dict[Axis, bytearray]) -> None:
        self._places = {axis.value: of_axis for axis, of_axis in places.items()}
        self._person, self._events, self._recordings, self._properties = self.places = tuple(places.values())

    def close_open(self) -> int:
        """Attempts whose process is gone: what they were for is unknown now.

        Returns:
            How many there were.
        """
        for intent in self.open.values():
            self._set_axes(intent.axes, intent.targets, accepted=False)
        interrupted = len(self.open)
        self.open.clear()
        return interrupted

    def _run_started(self, record: RunStarted) -> None:
        self.usage.run_started(record, self.open.values())
        self.close_open()
        self.attempts = bytearray(self.count)
        verifies = record.purpose == "verify"
        self._observe(
            self._with_reasons(UNREAD if verifies else UNREAD | TRIED_AGAIN_FROM.keys()),
            Observation.VERIFY_STARTED if verifies else Observation.RUN_STARTED,
        )

    def _with_reasons(self, reasons: Iterable[Reason]) -> Iterator[int]:
        """The targets that have one of these reasons on any axis: a snapshot."""
        wanted, found = {*reasons}, bytearray(self.count)
        for axis in Axis:
            some = [PLACES[axis][each] for each in self.standings(axis) if each.reason in wanted]
            if some:
                found = in_either(found, marked(self._places[axis.value], some))
        return numbers_of(found)

    def _observe(self, numbers: Iterable[int], observation: Observation) -> None:
        """Move targets as a record that names no states has it."""
        for number in numbers:
            before = self.places_of(number)
            after = self.transitions[before, (observation,)]
            for axis, old, new in zip(Axis, before, after, strict=True):
                if old != new:
                    self._set(axis.value, [(number, number + 1)], new)

    def places_of(self, number: int) -> tuple[int, int, int, int]:
        """One target's standings by their places."""
        return self._person[number], self._events[number], self._recordings[number], self._properties[number]

    def _intent(self, record: Intent) -> None:
        self.open[record.attempt] = record
        self.next_attempt = record.attempt + 1
        for start, stop in parse_ranges(record.targets):
            self._check(stop)
            for number in range(start, stop):
                self.attempts[number] = min(self.attempts[number] + 1, MAX_ATTEMPTS_KEPT)
            if Axis.PERSON.value in record.axes:
                self.coverage.record_deletion(start, stop, record.server_at)

    def _answer(self, record: Answer) -> None:
        intent = self.open.pop(record.attempt, None)
        if intent is None:
            raise ValueError(f"attempt {record.attempt} was answered without having been made")
        made = intent.requests if record.requests is None else record.requests
        self.usage.request(intent.bucket, record.at, times=made)
        reached = intent.targets if record.reached is None else record.reached
        if record.outcome == "ok" or record.accepted:
            if record.accepted is not None:
                self._set_axes(intent.axes, reached, accepted=False)
            self._accepted(intent, intent.targets if record.accepted is None else record.accepted)
            self.last_accepted_at = record.at
            self.queued_deletion_seen = self.queued_deletion_seen or record.queued
        elif record.outcome == "unknown" or record.reached:
            self._set_axes(intent.axes, reached, accepted=False)
        if record.error == Reason.DELETED_INSTEAD_OF_KEPT.value:
            numbers = (n for start, stop in parse_ranges(intent.targets) for n in range(start, stop))
            self._observe(numbers, Observation.DELETED_INSTEAD_OF_KEPT)
        if record.status == TOO_MANY_REQUESTS and not record.accepted:
            self._uncount(intent.targets)  # it was never looked at (promise 12)

    def _accepted(self, intent: Intent, targets: str) -> None:
        self._set_axes(intent.axes, targets, accepted=True)
        if Axis.EVENTS.value in intent.axes:
            self.coverage.cover(parse_ranges(targets), intent.server_at)
        elif intent.axes == (Axis.RECORDINGS.value,):
            self._forget_attempts(parse_ranges(targets))

    def _settled(self, record: Settled) -> None:
        for change in record.changes:
            self._change(change)
        if record.refunded:
            self._uncount(record.refunded)

    def _change(self, change: Change) -> None:
        place = JOURNAL_PLACES.get((change.axis, change.state, change.reason))
        ranges = (*parse_ranges(change.targets),)
        if place is None:
            place = self._labelled(change, ranges)
        if (change.axis, change.state) in _QUEUED:
            self._forget_attempts([each for each in ranges if self._events[slice(*each)].translate(None, _COVERED)])
        self._set(change.axis, ranges, place)
        if change.covered_until is not None:
            self.coverage.cover(ranges, change.covered_until)

    def _labelled(self, change: Change, ranges: Iterable[tuple[int, int]]) -> int:
        """The place of a change that the server's own label of a rejection is the reason of."""
        kind, _, label = (change.reason or "").partition(":")
        place = (
            JOURNAL_PLACES.get((change.axis, change.state, kind)) if label and kind == Reason.REJECTED.value else None
        )
        if place is None:
            raise ValueError(f"{Axis(change.axis).value} know no state {change.state!r} because of {change.reason!r}")
        self._labels.give(change.axis, ranges, label)
        return place

    def _uncount(self, targets: str) -> None:
        for start, stop in parse_ranges(targets):
            self._check(stop)
            for number in range(start, stop):
                self.attempts[number] = max(0, self.attempts[number] - 1)

    def _forget_attempts(self, ranges: Iterable[tuple[int, int]]) -> None:
        """The next stage has attempts of its own."""
        for start, stop in ranges:
            self.attempts[start:stop] = bytes(stop - start)

    def _set_axes(self, axes: Iterable[str], targets: str, *, accepted: bool) -> None:
        for name in axes:
            axis = Axis(name)
            self._set(name, parse_ranges(targets), PLACES[axis][Standing(answered(axis, accepted=accepted))])

    def _set(self, axis: str, ranges: Iterable[tuple[int, int]], new: int) -> None:
        places, counts = self._places[axis], self._counts[axis]
        for start, stop in ranges:
            self._check(stop)
            if stop == start + 1:  # as below, in a third of the time
                counts[places[start]] -= 1
                counts[new] += 1
                places[start] = new
                continue
            before = places[start:stop]
            for value in set(before):
                counts[value] -= before.count(value)
            counts[new] += stop - start
            places[start:stop] = bytes((new,)) * (stop - start)

    def _check(self, stop: int) -> None:
        if stop > self.count:
            raise ValueError(f"target {stop - 1} is beyond the plan's {self.count}")


def _states(axis: Axis) -> tuple[Any, ...]:
    return tuple(standing.state for standing in STANDINGS[axis])


_PERSON: tuple[Person, ...] = _states(Axis.PERSON)
_EVENTS: tuple[Events, ...] = _states(Axis.EVENTS)
_RECORDINGS: tuple[Recordings, ...] = _states(Axis.RECORDINGS)
_PROPERTIES: tuple[Properties, ...] = _states(Axis.PROPERTIES)
"""The states by their standings' places."""

_DONE = (Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE)
_QUEUED = frozenset(("events", state.name.lower()) for state in _DONE)
_COVERED = bytes(PLACES[Axis.EVENTS][Standing(state)] for state in _DONE)
