"""Where every target stands: the fold over a journal's records. Pure.

The same fold serves the replay at the start and the running job, so that what a process knows is always what
its journal says (resume is not a mode). One byte a target and axis, one for the attempts, and four for the time of
the first queueing intent where events are deleted: 10,000,000 targets take 90 MB. One more byte a target where
reasons are given.
"""

import math
from array import array
from collections.abc import Iterable, Iterator

from bulk.accounting import Usage
from bulk.journal.records import (
    Answer,
    Approved,
    CanaryPassed,
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
)
from bulk.operations import axes_of, lead_of
from bulk.outcomes import ACCEPTED, STATES, Axis, Events, Person, Properties, Recordings, State
from bulk.ranges import format_ranges, parse_ranges
from bulk.tally import Tally

EVENT_REFUSED = "event_refused"
"""The ingestion host does not take a person's event, which says nothing of the person."""

REOPENED = {
    "attempts_used": "UNKNOWN",
    "never_accepted": "UNTOUCHED",
    "no_deletion_row": "UNTOUCHED",
    "accepted_but_there": "SURVIVED",
    "there_again": "SURVIVED",
    "accepted_not_applied": "AGAIN",
    "changed_since": "AGAIN",
    EVENT_REFUSED: "AGAIN",
}
"""Reasons that ended a target's attempts without a verdict of the server's: the next run tries again from here."""

USED_UP = frozenset({"attempts_used", "never_accepted", "no_deletion_row"})
"""Those of them that say that every attempt of a run came to nothing."""

TOO_MANY_REASONS = "other"
"""What every reason after the 254th of an axis is called: one byte a target holds the reason."""

MAX_ATTEMPTS_KEPT = 255
NEVER = -(2**31)
TOO_MANY_REQUESTS = 429


