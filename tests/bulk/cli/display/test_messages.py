"""The lines that a running job shows."""

from datetime import UTC, datetime

import msgspec
import pytest

from bulk.cli.display import messages
from bulk.errors import NotFinished
from bulk.events import (
    JobEnded,
    JobEvent,
    JobStarted,
    KeyListTested,
    LimitMoved,
    PauseStarted,
    PhaseChanged,
    Progress,
    RouteChosen,
    ServerReachable,
    ServerUnreachable,
    TestBatchDone,
    Trouble,
    WindowBudget,
)

NOW = datetime(2026, 11, 29, 11, 3, 14, tzinfo=UTC)


def line(event: JobEvent) -> str | None:
    return messages.event_line(event, now=NOW)


PROGRESS = Progress(
    phase="sending",
    count=5000,
    done=1250,
    person={"deleted_confirmed": 1000, "already_deleted": 250, "not_started": 3750},
    events={"queued": 1250, "not_started": 3750},
    recordings={"not_requested": 5000},
    requests=12,
    targets_per_s=118.4,
    eta_s=31.7,
    budget=(WindowBudget(bucket="deletes", window_s=60.0, limit=480, used=12, frees_in_s=3.0),),
)


def test_progress_has_its_phase_and_count() -> None:
    assert messages.count_line(PROGRESS) == "Sending: 1,250 of 5,000 (25%)"


@pytest.mark.parametrize(
    ("working", "overall", "shown"),
    [
        (0.0, 0.0, []),
        (118.4, 118.4, ["118 persons/s"]),
        (48.2, 4.03, ["4.0 persons/s (48 persons/s without waits)"]),
        (1.5, 0.2, ["12 persons/min (90 persons/min without waits)"]),
        (0.0, 0.001, ["1 persons/min"]),
    ],
)
def test_the_rate_is_over_all_time_and_over_the_time_without_waits(
    working: float, overall: float, shown: list[str]
) -> None:
    assert messages.rates(msgspec.structs.replace(PROGRESS, targets_per_s=working, overall_per_s=overall)) == shown


def test_progress_counts_the_states_of_each_axis_of_the_operation() -> None:
    assert messages.axis_lines(PROGRESS) == [
        "Persons: 1,000 deleted (confirmed by reading back), 250 already deleted, 3,750 not started",
        "Events: 1,250 queued for deletion by PostHog, 3,750 not started",
    ]
    event = msgspec.structs.replace(
        PROGRESS, person={"not_requested": 5}, events={}, properties={"changed_confirmed": 3, "to_retry": 2}
    )
    assert messages.axis_lines(event) == ["Properties: 3 changed (confirmed by reading back), 2 to retry"]


def test_the_rate_limit_closest_to_used_up_is_shown() -> None:
    hour = WindowBudget(bucket="deletes", window_s=3600.0, limit=4800, used=4790, frees_in_s=3.0)
    assert messages.rate_limit_line((*PROGRESS.budget, hour)) == "Rate limit: 10 of 4,800 deletions left this hour"
    assert messages.rate_limit_line(PROGRESS.budget) == "Rate limit: 468 of 480 deletions left this minute"
    assert messages.rate_limit_line(()) == ""


def test_a_pause_shows_when_it_ends() -> None:
    assert line(PauseStarted(bucket="deletes", for_s=58)) == (
        "Rate limited: the server asked us to wait 58 s (until 11:04:12) before further deletions"
    )


def test_a_lowered_rate_limit_shows_the_old_and_the_new_limit() -> None:
    assert line(LimitMoved(bucket="others", window_s=60, old=240, new=100)) == (
        "Rate limit lowered after an unexpected 429: reads and changes, from 240 to 100 per minute"
    )
    assert "from no limit to 4,800 per hour" in str(
        line(LimitMoved(bucket="deletes", window_s=3600, old=None, new=4800))
    )


