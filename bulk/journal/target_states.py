"""The state of a job, replayed from its journal's records: the state of every target, and what resuming needs. Pure.

The same code replays a journal at the start and takes in the records of the running job, so that a process knows
exactly what its journal says: resume is not a mode. Memory per target: one byte per axis for state and reason, one for
the attempts, and four for the time up to which a deletion row covers the events, if events are deleted. 10,000,000
targets take 90 MB.
"""

from collections.abc import Iterable

import msgspec

from asyncclient import Bucket
from bulk.journal.limit_usage import LimitUsage
from bulk.journal.records import (
    Approved,
    AttemptEnded,
    Change,
    CopyMade,
    FilesShredded,
    Intent,
    JobOpened,
    KeyListTested,
    LimitChanged,
    PauseTaken,
    PropertiesShown,
    ReadRequest,
    Record,
    RunEnded,
    RunStarted,
    StatesChanged,
    TestBatchPassed,
    UnmatchedExpected,
    Verified,
)
from bulk.journal.run_stats import RunStats
from bulk.number_ranges import parse_ranges
from bulk.operations import axes_of, primary_axis_of
from bulk.selection.inputs.coverage import InputCoverage
from bulk.states import STATES, Axis, Events
from bulk.targets.coverage import EventCoverage
from bulk.targets.observations import Observation
from bulk.targets.reasons import RETRY_FROM, STATUS_CODES, UNREAD, AxisStatus, Reason
from bulk.targets.state_machine import TargetMachine, state_after_request
from bulk.targets.status_table import StatusTable
from bulk.targets.transitions import JOURNAL_CODES, Transitions

MAX_ATTEMPTS_KEPT = 255
_ONE_MORE = bytes(min(attempts + 1, MAX_ATTEMPTS_KEPT) for attempts in range(256))
_ONE_LESS = bytes(max(attempts - 1, 0) for attempts in range(256))
TOO_MANY_REQUESTS = 429


