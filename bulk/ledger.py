"""Where every target stands: the fold over a journal's records. Pure.

The same fold serves the replay at the start and the running job, so that what a process knows is always what
its journal says (resume is not a mode). One byte a target and axis, one for the attempts, four for the time of
the first queueing intent: 10,000,000 targets take 80 MB.
"""

import math
from array import array
from collections import deque
from collections.abc import Iterable, Iterator

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
from bulk.outcomes import STATES, Axis, Events, Person, Recordings, State
from bulk.ranges import expand, parse_ranges
from bulk.tally import Tally

RECENT_KEPT = 20_000
"""Request times kept for the rate limits: more than any hour's allowance."""

REOPENED: dict[str, Person] = {"attempts_used": Person.UNKNOWN, "never_accepted": Person.UNTOUCHED}
"""Reasons that ended a target's attempts without a verdict of the server's: the next run tries again from here."""

MAX_ATTEMPTS_KEPT = 255
NEVER = 0


class Ledger:
    """The state of a job, replayed from its journal and kept up while it runs."""

    def __init__(self) -> None:
        self.job: JobOpened | None = None
        self.approved: Approved | None = None
        self.canary: CanaryPassed | None = None
        self.states: dict[Axis, bytearray] = {axis: bytearray() for axis in Axis}
        self.attempts = bytearray()
        self.open: dict[int, Intent] = {}
        self.next_attempt = 0
        self.last_accepted_at = 0.0
        self.queued_deletion_seen = False
        self.ended_in_order = True
        self.tally = Tally()
        self.recent: dict[str, deque[float]] = {}
        self._first_queued = array("I")
        self._reasons: dict[Axis, bytearray] = {}
        self._reason_names: list[str] = [""]

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
            case Intent():
                self._intent(record)
            case Answer():
                self._answer(record)
            case Settled():
                self._settled(record)
            case Spent():
                self._request(record.bucket, record.at)
            case JobOpened():
                self._opened(record)
            case RunStarted():
                self._run_started(again=record.purpose == "run")
            case Approved():
                self.approved = record
            case CanaryPassed():
                self.canary = record
            case RunEnded():
                self.ended_in_order = True
            case LimitChanged() | PauseTaken():
                pass  # the tally counts them
        if self.job is None:
            raise ValueError("the first record does not open a job")

    def state(self, axis: Axis, number: int) -> State:
        """The state of one target on one axis."""
        return STATES[axis](self.states[axis][number])

    def person(self, number: int) -> Person:
        """The state of one target's person."""
        return Person(self.states[Axis.PERSON][number])

    def events(self, number: int) -> Events:
        """The state of one target's events."""
        return Events(self.states[Axis.EVENTS][number])

    def recordings(self, number: int) -> Recordings:
        """The state of one target's recordings."""
        return Recordings(self.states[Axis.RECORDINGS][number])

    def first_queued(self, number: int) -> float | None:
        """The server's clock at the target's first intent to queue its events, in seconds since the epoch."""
        seconds = self._first_queued[number]
        return None if seconds == NEVER or self.job is None else self.job.at + (seconds - _OFFSET)

    def counts(self, axis: Axis) -> dict[State, int]:
        """Targets by state; adds up to `count`."""
        states = self.states[axis]
        found = {state: states.count(state.value) for state in STATES[axis]}
        return {state: count for state, count in found.items() if count}

    def numbers(self, axis: Axis, states: Iterable[State]) -> Iterator[int]:
        """Target numbers, ascending, that are in one of the states now (a snapshot is taken at the first step)."""
        table = bytearray(256)
        for state in states:
            table[state.value] = 1
        marked = self.states[axis].translate(table)
        at = marked.find(1)
        while at >= 0:
            yield at
            at = marked.find(1, at + 1)

    def reason(self, axis: Axis, number: int) -> str:
        """Why the target is in its state on this axis; empty where that is plain."""
        reasons = self._reasons.get(axis)
        return self._reason_names[reasons[number]] if reasons else ""

    def reasons(self, axis: Axis) -> Iterator[tuple[str, list[int]]]:
        """Each reason with the target numbers it holds for."""
        reasons = self._reasons.get(axis, bytearray())
        for index, name in enumerate(self._reason_names):
            if index and index in reasons:
                yield name, [number for number, value in enumerate(reasons) if value == index]

    def _opened(self, record: JobOpened) -> None:
        if self.job is not None:
            raise ValueError("a second record opens a job")
        self.job = record
        events = Events.UNTOUCHED if record.operation.get("delete_events") else Events.NOT_ASKED
        recordings = Recordings.UNTOUCHED if record.operation.get("delete_recordings") else Recordings.NOT_ASKED
        self.states = {
            Axis.PERSON: bytearray([Person.UNTOUCHED.value]) * record.count,
            Axis.EVENTS: bytearray([events.value]) * record.count,
            Axis.RECORDINGS: bytearray([recordings.value]) * record.count,
        }
        self.attempts = bytearray(record.count)
        self._first_queued = array("I", [NEVER]) * record.count

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

    def _run_started(self, *, again: bool) -> None:
        self.close_open()
        self.attempts = bytearray(self.count)
        self.ended_in_order = False
        if again:
            for axis in Axis:
                self._reopen(axis)

    def _reopen(self, axis: Axis) -> None:
        for reason, numbers in list(self.reasons(axis)):
            if (person := REOPENED.get(reason)) is None:
                continue
            again: State = STATES[axis][person.name]
            for number in numbers:
                self.states[axis][number] = again.value
                self._reasons[axis][number] = 0

    def _intent(self, record: Intent) -> None:
        self.open[record.attempt] = record
        self.next_attempt = record.attempt + 1
        for start, stop in parse_ranges(record.targets):
            self._check(stop)
            for number in range(start, stop):
                self.attempts[number] = min(self.attempts[number] + 1, MAX_ATTEMPTS_KEPT)
            if Axis.EVENTS.value in record.axes:
                self._note_first_queued(start, stop, record.server_at)

    def _note_first_queued(self, start: int, stop: int, server_at: float) -> None:
        assert self.job is not None
        seconds = max(1, math.ceil(server_at - self.job.at) + _OFFSET)
        for number in range(start, stop):
            if self._first_queued[number] == NEVER:
                self._first_queued[number] = seconds

    def _answer(self, record: Answer) -> None:
        intent = self.open.pop(record.attempt, None)
        if intent is None:
            raise ValueError(f"attempt {record.attempt} was answered without having been made")
        self._request(intent.bucket, record.at)
        if record.outcome == "ok":
            if record.accepted is not None:
                self._set_axes(intent.axes, intent.targets, unknown=True)
            self._set_axes(intent.axes, intent.targets if record.accepted is None else record.accepted, unknown=False)
            self.last_accepted_at = record.at
            self.queued_deletion_seen = self.queued_deletion_seen or record.queued
        elif record.outcome == "unknown":
            self._set_axes(intent.axes, intent.targets, unknown=True)

    def _settled(self, record: Settled) -> None:
        for change in record.changes:
            self._change(change)
        for number in expand(record.refunded or ""):
            self.attempts[number] = max(0, self.attempts[number] - 1)

    def _change(self, change: Change) -> None:
        axis = Axis(change.axis)
        state: State = STATES[axis][change.state.upper()]
        self._set(axis, change.targets, state)
        if state in (Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE):
            self._forget_attempts(change.targets)  # the next stage has attempts of its own
        if change.reason is not None or axis in self._reasons:
            self._give_reason(axis, change.targets, change.reason or "")

    def _forget_attempts(self, targets: str) -> None:
        for start, stop in parse_ranges(targets):
            self.attempts[start:stop] = bytes(stop - start)

    def _give_reason(self, axis: Axis, targets: str, reason: str) -> None:
        if reason not in self._reason_names:
            if len(self._reason_names) == 255:
                reason = self._reason_names[-1]
            else:
                self._reason_names.append(reason)
        index = self._reason_names.index(reason)
        reasons = self._reasons.setdefault(axis, bytearray(self.count))
        for start, stop in parse_ranges(targets):
            reasons[start:stop] = bytes([index]) * (stop - start)

    def _set_axes(self, axes: Iterable[str], targets: str, *, unknown: bool) -> None:
        for name in axes:
            axis = Axis(name)
            self._set(axis, targets, _UNKNOWN[axis] if unknown else _ACCEPTED[axis])

    def _set(self, axis: Axis, targets: str, state: State) -> None:
        states = self.states[axis]
        for start, stop in parse_ranges(targets):
            self._check(stop)
            states[start:stop] = bytes([state.value]) * (stop - start)

    def _check(self, stop: int) -> None:
        if stop > self.count:
            raise ValueError(f"target {stop - 1} is beyond the plan's {self.count}")

    def _request(self, bucket: str, at: float) -> None:
        self.recent.setdefault(bucket, deque(maxlen=RECENT_KEPT)).append(at)


_OFFSET = 1_000_000
"""Added to seconds since the job was opened, so that a server's clock behind ours stays a positive number."""

_UNKNOWN: dict[Axis, State] = {
    Axis.PERSON: Person.UNKNOWN,
    Axis.EVENTS: Events.UNKNOWN,
    Axis.RECORDINGS: Recordings.UNKNOWN,
}
_ACCEPTED: dict[Axis, State] = {
    Axis.PERSON: Person.ACCEPTED,
    Axis.EVENTS: Events.REQUESTED,
    Axis.RECORDINGS: Recordings.REQUESTED,
}