class Ledger:
    """The state of a job, replayed from its journal and kept up while it runs."""

    def __init__(self) -> None:
        self.job: JobOpened | None = None
        self.approved: Approved | None = None
        self.canary: CanaryPassed | None = None
        self._begin({axis: bytearray() for axis in Axis})
        self.attempts = bytearray()
        self.open: dict[int, Intent] = {}
        self.next_attempt = 0
        self.last_accepted_at = 0.0
        self.queued_deletion_seen = False
        self.usage = Usage()
        self.tally = Tally()
        self._counts = {axis.value: [0] * len(STATES[axis]) for axis in Axis}
        self._first_queued = array("i")
        self._reasons: dict[str, bytearray] = {}
        self._reason_names: list[str] = [""]

    @property
    def lead(self) -> Axis:
        """The axis whose end is the end of the job."""
        return lead_of(self.job.operation) if self.job else Axis.PERSON

    @property
    def count(self) -> int:
        """How many targets the plan has."""
        return self.job.count if self.job else 0

    def apply(self, record: Record) -> None:
        """Take one record in.

        Raises:
            ValueError: the record does not fit what came before it.
        """
        self.tally.apply(record)
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
            case CanaryPassed():
                self.canary = record
            case RunEnded():
                self.usage.run_ended()
            case PauseTaken():
                self.usage.paused(record)
            case LimitChanged():
                self.usage.limit_changed(record)
        if self.job is None:
            raise ValueError("the first record does not open a job")

    def state(self, axis: Axis, number: int) -> State:
        """The state of one target on one axis."""
        return STATES[axis](self.states[axis][number])

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

    def first_queued(self, number: int) -> float | None:
        """The server's clock at the target's first intent to queue its events, in seconds since the epoch."""
        seconds = self._first_queued[number] if self._first_queued else NEVER
        return None if seconds == NEVER or self.job is None else self.job.at + seconds

    def counts(self, axis: Axis) -> dict[State, int]:
        """Targets by state; adds up to `count`."""
        counts = self._counts[axis.value]
        return {state: counts[state.value] for state in STATES[axis] if counts[state.value]}

    def numbers(self, axis: Axis, states: Iterable[State]) -> Iterator[int]:
        """Target numbers, ascending, that are in one of the states now: a snapshot."""
        return _places(_marked(self.states[axis], (state.value for state in states)))

    def reason(self, axis: Axis, number: int) -> str:
        """Why the target is in its state on this axis; empty where that is plain."""
        reasons = self._reasons.get(axis.value)
        return self._reason_names[reasons[number]] if reasons else ""

    def reasons(self, axis: Axis) -> Iterator[tuple[str, State, Iterator[int]]]:
        """Each reason, each state that it was given for, and the target numbers, ascending: a snapshot of each."""
        reasons = self._reasons.get(axis.value, bytearray())
        for index, name in enumerate(self._reason_names):
            if not index or index not in reasons:
                continue
            for state in self.counts(axis):
                marked = _both(_marked(reasons, (index,)), _marked(self.states[axis], (state.value,)))
                if 1 in marked:
                    yield name, state, _places(marked)

    def _opened(self, record: JobOpened) -> None:
        if self.job is not None:
            raise ValueError("a second record opens a job")
        self.job = record
        asked = axes_of(record.operation)
        states: dict[Axis, State] = {axis: STATES[axis]["UNTOUCHED" if axis in asked else "NOT_ASKED"] for axis in Axis}
        self._begin({axis: bytearray([state.value]) * record.count for axis, state in states.items()})
        for axis in Axis:
            self._counts[axis.value][self.states[axis][0] if record.count else 0] = record.count
        self.attempts = bytearray(record.count)
        self._first_queued = array("i", [NEVER]) * (record.count if Axis.EVENTS in asked else 0)

    def _begin(self, states: dict[Axis, bytearray]) -> None:
        self.states = states
        self._states = {axis.value: of_axis for axis, of_axis in states.items()}
        self._person, self._events, self._recordings, self._properties = (states[axis] for axis in Axis)

    def close_open(self) -> int:
        """Attempts whose process is gone: what they were for is unknown now.

        Returns:
            How many there were.
        """
        for intent in self.open.values():
            self._set_axes(intent.axes, intent.targets, unknown=True)
        interrupted = len(self.open)
        self.open.clear()
        return interrupted

    def _run_started(self, record: RunStarted) -> None:
        self.usage.run_started(record, self.open.values())
        self.close_open()
        self.attempts = bytearray(self.count)
        if record.purpose == "run":
            for axis in Axis:
                self._reopen(axis)

    def _reopen(self, axis: Axis) -> None:
        for reason, _, numbers in self.reasons(axis):
            if reason in REOPENED:
                targets = format_ranges(numbers)
                self._set(axis.value, targets, STATES[axis][REOPENED[reason]].value)
                self._give_reason(axis.value, targets, "")

    def _intent(self, record: Intent) -> None:
        self.open[record.attempt] = record
        self.next_attempt = record.attempt + 1
        for start, stop in parse_ranges(record.targets):
            self._check(stop)
            for number in range(start, stop):
                self.attempts[number] = min(self.attempts[number] + 1, MAX_ATTEMPTS_KEPT)
            if Axis.EVENTS.value in record.axes and self._first_queued:
                self._note_first_queued(start, stop, record.server_at)

    def _note_first_queued(self, start: int, stop: int, server_at: float) -> None:
        assert self.job is not None
        seconds = min(max(math.ceil(server_at - self.job.at), NEVER + 1), -NEVER - 1)
        for number in range(start, stop):
            if self._first_queued[number] == NEVER:
                self._first_queued[number] = seconds

    def _answer(self, record: Answer) -> None:
        intent = self.open.pop(record.attempt, None)
        if intent is None:
            raise ValueError(f"attempt {record.attempt} was answered without having been made")
        made = intent.requests if record.requests is None else record.requests
        self.usage.request(intent.bucket, record.at, times=made)
        reached = intent.targets if record.reached is None else record.reached
        if record.outcome == "ok" or record.accepted:
            if record.accepted is not None:
                self._set_axes(intent.axes, reached, unknown=True)
            self._set_axes(intent.axes, intent.targets if record.accepted is None else record.accepted, unknown=False)
            self.last_accepted_at = record.at
            self.queued_deletion_seen = self.queued_deletion_seen or record.queued
            if intent.axes == (Axis.RECORDINGS.value,):
                self._forget_attempts(intent.targets)
        elif record.outcome == "unknown" or record.reached:
            self._set_axes(intent.axes, reached, unknown=True)
        if record.status == TOO_MANY_REQUESTS and not record.accepted:
            self._uncount(intent.targets)  # it was never looked at (promise 12)

    def _settled(self, record: Settled) -> None:
        for change in record.changes:
            self._change(change)
        if record.refunded:
            self._uncount(record.refunded)

    def _change(self, change: Change) -> None:
        value = _VALUES.get((change.axis, change.state))
        if value is None:
            raise ValueError(f"{Axis(change.axis).value} know no state {change.state!r}")
        self._set(change.axis, change.targets, value)
        if (change.axis, change.state) in _QUEUED:
            self._forget_attempts(change.targets)  # the next stage has attempts of its own
        if change.reason is not None or change.axis in self._reasons:
            self._give_reason(change.axis, change.targets, change.reason or "")

    def _uncount(self, targets: str) -> None:
        for start, stop in parse_ranges(targets):
            self._check(stop)
            for number in range(start, stop):
                self.attempts[number] = max(0, self.attempts[number] - 1)

    def _forget_attempts(self, targets: str) -> None:
        for start, stop in parse_ranges(targets):
            self.attempts[start:stop] = bytes(stop - start)

    def _give_reason(self, axis: str, targets: str, reason: str) -> None:
        if reason not in self._reason_names:
            if len(self._reason_names) >= 255:
                reason = TOO_MANY_REASONS
            if reason not in self._reason_names:
                self._reason_names.append(reason)
        index = self._reason_names.index(reason)
        reasons = self._reasons.setdefault(axis, bytearray(self.count))
        for start, stop in parse_ranges(targets):
            reasons[start:stop] = bytes([index]) * (stop - start)

    def _set_axes(self, axes: Iterable[str], targets: str, *, unknown: bool) -> None:
        for name in axes:
            axis = Axis(name)
            state: State = STATES[axis]["UNKNOWN"] if unknown else ACCEPTED[axis]
            self._set(name, targets, state.value)

    def _set(self, axis: str, targets: str, new: int) -> None:
        states, counts = self._states[axis], self._counts[axis]
        for start, stop in parse_ranges(targets):
            self._check(stop)
            if stop == start + 1:  # as below, in a third of the time
                counts[states[start]] -= 1
                counts[new] += 1
                states[start] = new
                continue
            before = states[start:stop]
            for value in set(before):
                counts[value] -= before.count(value)
            counts[new] += stop - start
            states[start:stop] = bytes((new,)) * (stop - start)

    def _check(self, stop: int) -> None:
        if stop > self.count:
            raise ValueError(f"target {stop - 1} is beyond the plan's {self.count}")


_PERSON, _EVENTS, _RECORDINGS, _PROPERTIES = tuple(Person), tuple(Events), tuple(Recordings), tuple(Properties)
"""The states by their numbers, which count from 0."""


_VALUES = {(axis.value, state.name.lower()): state.value for axis in Axis for state in STATES[axis]}
"""The states by what the journal calls axis and state."""
_QUEUED = frozenset(("events", state.name.lower()) for state in (Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE))


def _marked(values: bytearray, wanted: Iterable[int]) -> bytearray:
    """One byte a target: 1 where its value is wanted."""
    table = bytearray(256)
    for value in wanted:
        table[value] = 1
    return values.translate(table)


def _both(one: bytearray, other: bytearray) -> bytearray:
    return bytearray((int.from_bytes(one) & int.from_bytes(other)).to_bytes(len(one)))


def _places(marked: bytearray) -> Iterator[int]:
    at = marked.find(1)
    while at >= 0:
        yield at
        at = marked.find(1, at + 1)
