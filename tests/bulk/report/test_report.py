"""A report follows from the journal alone, is the same on every machine, and its counts add up."""

import os
import time

import pytest

from bulk.journal.records import FORMAT, AttemptEnded, Change, Intent, JobOpened, Record, RunStarted, StatesChanged
from bulk.journal.replay import JournalFacts
from bulk.journal.target_states import TargetStates
from bulk.report.rendering import render_json
from bulk.report.report import Report, build_report

FACTS = JournalFacts(digest="sha256:0", lines=3, torn_tail_bytes=0)
COUNT = 1000


def begun(operation: dict[str, object] | None = None) -> list[Record]:
    return [
        JobOpened(
            format=FORMAT,
            job="j",
            host="https://eu.posthog.com",
            project=1,
            operation=operation or {"kind": "delete", "delete_events": True},
            selection={},
            plan_digest="sha256:0",
            count=COUNT,
            planned_at="2026-11-23T00:00:00+00:00",
            at=1_795_000_000.125,
        ),
        RunStarted(
            at=1_795_000_001.0, purpose="run", version="1", concurrency=1, batch_size=2, wait_s=1.0, rates="off"
        ),
    ]


def intent(attempt: int, targets: str, *axes: str) -> Intent:
    return Intent(
        attempt=attempt, route="bulk_delete", bucket="deletes", axes=axes, targets=targets, at=1.0, server_at=1.0
    )


def folded(*records: Record, operation: dict[str, object] | None = None) -> TargetStates:
    target_states = TargetStates()
    for record in [*begun(operation), *records]:
        target_states.apply(record)
    return target_states


def states(report: Report, axis: str) -> dict[str, int]:
    return {state.state: state.count for each in report.axes if each.axis == axis for state in each.states}


def test_attempts_left_open_by_a_kill_are_unknown_in_the_report() -> None:
    target_states = folded(
        intent(0, "0-9", "events"), AttemptEnded(attempt=0, at=2.0, outcome="ok"), intent(1, "10-19", "events")
    )
    target_states.close_open()
    report = build_report(target_states, FACTS, None)
    assert states(report, "events") == {"not_started": 980, "unknown": 10, "accepted": 10}
    assert (report.routes[0].ok, report.routes[0].unknown) == (1, 1)
    assert report.run_exit_code == 75


def test_each_reason_is_listed_with_its_state_and_targets() -> None:
    changes = (
        Change("person", "failed", "0-3,7", "never_accepted"),
        Change("person", "contradicted", "5", "accepted_not_deleted"),
        Change("events", "too_late", "2", "outcome_unknown"),
    )
    report = build_report(folded(StatesChanged(at=3.0, source="engine", changes=changes)), FACTS, None)
    told = [(f.axis, f.state, f.reason, f.count, f.targets) for f in report.failures]
    assert told == [
        ("person", "failed", "never_accepted", 5, "0-3,7"),
        ("person", "contradicted", "accepted_not_deleted", 1, "5"),
        ("events", "too_late", "outcome_unknown", 1, "2"),
    ]


def test_the_verdict_says_how_many_targets_need_attention_each_counted_once() -> None:
    changes = (
        Change("person", "deleted_confirmed", f"0-{COUNT - 5}"),
        Change("person", "merged", f"{COUNT - 4}-{COUNT - 2}"),
        Change("person", "already_deleted", f"{COUNT - 1}"),
        Change("events", "queued", f"0-{COUNT - 5}"),
        Change("events", "skipped", f"{COUNT - 4}-{COUNT - 2}"),
        Change("events", "too_late", f"{COUNT - 1}"),
    )
    report = build_report(folded(StatesChanged(at=3.0, source="person_reads", changes=changes)), FACTS, None)
    assert report.run_verdict == (
        "Finished, but 4 of 1,000 need attention: 996 of 1,000 persons deleted (confirmed by reading back), "
        "1 already deleted, events of 996 queued for deletion by PostHog."
    )


def test_the_report_does_not_depend_on_the_time_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    written = set()
    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        written.add(render_json(build_report(folded(), FACTS, None)))
    monkeypatch.undo()
    os.environ.pop("TZ", None)
    time.tzset()
    assert len(written) == 1


def test_a_journal_without_a_job_has_no_report() -> None:
    with pytest.raises(ValueError, match="empty"):
        build_report(TargetStates(), FACTS, None)


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(ValueError, match="have no state"):
        folded(StatesChanged(at=3.0, source="person_reads", changes=(Change("person", "sleeping", "0"),)))


def test_rejection_labels_after_the_254th_are_called_other_and_replace_no_other_reason() -> None:
    changes = tuple(Change("person", "failed", str(n), f"rejected:{n}") for n in range(300))
    changes += (Change("person", "failed", "299", "attempts_exhausted"),)
    report = build_report(folded(StatesChanged(at=3.0, source="engine", changes=changes)), FACTS, None)
    assert sum(failure.count for failure in report.failures) == 300
    assert [f.count for f in report.failures if f.reason == "rejected:other"] == [45]
    assert [f.targets for f in report.failures if f.reason == "attempts_exhausted"] == ["299"]


EVERYONE = f"0-{COUNT - 1}"


def all_in(axis: str, state: str) -> Change:
    return Change(axis, state, EVERYONE)


@pytest.mark.parametrize(
    ("operation", "axis", "state", "verdict"),
    [
        (
            {"kind": "update", "keys": ["plan"]},
            "properties",
            "already_as_desired",
            "Nothing to change: all 1,000 persons already have these values.",
        ),
        (
            {"kind": "unset", "keys": ["plan"]},
            "properties",
            "already_as_desired",
            "Nothing to change: all 1,000 persons already lack these properties.",
        ),
        (
            {"kind": "delete-events"},
            "events",
            "queued",
            "Done: 1,000 of 1,000 persons with events queued for deletion (confirmed by reading back).",
        ),
        (
            {"kind": "delete-events"},
            "events",
            "purged",
            "Done: 1,000 of 1,000 persons with events purged by PostHog (confirmed by reading back).",
        ),
        (
            {"kind": "delete-recordings"},
            "recordings",
            "requested",
            "Deletion of recordings requested for 1,000 of 1,000 persons.",
        ),
        (
            {"kind": "delete"},
            "person",
            "not_started",
            "Not finished: 0 of 1,000 persons deleted (confirmed by reading back).",
        ),
    ],
)
def test_the_verdict_says_what_the_operation_did(
    operation: dict[str, object], axis: str, state: str, verdict: str
) -> None:
    change = StatesChanged(at=3.0, source="reads", changes=(all_in(axis, state),))
    assert build_report(folded(change, operation=operation), FACTS, None).run_verdict == verdict


def test_requests_of_one_call_are_counted_for_each_stage() -> None:
    report = build_report(folded(intent(0, "0-9", "events"), intent(1, "0-9", "person")), FACTS, None)
    assert [(route.axes, route.attempts) for route in report.routes] == [(("events",), 1), (("person",), 1)]
