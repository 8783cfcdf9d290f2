"""The report: from journal alone, the same on every machine, and each axis adds up whatever was interrupted."""

import os
import time

import pytest

from bulk.journal.records import Answer, Change, Intent, JobOpened, Record, RunStarted, Settled
from bulk.journal.replay import JournalFacts
from bulk.journal.target_states import TargetStates
from bulk.report.rendering import render_json
from bulk.report.report import Report, build, exit_code
from bulk.states import Events

FACTS = JournalFacts(digest="sha256:0", lines=3, torn_tail_bytes=0)
COUNT = 1000


def begun() -> list[Record]:
    return [
        JobOpened(
            format=1,
            job="j",
            host="https://eu.posthog.com",
            project=1,
            operation={"kind": "delete", "delete_events": True},
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


def folded(*records: Record) -> TargetStates:
    target_states = TargetStates()
    for record in [*begun(), *records]:
        target_states.apply(record)
    return target_states


def states(report: Report, axis: str) -> dict[str, int]:
    return {state.state: state.count for each in report.axes if each.axis == axis for state in each.states}


def test_attempts_that_a_kill_left_open_are_unknown_in_the_report() -> None:
    target_states = folded(
        intent(0, "0-9", "events"), Answer(attempt=0, at=2.0, outcome="ok"), intent(1, "10-19", "events")
    )
    target_states.close_open()
    report = build(target_states, FACTS, None)
    assert states(report, "events") == {"untouched": 980, "unknown": 10, "requested": 10}
    assert (report.routes[0].ok, report.routes[0].unknown) == (1, 1)
    assert report.exit_code == 75


def test_each_reason_is_named_by_state_with_its_targets() -> None:
    changes = (
        Change("person", "failed", "0-3,7", "never_accepted"),
        Change("person", "contradicted", "5", "accepted_but_there"),
        Change("events", "missed", "2", "answer_unknown"),
    )
    report = build(folded(Settled(at=3.0, source="engine", changes=changes)), FACTS, None)
    told = [(f.axis, f.state, f.reason, f.count, f.targets) for f in report.failures]
    assert told == [
        ("person", "failed", "never_accepted", 5, "0-3,7"),
        ("person", "contradicted", "accepted_but_there", 1, "5"),
        ("events", "missed", "answer_unknown", 1, "2"),
    ]


def test_the_bytes_do_not_depend_on_the_machines_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    written = set()
    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        written.add(render_json(build(folded(), FACTS, None)))
    monkeypatch.undo()
    os.environ.pop("TZ", None)
    time.tzset()
    assert len(written) == 1


def test_pending_purges_are_unfinished_business_for_verify_only() -> None:
    gone = (Change("person", "gone", f"0-{COUNT - 1}"), Change("events", "queued", f"0-{COUNT - 1}"))
    target_states = folded(Settled(at=3.0, source="store", changes=gone))
    assert (exit_code(target_states), exit_code(target_states, purged=True)) == (0, 75)
    failed = Change("events", Events.FAILED.name.lower(), "3", "rejected:bad_request:400")
    target_states.apply(Settled(at=4.0, source="engine", changes=(failed,)))
    assert (exit_code(target_states), exit_code(target_states, purged=True)) == (1, 75)


def test_a_journal_without_a_job_has_no_report() -> None:
    with pytest.raises(ValueError, match="empty"):
        build(TargetStates(), FACTS, None)


def test_a_state_of_another_version_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="know no state"):
        folded(Settled(at=3.0, source="store", changes=(Change("person", "sleeping", "0"),)))


def test_more_labels_of_the_server_than_fit_are_called_other_and_displace_no_reason_of_the_engine() -> None:
    changes = tuple(Change("person", "failed", str(n), f"rejected:{n}") for n in range(300))
    changes += (Change("person", "failed", "299", "attempts_used"),)
    report = build(folded(Settled(at=3.0, source="engine", changes=changes)), FACTS, None)
    assert sum(failure.count for failure in report.failures) == 300
    assert [f.count for f in report.failures if f.reason == "rejected:other"] == [45]
    assert [f.targets for f in report.failures if f.reason == "attempts_used"] == ["299"]
