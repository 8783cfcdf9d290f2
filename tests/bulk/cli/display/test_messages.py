"""What a running job says, line by line."""

import msgspec
import pytest

from bulk.cli.display import messages
from bulk.events import (
    JobEnded,
    JobStarted,
    LimitMoved,
    PauseStarted,
    PhaseChanged,
    Progress,
    RouteChosen,
    TestBatchDone,
    Trouble,
    WaitingForServer,
    WindowBudget,
)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "unknown"),
        (-1, "0 s"),
        (0, "0 s"),
        (0.42, "0.4 s"),
        (59.6, "1 min"),
        (60, "1 min"),
        (65, "1 min 5 s"),
        (3600, "1 h"),
        (12000, "3 h 20 min"),
        (187200, "2 d 4 h"),
    ],
)
def test_a_duration_is_told_in_two_units(seconds: float | None, said: str) -> None:
    assert messages.duration(seconds) == said


PROGRESS = Progress(
    phase="sending",
    count=5000,
    done=1250,
    person={"gone": 1000, "gone_before": 250, "untouched": 3750},
    events={"queued": 1250, "untouched": 3750},
    recordings={"not_asked": 5000},
    requests=12,
    targets_per_s=118.4,
    eta_s=31.7,
    budget=(WindowBudget(bucket="deletes", window_s=60.0, limit=480, used=12, frees_in_s=3.0),),
)


def test_progress_has_count_rate_and_time_left() -> None:
    assert messages.pace(PROGRESS) == "Sending: 1,250 of 5,000 (25 %), 118/s, about 32 s left"


def test_progress_counts_each_axis_that_was_asked_for() -> None:
    assert messages.axes(PROGRESS) == [
        "persons: 1,000 gone, 250 gone before, 3,750 untouched",
        "events: 1,250 queued, 3,750 untouched",
    ]


def test_the_budget_names_the_window_with_least_left() -> None:
    hour = WindowBudget(bucket="deletes", window_s=3600.0, limit=4800, used=4790, frees_in_s=3.0)
    assert messages.budget((*PROGRESS.budget, hour)) == "Rate limit: 10 of 4,800 deletions left this hour"
    assert messages.budget(PROGRESS.budget) == "Rate limit: 468 of 480 deletions left this minute"
    assert messages.budget(()) == ""


def test_changes_of_properties_are_counted_and_their_route_is_told() -> None:
    event = msgspec.structs.replace(PROGRESS, person={"not_asked": 5}, events={}, properties={"done": 3, "again": 2})
    assert messages.axes(event) == ["properties: 3 done, 2 again"]
    assert messages.sentence(RouteChosen(route="rest", why="30 \x1bcalls")) == "Route: REST (30 \\x1bcalls)"


def test_a_pause_and_a_lowered_limit_are_told() -> None:
    assert messages.sentence(PauseStarted(bucket="deletes", for_s=3600)) == (
        "Rate limited: the server asked us to wait 1 h (deletions)"
    )
    assert messages.sentence(LimitMoved(bucket="others", window_s=60, old=240, new=100)) == (
        "Rate limit lowered after an unexpected 429: reads and changes, 240 to 100 in 1 min"
    )
    assert "none to 4,800" in str(messages.sentence(LimitMoved(bucket="deletes", window_s=3600, old=None, new=4800)))


def test_trouble_names_route_kind_status_and_when_it_is_tried_again() -> None:
    trouble = Trouble(
        route="POST persons/bulk_delete", error="server_error", targets=250, status=503, code="x", retry_in_s=4
    )
    assert messages.sentence(trouble) == "POST persons/bulk_delete: server_error 503 x for 250 targets, retrying in 4 s"


def test_the_start_of_a_job_tells_what_where_and_how_often() -> None:
    started = JobStarted(
        job="j",
        operation="delete persons",
        project_id=42,
        project_name="Ac\x1bme",
        count=5000,
        remaining=100,
        runs_before=1,
    )
    assert messages.sentence(started) == (
        "delete persons: 100 of 5,000 to do in project 42 (Ac\\x1bme), run 2 of this job"
    )


def test_canary_waiting_and_the_end_are_told() -> None:
    assert messages.sentence(TestBatchDone(targets=25)) == "Test batch OK: 25 persons. Continuing with the rest"
    assert messages.sentence(WaitingForServer(targets=7, next_read_s=5, wait_left_s=600)) == (
        "7 deletions accepted but not yet visible; checking again in 5 s, for up to 10 min"
    )
    assert messages.sentence(WaitingForServer(targets=7, next_read_s=5, wait_left_s=600, axis="properties")) == (
        "7 changes accepted but not yet visible; checking again in 5 s, for up to 10 min"
    )
    ended = JobEnded(reason="finished", exit_code=0, person={"gone": 3}, events={}, recordings={})
    assert messages.sentence(ended) == "Run finished; persons: 3 gone"
    assert messages.sentence(PhaseChanged(phase="sending")) == "Sending"
    assert messages.sentence(PROGRESS) is None