class TargetStates(StatusTable):
    """The state of a job, changed by one record after the other.

    Attributes:
        unmatched_expected: that input lines without a person are expected to have none.
        copies: the copies of the persons that were made.
        shredded: the last record of a destruction of files; None before the first one.
        plan_shredded: the last one of these that is about the plan.
        shown_properties: the properties to be removed that access control is known not to hide.
        takes_key_list: whether the server removes all properties of a person in one call; None while that is unknown.
        attempts: per target, the attempts of the current stage and run.
        open: attempts without an outcome, by their number.
        usage: what the journal tells about the rate limits.
        run_stats: counts for reports.
        coverage: up to when deletion rows cover each target's events.
        verified: the last verification that came to its end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.job: JobOpened | None = None
        self.approved: Approved | None = None
        self.unmatched_expected: UnmatchedExpected | None = None
        self.test_batch: TestBatchPassed | None = None
        self.verified: Verified | None = None
        self.copies: list[CopyMade] = []
        self.shredded: FilesShredded | None = None
        self.plan_shredded: FilesShredded | None = None
        self.shown_properties: set[str] = set()
        self.takes_key_list: bool | None = None
        self.attempts = bytearray()
        self.open: dict[int, Intent] = {}
        self.next_attempt = 0
        self.last_accepted_at = 0.0
        self.queued_deletion_seen = False
        self.usage = LimitUsage()
        self.run_stats = RunStats()
        self.coverage = EventCoverage()
        self.transitions = Transitions(TargetMachine(Axis.PERSON))

    @property
    def primary_axis(self) -> Axis:
        """The axis that the operation is about."""
        return primary_axis_of(self.job.operation) if self.job else Axis.PERSON

    @property
    def count(self) -> int:
        """The number of targets in the plan."""
        return self.job.count if self.job else 0

    @property
    def input_coverage(self) -> InputCoverage | None:
        """What the plan covers of its input, as the journal tells; None in a journal of an earlier version."""
        coverage = self.job.coverage if self.job else None
        return None if coverage is None else self.as_expected(coverage)

    def as_expected(self, coverage: InputCoverage) -> InputCoverage:
        """Return the coverage of the input with lines that are expected to match no person counted as covered."""
        expected = self.unmatched_expected
        is_expected = expected is not None and expected.lines == coverage.unmatched
        return msgspec.structs.replace(coverage, unmatched_expected=is_expected)

    def apply(self, record: Record) -> None:
        """Change the state as a record says.

        Raises:
            ValueError: the record contradicts the earlier ones.
        """
        self.run_stats.apply(record)
        match record:
            case StatesChanged():  # the most frequent record first
                self._states_changed(record)
            case Intent():
                self._intent(record)
            case AttemptEnded():
                self._attempt_ended(record)
            case ReadRequest():
                self.usage.request(record.bucket, record.at)
            case JobOpened():
                self._job_opened(record)
            case RunStarted():
                self._run_started(record)
            case Approved():
                self.approved = record
            case UnmatchedExpected():
                self.unmatched_expected = record
            case TestBatchPassed():
                self.test_batch = record
            case KeyListTested():
                self.takes_key_list = record.taken
            case PropertiesShown():
                self.shown_properties.update(record.keys)
            case Verified():
                self._verified(record)
            case RunEnded():
                self.usage.run_ended()
            case PauseTaken():
                self.usage.paused(record)
            case LimitChanged():
                self.usage.limit_changed(record)
            case CopyMade():
                self.copies.append(record)
                self.usage.request(Bucket.OTHERS.value, record.at, times=record.requests)
            case FilesShredded():
                self.shredded = record
                if "plan" in record.files:
                    self.plan_shredded = record
        if self.job is None:
            raise ValueError("the first record does not open a job")

    def _job_opened(self, record: JobOpened) -> None:
        if self.job is not None:
            raise ValueError("a second record opens a job")
        self.job = record
        requested = axes_of(record.operation)
        names = {axis: "NOT_STARTED" if axis in requested else "NOT_REQUESTED" for axis in Axis}
        self.reset(record.count, {axis: AxisStatus(STATES[axis][name]) for axis, name in names.items()})
        self.attempts = bytearray(record.count)
        self.coverage = EventCoverage(record.at, record.count if Axis.EVENTS in requested else 0)
        removes_only = record.operation.get("kind") == "unset"
        self.transitions = Transitions(TargetMachine(primary_axis_of(record.operation), removes_only=removes_only))

    def close_open(self) -> int:
        """Set the targets of all open attempts to unknown, because the process that made them is gone.

        Returns:
            The number of open attempts.
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
        self.last_accepted_at = min(self.last_accepted_at, record.at)  # a clock was ahead if that was later than this
        verifies = record.purpose == "verify"
        self._observe(
            self.numbers_with_reasons(UNREAD if verifies else UNREAD | RETRY_FROM.keys()),
            Observation.VERIFY_STARTED if verifies else Observation.RUN_STARTED,
        )
        if self.job is not None:
            self.run_stats.runs[-1].counts_before = self.counts(self.primary_axis)

    def _verified(self, record: Verified) -> None:
        for targets in (record.unread, record.returned, record.listed):
            for _, stop in parse_ranges(targets or ""):
                self.check_number(stop - 1)
        self.verified = record

    def _observe(self, numbers: Iterable[int], observation: Observation) -> None:
        """Apply an observation that follows from a record which names no states."""
        for number in numbers:
            before = self.codes_of(number)
            after = self.transitions[before, (observation,)]
            for axis, old, new in zip(Axis, before, after, strict=True):
                if old != new:
                    self.set_codes(axis.value, [(number, number + 1)], new)

    def _intent(self, record: Intent) -> None:
        self.open[record.attempt] = record
        self.next_attempt = record.attempt + 1
        for start, stop in parse_ranges(record.targets):
            self.check_number(stop - 1)
            self.attempts[start:stop] = self.attempts[start:stop].translate(_ONE_MORE)
            if Axis.PERSON.value in record.axes:
                self.coverage.record_deletion(start, stop, record.server_at)

    def _attempt_ended(self, record: AttemptEnded) -> None:
        intent = self.open.pop(record.attempt, None)
        if intent is None:
            raise ValueError(f"attempt {record.attempt} ended without an intent")
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
            self._refund(intent.targets)  # a rate-limited request is no attempt (guarantee 12)

    def _accepted(self, intent: Intent, targets: str) -> None:
        self._set_axes(intent.axes, targets, accepted=True)
        if Axis.EVENTS.value in intent.axes:
            self.coverage.cover(parse_ranges(targets), intent.server_at)
        elif intent.axes == (Axis.RECORDINGS.value,):
            self._reset_attempts(parse_ranges(targets))

    def _states_changed(self, record: StatesChanged) -> None:
        for change in record.changes:
            self._change(change)
        if record.refunded:
            self._refund(record.refunded)

    def _change(self, change: Change) -> None:
        code = JOURNAL_CODES.get((change.axis, change.state, change.reason))
        ranges = (*parse_ranges(change.targets),)
        if code is None:
            code = self._rejected(change, ranges)
        if (change.axis, change.state) in _QUEUED:
            self._reset_attempts([each for each in ranges if self.codes_in("events", *each).translate(None, _COVERED)])
        self.set_codes(change.axis, ranges, code)
        if change.covered_until is not None:
            self.coverage.cover(ranges, change.covered_until)

    def _rejected(self, change: Change, ranges: Iterable[tuple[int, int]]) -> int:
        """Return the status code of a rejection, and keep the server's label of it."""
        kind, _, label = (change.reason or "").partition(":")
        code = JOURNAL_CODES.get((change.axis, change.state, kind)) if label and kind == Reason.REJECTED.value else None
        if code is None:
            raise ValueError(
                f"{Axis(change.axis).value} have no state {change.state!r} with the reason {change.reason!r}"
            )
        self.labels.set_label(change.axis, ranges, label)
        return code

    def _refund(self, targets: str) -> None:
        for start, stop in parse_ranges(targets):
            self.check_number(stop - 1)
            self.attempts[start:stop] = self.attempts[start:stop].translate(_ONE_LESS)

    def _reset_attempts(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Reset the attempts of targets that reached the next stage, which counts its own."""
        for start, stop in ranges:
            self.attempts[start:stop] = bytes(stop - start)

    def _set_axes(self, axes: Iterable[str], targets: str, *, accepted: bool) -> None:
        for name in axes:
            axis = Axis(name)
            code = STATUS_CODES[axis][AxisStatus(state_after_request(axis, accepted=accepted))]
            self.set_codes(name, parse_ranges(targets), code)


_DONE = (Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE)
_QUEUED = frozenset(("events", state.name.lower()) for state in _DONE)
_COVERED = bytes(STATUS_CODES[Axis.EVENTS][AxisStatus(state)] for state in _DONE)