def test_a_failed_request_shows_route_status_reason_and_the_time_of_the_retry() -> None:
    trouble = Trouble(
        route="POST persons/bulk_delete", error="server_error", targets=250, status=503, code="x", retry_in_s=4
    )
    assert line(trouble) == (
        "API call POST persons/bulk_delete failed for 250 persons: server error (HTTP 503, x); retrying in 4 s"
    )
    plain_trouble = Trouble(route="bulk_delete", error="no_response", targets=1)
    assert line(plain_trouble) == "API call bulk_delete failed for 1 person: no response"


def test_the_start_of_a_run_shows_operation_project_and_what_is_left() -> None:
    started = JobStarted(
        job="j",
        operation="delete persons",
        project_id=42,
        project_name="Ac\x1bme",
        count=5000,
        remaining=100,
        runs_before=1,
    )
    assert line(started) == ("Run 2 in project 42 (Ac\\x1bme): delete persons; 100 of 5,000 persons left to process")


def test_the_route_and_its_reason_are_shown_sanitized() -> None:
    assert line(RouteChosen(route="rest", why="30 \x1bcalls")) == "Route: REST (30 \\x1bcalls)"


def test_a_trial_shows_how_many_calls_a_person_takes() -> None:
    assert line(KeyListTested(taken=True)) == ("The server removes several properties of a person in one call")
    assert line(KeyListTested(taken=False)) == ("The server removes one property of a person per call")


def test_the_phases_and_the_test_batch_are_shown() -> None:
    assert line(PhaseChanged(phase="sending")) == "Sending"
    assert str(line(PhaseChanged(phase="test batch"))).startswith("Test batch: ")
    assert line(TestBatchDone(targets=25)) == "Test batch OK: 25 persons. Continuing with the rest"
    assert line(PROGRESS) is None


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("finished", "Run finished"),
        ("stopped", "Run stopped"),
        ("BreakerOpened", "Run stopped: too many failures; Persons: 3 deleted (confirmed by reading back)"),
        ("NotFinished", "Run interrupted; Persons: 3 deleted (confirmed by reading back)"),
        ("PermissionDenied", "Run stopped: the key lacks a permission; Persons: 3 deleted (confirmed by reading back)"),
        ("OSError", "Run stopped by an error; Persons: 3 deleted (confirmed by reading back)"),
    ],
)
def test_the_end_of_a_run_shows_counts_unless_a_summary_follows(reason: str, shown: str) -> None:
    assert (
        line(JobEnded(reason=reason, exit_code=0, person={"deleted_confirmed": 3}, events={}, recordings={})) == shown
    )


@pytest.mark.parametrize(("gives_up_in_s", "shown"), [(525.0, "11:11"), (119.0, "11:05:13"), (0.0, "11:03:14")])
def test_an_outage_has_since_when_the_next_try_and_the_end_of_the_waiting(gives_up_in_s: float, shown: str) -> None:
    event = ServerUnreachable(away_s=371.0, retry_in_s=8.0, gives_up_in_s=gives_up_in_s, reason="503")
    assert line(event) == (f"Server not reachable since 10:57:03 (503); trying again in 8 s; giving up at {shown}")


def test_the_end_of_an_outage_has_its_length() -> None:
    assert line(ServerReachable(away_s=305.0)) == "Server reachable again after 5 min 5 s"


def test_a_verification_is_not_called_a_run() -> None:
    started = JobStarted(
        job="j",
        operation="delete persons",
        project_id=1,
        project_name="Acme",
        count=30,
        remaining=0,
        runs_before=1,
        purpose="verify",
    )
    assert line(started) == "Verifying 30 persons in project 1 (Acme); nothing is changed"
    counts: dict[str, dict[str, int]] = {"person": {}, "events": {}, "recordings": {}}
    assert line(JobEnded(reason="finished", exit_code=75, purpose="verify", **counts)) == "Verification finished"
    assert line(JobEnded(reason="NotFinished", exit_code=75, purpose="verify", **counts)) == "Verification interrupted"
    error = NotFinished("the server did not respond")
    error.purpose = "verify"
    assert str(error).startswith("verification interrupted: the server did not respond; ")
