"""The rate and the estimated time left that a running job reports."""

from types import SimpleNamespace
from typing import Any

import pytest

from asyncclient import Bucket, Limits, RateLimits
from bulk.concurrency.sleeps import Sleeps
from bulk.events import JobEvent, Progress, WaitingForServer
from bulk.execution.progress_emitter import ProgressEmitter
from bulk.journal.records import FORMAT, AttemptEnded, Intent, JobOpened
from bulk.journal.target_states import TargetStates
from bulk.operations import DeletePersons
from bulk.progress.wait_tracker import WaitTracker


def started(count: int) -> TargetStates:
    target_states = TargetStates()
    target_states.apply(
        JobOpened(
            format=FORMAT,
            job="j",
            host="h",
            project=1,
            operation={"kind": "delete"},
            selection={},
            plan_digest="d",
            count=count,
            planned_at="",
            at=0.0,
        )
    )
    return target_states


def accept(target_states: TargetStates, attempt: int, targets: str) -> None:
    intent = Intent(
        attempt=attempt, route="delete", bucket="deletes", axes=("person",), targets=targets, at=0.0, server_at=0.0
    )
    target_states.apply(intent)
    target_states.apply(AttemptEnded(attempt=attempt, at=0.0, outcome="ok"))


def test_the_estimated_time_left_takes_bursts_within_the_rate_limit_into_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr("bulk.execution.progress_emitter.anyio.current_time", lambda: now[0])
    emitted: list[Progress] = []

    def tell(event: JobEvent) -> None:
        if isinstance(event, Progress):
            emitted.append(event)

    target_states = started(1200)
    limits = Limits(RateLimits.posthog(), clock=lambda: now[0])
    job: Any = SimpleNamespace(
        target_states=target_states, operation=DeletePersons(), now=lambda: now[0], note=lambda _: None
    )
    tracker = WaitTracker(limits, Sleeps(), clock=lambda: now[0])
    emitter = ProgressEmitter(job, limits, tell, wait_tracker=tracker, batch_size=1)
    emitter.phase("sending")
    now[0] += 5
    accept(target_states, 0, "0-479")
    limits.charge(Bucket.DELETES, [0.0] * 480)
    emitter.progress()
    now[0] += 50  # the limit of this minute is used up: no progress
    for _ in range(3):
        now[0] += 1
        emitter.progress()
    accept(target_states, 1, "480")
    emitter.progress()
    eta_s = emitted[-1].eta_s
    assert eta_s is not None
    assert 60 <= eta_s <= 120


def test_in_a_test_batch_that_waits_for_the_server_only_the_end_of_the_wait_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr("bulk.execution.progress_emitter.anyio.current_time", lambda: now[0])
    emitted: list[Progress] = []

    def tell(event: JobEvent) -> None:
        if isinstance(event, Progress):
            emitted.append(event)

    limits = Limits(RateLimits.off(), clock=lambda: now[0])
    job: Any = SimpleNamespace(
        target_states=started(30), operation=DeletePersons(), now=lambda: now[0], note=lambda _: None
    )
    tracker = WaitTracker(limits, Sleeps(), clock=lambda: now[0])
    emitter = ProgressEmitter(job, limits, tell, wait_tracker=tracker, batch_size=1)
    emitter.phase("test batch")
    assert (emitted[-1].eta_s, emitted[-1].eta_is_limit) == (None, False)
    emitter.emit(WaitingForServer(targets=25, next_read_s=1.0, wait_left_s=900.0))
    now[0] += 10
    emitter.progress()
    assert (emitted[-1].eta_s, emitted[-1].eta_is_limit) == (890.0, True)
