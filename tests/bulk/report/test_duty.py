"""Whether a job is complete follows from its states, as of the last record: one rule for each state of a target."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bulk.journal.records import FORMAT, Change, JobOpened, Record, RunEnded, RunStarted, StatesChanged, Verified
from bulk.journal.target_states import TargetStates
from bulk.number_ranges import expand
from bulk.report.duty import Duty, DutyState, while_running
from bulk.report.duty_decision import duty_of
from bulk.report.purge_schedule import expected_purge, next_purge
from bulk.selection.inputs.coverage import InputCoverage
from bulk.states import NEEDS_ATTENTION, PENDING, STATES, Axis, Events, Person, Properties, Recordings, State
from bulk.targets.reasons import STATUSES, AxisStatus, Reason

FRIDAY = datetime(2026, 12, 4, 12, 0, tzinfo=UTC).timestamp()
SUNDAY = datetime(2026, 12, 6, 5, 0, tzinfo=UTC).timestamp()
DAY_S = 86_400.0
ALL = "0-9"

ERASURE: dict[str, Any] = {"kind": "delete", "delete_events": True, "delete_recordings": True}
OPERATIONS: dict[str, dict[str, Any]] = {
    "delete": {"kind": "delete"},
    "erasure": ERASURE,
    "delete-events": {"kind": "delete-events"},
    "delete-recordings": {"kind": "delete-recordings"},
    "unset": {"kind": "unset", "keys": ["plan"]},
    "update": {"kind": "update", "keys": ["plan"]},
}
DONE: dict[str, tuple[tuple[str, str], ...]] = {
    "delete": (("person", "deleted_confirmed"),),
    "erasure": (("person", "deleted_confirmed"), ("events", "purged"), ("recordings", "deleted")),
    "delete-events": (("events", "purged"),),
    "delete-recordings": (("recordings", "deleted"),),
    "unset": (("properties", "changed_confirmed"),),
    "update": (("properties", "changed_confirmed"),),
}
"""The states in which an operation is complete, by axis."""


def journal(operation: dict[str, Any], *records: Record, at: float = FRIDAY) -> TargetStates:
    target_states = TargetStates()
    opened = JobOpened(
        format=FORMAT,
        job="j",
        host="https://eu.posthog.com",
        project=1,
        operation=operation,
        selection={},
        plan_digest="sha256:0",
        count=10,
        planned_at="2026-12-04T11:00:00+00:00",
        at=at,
    )
    started = RunStarted(at=at, purpose="run", version="1", concurrency=1, batch_size=2, wait_s=1.0, rates="off")
    for record in (opened, started, *records):
        target_states.apply(record)
    target_states.close_open()
    return target_states


def changed(*changes: Change, at: float = FRIDAY) -> StatesChanged:
    return StatesChanged(at=at, source="engine", changes=changes)


def done(operation: str) -> StatesChanged:
    covered = {"events": int(FRIDAY)}
    return changed(*(Change(axis, state, ALL, None, covered.get(axis)) for axis, state in DONE[operation]))


def kinds(duty: Duty) -> list[str]:
    return [cause.kind for cause in duty.causes]


@pytest.mark.parametrize(
    ("reason", "what", "action"),
    [
        (None, "not finished, because the run was interrupted", "Resume the job"),
        ("finished", "not finished, because the run was interrupted", "Resume the job"),
        ("interrupted", "not finished, because the run was interrupted", "Resume the job"),
        (
            "PermissionDenied",
            "not finished (stopped: the key lacks a permission)",
            "Give the key the scopes that the operation needs. Resume the job",
        ),
        ("BreakerOpened", "not finished (stopped: too many failures)", "Resume the job"),
    ],
)
def test_a_job_that_is_not_finished_says_how_its_last_run_ended(reason: str | None, what: str, action: str) -> None:
    ends = () if reason is None else (RunEnded(at=FRIDAY, reason=reason),)
    (cause,) = duty_of(journal(OPERATIONS["delete"], *ends)).causes
    assert (cause.kind, cause.what) == ("not_finished", what)
    assert cause.action == f"{action}: posthog-bulk run PLAN"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_job_whose_targets_are_all_done_is_complete(operation: str) -> None:
    duty = duty_of(journal(OPERATIONS[operation], done(operation)))
    assert (duty.state, duty.exit_code, duty.causes, duty.waiting_for) == ("complete", 0, (), ())
    assert duty.sentence.startswith("Complete: ")
    assert ("shown as deleted" in duty.sentence) == ("recordings" in dict(DONE[operation]))


WAITING = {
    Events.QUEUED,
    Person.ACCEPTED,
    Properties.ACCEPTED,
    Person.HELD_BACK,
    Events.HELD_BACK,
    Recordings.REQUESTED,
}
UNPROVEN = {Events.UNVERIFIABLE}
STATUS_TABLE = [(axis, status) for axis in Axis for status in STATUSES[axis] if status.state.name != "NOT_REQUESTED"]


def operation_of(axis: Axis, state: State) -> str:
    """An operation that has this axis."""
    return "unset" if axis is Axis.PROPERTIES else "erasure"


def expected_state(status: AxisStatus) -> str:
    if status.state in WAITING:
        return "waiting"
    if status.state in PENDING | NEEDS_ATTENTION | UNPROVEN:
        return "needs_attention"
    return "complete"


@pytest.mark.parametrize(("axis", "status"), STATUS_TABLE, ids=str)
def test_every_status_of_a_target_decides_and_says_what_to_do(axis: Axis, status: AxisStatus) -> None:
    operation = operation_of(axis, status.state)
    reason = None if status.reason is None else status.reason.value
    if status.reason is Reason.REJECTED:
        reason = "rejected:bad_request:400"
    change = Change(axis.value, status.state.name.lower(), "3,7", reason, int(FRIDAY))
    target_states = journal(OPERATIONS[operation], done(operation), changed(change))
    target_states.last_accepted_at = FRIDAY
    duty = duty_of(target_states)
    assert duty.state == expected_state(status)
    assert duty.exit_code == {"complete": 0, "waiting": 75, "needs_attention": 1}[duty.state]
    assert [cause.targets for cause in duty.causes] == ["3,7"] * (duty.state == "needs_attention")
    assert all((cause.count, bool(cause.what), bool(cause.action)) == (2, True, True) for cause in duty.causes)
    assert bool(duty.waiting_for) == bool(duty.verify_from) == (duty.state == "waiting")


def test_every_state_has_a_row_in_this_table() -> None:
    covered = {status.state for _, status in STATUS_TABLE}
    assert covered == {state for axis in Axis for state in STATES[axis] if state.name != "NOT_REQUESTED"}


def test_a_waiting_job_names_the_next_purge_and_from_when_to_verify() -> None:
    queued = changed(Change("events", "queued", ALL, None, int(FRIDAY)))
    duty = duty_of(journal(ERASURE, done("erasure"), queued))
    assert duty.sentence == (
        "Waiting for PostHog to purge the events of 10 persons, expected Sunday 2026-12-06 05:00 UTC; "
        "verify from Monday 2026-12-07 05:00 UTC."
    )
    assert (duty.expected_at, duty.verify_from) == ("2026-12-06T05:00:00Z", "2026-12-07T05:00:00Z")


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (SUNDAY - 3600, SUNDAY),
        (SUNDAY + 3600, SUNDAY),
        (SUNDAY + DAY_S + 1, SUNDAY + 7 * DAY_S),
        (SUNDAY + 8 * DAY_S + 1, SUNDAY + 14 * DAY_S),
    ],
    ids=["before", "while it runs", "it slipped", "it slipped twice"],
)
def test_a_purge_that_slipped_is_expected_a_week_later(as_of: float, expected: float) -> None:
    queued = changed(Change("events", "queued", ALL, None, int(FRIDAY)))
    duty = duty_of(journal(ERASURE, done("erasure"), queued, Verified(at=as_of, persons=10)))
    assert duty.expected_at is not None
    assert datetime.fromisoformat(duty.expected_at).timestamp() == expected


def test_events_that_four_purges_left_need_attention() -> None:
    queued = changed(Change("events", "queued", "0-3", None, int(FRIDAY)))
    late = Verified(at=FRIDAY + 29 * DAY_S, persons=10)
    duty = duty_of(journal(ERASURE, done("erasure"), queued, late))
    assert (duty.state, kinds(duty), duty.causes[0].targets) == ("needs_attention", ["purge_overdue"], "0-3")
    assert "29 days" in duty.sentence


def test_what_posthog_accepted_and_did_not_apply_needs_a_run() -> None:
    accepted = changed(Change("person", "accepted", "0-1"))
    target_states = journal(OPERATIONS["delete"], done("delete"), accepted)
    target_states.last_accepted_at = FRIDAY
    assert duty_of(target_states).waiting_for == ("PostHog to apply what it accepted for 2 persons",)
    target_states.apply(Verified(at=FRIDAY + 3600, persons=10))
    assert kinds(duty_of(target_states)) == ["not_applied"]


def test_a_person_that_is_held_back_waits_for_a_purge_and_then_needs_a_run() -> None:
    held = changed(Change("person", "held_back", "0-1"), Change("events", "held_back", "0-1"))
    target_states = journal(ERASURE, done("erasure"), held, RunEnded(at=FRIDAY, reason="finished"))
    duty = duty_of(target_states)
    assert (duty.state, duty.expected_at) == ("waiting", "2026-12-06T05:00:00Z")
    assert "the job has to run again" in duty.sentence
    target_states.apply(Verified(at=SUNDAY + 2 * DAY_S, persons=10))
    assert kinds(duty_of(target_states)) == ["held_back"]


def test_input_lines_that_are_not_covered_need_attention() -> None:
    coverage = InputCoverage(lines=12, unmatched=1, refused=1)
    duty = duty_of(journal(OPERATIONS["delete"], done("delete")), coverage)
    assert (duty.state, kinds(duty)) == ("needs_attention", ["not_covered"])
    assert duty.sentence == ("Needs attention: 2 of 12 input lines are not covered (1 matched no person, 1 refused).")


def test_attention_names_what_waits_too() -> None:
    states = changed(Change("person", "merged", "4"), Change("events", "queued", "0-3", None, int(FRIDAY)))
    duty = duty_of(journal(ERASURE, done("erasure"), states))
    assert (duty.state, duty.exit_code, kinds(duty)) == ("needs_attention", 1, ["merged"])
    assert "1 person: merged into another person" in duty.sentence
    assert "Also waiting for PostHog to purge the events of 4 persons" in duty.sentence


def test_each_wait_has_its_own_expected_time() -> None:
    queued, requested = Change("events", "queued", ALL, None, int(FRIDAY)), Change("recordings", "requested", ALL)
    duty = duty_of(journal(ERASURE, done("erasure"), changed(queued, requested)))
    assert duty.sentence == (
        "Waiting for PostHog to purge the events of 10 persons, expected Sunday 2026-12-06 05:00 UTC. "
        "Also waiting for a verification that PostHog has deleted the recordings of 10 persons. "
        "Verify from Monday 2026-12-07 05:00 UTC."
    )


def test_a_merged_person_is_one_cause_not_one_per_axis() -> None:
    states = changed(
        Change("person", "merged", "4"), Change("events", "skipped", "4"), Change("recordings", "skipped", "4")
    )
    assert kinds(duty_of(journal(ERASURE, done("erasure"), states))) == ["merged"]


def test_persons_that_came_back_are_named_however_they_did() -> None:
    recreated = changed(Change("person", "recreated", "2"))
    verified = Verified(at=FRIDAY, persons=10, returned="5-6")
    duty = duty_of(journal(ERASURE, done("erasure"), recreated, verified))
    (cause,) = duty.causes
    assert (cause.kind, expand(cause.targets or "")) == ("reappeared", [2, 5, 6])
    assert cause.action.endswith("posthog-bulk plan --from JOURNAL --reappeared -o NEW_PLAN")


def test_the_last_verification_decides_about_what_no_state_holds() -> None:
    first = Verified(at=FRIDAY, persons=10, unread="1", listed="2-3")
    target_states = journal(ERASURE, done("erasure"), first)
    target_states.last_accepted_at = FRIDAY
    duty = duty_of(target_states)
    assert (duty.state, duty.waiting_for) == (
        "waiting",
        (
            "a read of 1 person that the last verification could not read",
            "PostHog to remove 2 deleted persons from its persons list",
        ),
    )
    target_states.apply(Verified(at=FRIDAY + 15 * DAY_S, persons=10, listed="2-3"))
    assert kinds(duty_of(target_states)) == ["still_listed"]
    target_states.apply(Verified(at=FRIDAY + 16 * DAY_S, persons=10))
    assert duty_of(target_states).state == "complete"


def test_recordings_wait_for_a_verification_and_then_for_posthog_and_are_complete_as_far_as_they_can_be_verified() -> (
    None
):
    requested = changed(Change("recordings", "requested", ALL))
    target_states = journal(OPERATIONS["delete-recordings"], requested)
    target_states.last_accepted_at = FRIDAY
    duty = duty_of(target_states)
    assert duty.waiting_for == ("a verification that PostHog has deleted the recordings of 10 persons",)
    assert duty.verify_from == "2026-12-05T00:00:00Z"
    kept = changed(Change("recordings", "requested", "0-2", "not_marked_yet"))
    duty = duty_of(journal(OPERATIONS["delete-recordings"], requested, kept))
    assert duty.waiting_for[0] == "PostHog to delete the recordings of 3 persons"
    rest = (
        Change("recordings", "deleted", "0-4"),
        Change("recordings", "not_verifiable", "5-7", "no_recordings"),
        Change("recordings", "not_verifiable", "8-9", "no_query_scope"),
    )
    duty = duty_of(journal(OPERATIONS["delete-recordings"], requested, changed(*rest)))
    assert duty.state == "complete"
    assert duty.sentence == (
        "Complete: recordings of 5 persons shown as deleted by PostHog, PostHog showed no recordings of 3 persons, "
        "deletion of the recordings of 2 persons requested, which cannot be verified."
    )


def test_a_running_job_waits_for_its_end() -> None:
    duty = while_running(duty_of(journal(OPERATIONS["delete"])))
    assert (duty.state, duty.exit_code) == (DutyState.WAITING.value, 75)
    assert duty.sentence == "Waiting for the end of the run that is in progress."


def test_purges_are_on_sundays_at_05_00_utc() -> None:
    assert next_purge(FRIDAY) == next_purge(SUNDAY - 1) == SUNDAY
    assert next_purge(SUNDAY) == SUNDAY + 7 * DAY_S
    assert expected_purge(FRIDAY, FRIDAY) == SUNDAY
