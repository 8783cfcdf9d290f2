"""The logger `bulk`: what its records say of a job, and how often."""

import logging
from typing import get_args

import pytest

from bulk import event_log
from bulk.event_log import EventLog
from bulk.events import (
    Activity,
    JobEnded,
    JobEvent,
    JobStarted,
    KeyListTested,
    LimitMoved,
    PauseStarted,
    PhaseChanged,
    PlanProgress,
    Progress,
    ProtectionChecked,
    RouteChosen,
    ServerReachable,
    ServerUnreachable,
    TestBatchDone,
    Trouble,
    WaitingForServer,
)

PROGRESS = Progress(
    phase="sending",
    count=30,
    done=10,
    person={"deleted_confirmed": 10, "not_started": 20},
    events={"not_requested": 30},
    recordings={},
    requests=7,
    targets_per_s=2.0,
    eta_s=20.0,
)
WAITING = WaitingForServer(targets=3, next_read_s=2.0, wait_left_s=900.0)
EXAMPLES: list[tuple[JobEvent | PlanProgress, str, str]] = [
    (PlanProgress(seen=9, targets=8, requests=2), "INFO", "planning: 9 persons read, 8 persons selected, 2 requests"),
    (
        JobStarted(
            job="ab12",
            operation="delete persons",
            project_id=7,
            project_name="Shop",
            count=30,
            remaining=20,
            runs_before=1,
        ),
        "INFO",
        "job ab12 started, run 2: delete persons in project 7; 20 of 30 persons left to process",
    ),
    (Activity(phase="exporting", elapsed_s=3.0, requests=4, persons=900), "INFO", "exporting: 4 requests, 900 persons"),
    (Activity(phase="checking", elapsed_s=3.0, requests=1), "INFO", "checking: 1 request"),
    (PhaseChanged(phase="reading back"), "INFO", "phase: reading back"),
    (RouteChosen(route="rest", why="requested"), "INFO", "route: rest (requested)"),
    (KeyListTested(taken=True), "INFO", "removing properties takes one call per person"),
    (
        ProtectionChecked(lines=3, unmatched=1),
        "INFO",
        "no protected person in the plan; 3 lines of the protection list read, 1 without a person",
    ),
    (TestBatchDone(targets=5), "INFO", "test batch OK: 5 persons"),
    (
        PROGRESS,
        "INFO",
        "sending: 10 of 30 persons, 7 requests, about 20 s left; persons: 10 deleted_confirmed, 20 not_started",
    ),
    (
        Trouble(route="POST persons/bulk_delete", error="server_error", targets=250, status=503, retry_in_s=4.0),
        "WARNING",
        "API call POST persons/bulk_delete failed for 250 persons: server error (HTTP 503); retrying in 4 s",
    ),
    (
        WAITING,
        "INFO",
        ("waiting for the server: 3 accepted changes not yet visible (person); next check in 2 s, for up to 15 min"),
    ),
    (
        JobEnded(reason="NotFinished", exit_code=75, person={"not_started": 2}, events={}, recordings={}),
        "INFO",
        "run ended: interrupted; exit code 75; persons: 2 not_started",
    ),
]


CLIENT_EVENTS: list[JobEvent] = [
    PauseStarted(bucket="deletes", for_s=40.0),
    LimitMoved(bucket="others", window_s=60.0, old=240, new=None),
    ServerUnreachable(away_s=5.0, retry_in_s=8.0, gives_up_in_s=895.0, reason="503"),
    ServerReachable(away_s=31.0),
]
"""Events of which the client's own logger has a record."""


@pytest.mark.parametrize(("event", "level", "message"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_an_event_is_a_record_with_its_fields(
    event: JobEvent, level: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="bulk")
    EventLog().write(event)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("bulk", level, message)
    assert record.__dict__["event"] is event


def test_every_kind_of_event_has_an_example_above() -> None:
    known = {type(event) for event, _, _ in EXAMPLES} | {type(event) for event in CLIENT_EVENTS}
    assert known == {*get_args(JobEvent), PlanProgress}


def test_an_event_that_the_client_logs_is_not_logged_twice(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="bulk")
    for event in CLIENT_EVENTS:
        EventLog().write(event)
    assert caplog.records == []


def test_progress_and_waiting_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="bulk")
    now = 1000.0
    log = EventLog(clock=lambda: now)
    for now in (1000.0, 1000.2, 1059.9, 1060.0):
        assert log.is_progress_due is (now in (1000.0, 1060.0))
        log.write(PROGRESS)
        log.write(WAITING)
    assert len(caplog.records) == 4


def test_a_level_that_is_not_enabled_costs_no_progress(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="bulk")
    log = EventLog()
    log.write(PROGRESS)
    assert not log.is_progress_due
    assert caplog.records == []
    assert event_log.LOGGER.name == "bulk"
