"""Calls for many persons under one intent: after an error or a stop the state of each target is known exactly, and the
journal counts the requests that the server saw (guarantees 1, 2, 7, 10, 11, 12, 16, 17)."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from virtual_time import run_virtual

from asyncclient.testing import Fault
from asyncclient.testing.request_record import RequestLog
from bulk import UnsetProperties
from bulk.events import TestBatchDone
from bulk.journal.records import AttemptEnded, Intent
from bulk.number_ranges import expand
from tests.integration.properties.failures.three_keys import (
    CALL,
    KINDS,
    OLDER,
    is_done,
    operation,
    requests_noted,
    right,
)

DAMAGE: list[Callable[[str], Fault]] = [
    lambda action: Fault("status", action=action, status=500, when="before", every=24),
    lambda action: Fault("status", action=action, status=500, when="after", every=24),
    lambda action: Fault("status", action=action, status=503, body="html", when="after", every=24),
    lambda action: Fault("status", action=action, status=429, retry_after="3", every=24),
    lambda action: Fault("status", action=action, status=413, body="html", every=24),
    lambda action: Fault("reset", action=action, every=24),
    lambda action: Fault("reset_after", action=action, every=24),
    lambda action: Fault("stall", action=action, every=54),
    lambda action: Fault("stall_after", action=action, every=54),
    lambda action: Fault("refuse", action=action, every=24),
    lambda action: Fault("cut_body", action=action, every=24),
    lambda action: Fault("status", action="batch_by_uuids", status=502, body="html", every=3),
]
NAMES = [
    f"{each.kind}-{'call' if each.action == 'update' else each.action}-{each.status}-{each.when}"
    for each in (make("update") for make in DAMAGE)
]


def cases() -> list[Any]:
    """Each failure of each kind of call, by default with late changes for one kind in turn."""
    whole = os.environ.get("POSTHOG_BULK_SLOW") == "1"
    return [
        pytest.param(kind, fault, lag_s, id=f"{kind}-{name}-{lag_s}")
        for at, (fault, name) in enumerate(zip(DAMAGE, NAMES, strict=True))
        for kind in KINDS
        for lag_s in (0.0, 20.0)
        if whole or not lag_s or kind == KINDS[at % 2]
    ]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(("kind", "fault", "lag_s"), cases())
def test_a_job_ends_right_for_every_person_after_any_failure_within_a_block(
    virtual: Any, axis: Any, kind: str, fault: Callable[[str], Fault], lag_s: float
) -> None:
    async def main() -> None:
        async with virtual(persons=100, capture_lag_s=lag_s, **OLDER) as a:
            plan = await a.plan(operation=operation(kind))
            a.server.faults.add(fault(CALL[kind]))
            report = await a.run(plan, concurrency=2)
            assert sum(axis(report, "properties").values()) == 100
            for _ in range(9 if report.exit_code == 75 else 0):  # every attempt of a target failed
                report = await a.run(plan, concurrency=2)
            assert report.exit_code == 0, report.failures
            assert right(a, kind) == 100
            assert requests_noted(a) == len(a.sent())

    run_virtual(main())


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_rejected_person_fails_and_the_others_of_its_block_do_not(virtual: Any, axis: Any, status: int) -> None:
    async def main() -> None:
        async with virtual(persons=100, **OLDER) as a:
            plan = await a.plan(operation=operation("update"))
            a.server.faults.add(Fault("status", action="update", status=status, after=40, times=1))
            report = await a.run(plan, concurrency=1)
            assert (report.exit_code, axis(report, "properties")) == (1, {"changed_confirmed": 99, "failed": 1})
            failure = report.failures[0]
            assert (failure.targets, failure.reason.split(":")[0]) == ("40", "rejected")
            assert str(status) in failure.reason
            assert len(a.sent()) == 100
            assert not is_done(a.properties()[a.everybody[40]], "update")
            assert set(a.times_intended("properties").values()) == {1, 2}
            assert (await a.run(plan)).exit_code == 1  # a rejection is final
            assert len(a.sent()) == 100

    run_virtual(main())


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 502])
def test_a_delete_property_whose_capture_failed_is_not_a_success(virtual: Any, axis: Any, status: int) -> None:
    async def main() -> None:
        async with virtual(persons=100, **OLDER) as a:
            plan = await a.plan(operation=operation("unset"))
            a.server.faults.add(Fault("capture_down", action="delete_property", status=status, after=100, times=1))
            report = await a.run(plan, concurrency=1)
            failed = {"failed": 1} if status == 400 else {}
            assert axis(report, "properties") == {"changed_confirmed": 100 - len(failed), **failed}
            assert right(a, "unset") == 100 - len(failed)

    run_virtual(main())


@pytest.mark.slow
@pytest.mark.parametrize("lag_s", [0.0, pytest.param(20.0, marks=pytest.mark.slow)])
def test_keys_that_were_accepted_before_an_error_are_not_removed_again(virtual: Any, axis: Any, lag_s: float) -> None:
    keys = tuple(f"k{n}" for n in range(100))

    async def main() -> None:
        async with virtual(persons=6, capture_lag_s=lag_s, **OLDER) as a:
            for uuid in a.everybody:
                a.server.world.set_properties(uuid, dict.fromkeys(keys, 1))
            plan = await a.plan(operation=UnsetProperties(keys, route="rest"))
            a.server.faults.add(Fault("reset", action="delete_property", every=25, times=20))
            report = await a.run(plan, concurrency=1)
            assert (report.exit_code, sum(axis(report, "properties").values())) == (0, 6)
            lost = sum(request.status == 0 or request.status is None for request in a.sent())
            assert len(a.sent()) <= 600 + 25 + lost

    run_virtual(main())


def test_calls_before_an_error_count_and_only_the_others_are_sent_again(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=89, **OLDER) as a:
            plan = await a.plan(operation=operation("update"))
            a.server.faults.add(Fault("status", action="update", status=500, after=25 + 30, times=1))
            report = await a.run(plan, concurrency=1)
            assert axis(report, "properties") == {"changed_confirmed": 89}
            assert len(a.sent()) == 90
            response = next(response for response in a.of(AttemptEnded) if response.status == 500)
            intent = next(intent for intent in a.of(Intent) if intent.attempt == response.attempt)
            assert (intent.targets, intent.requests) == ("25-88", 64)
            assert (response.outcome, response.accepted, response.reached, response.requests) == (
                "unknown",
                "25-54",
                "25-55",
                31,
            )
            times = a.times_intended("properties")
            assert {n for n, time in times.items() if time == 2} == set(range(55, 89))

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("route", ["rest", "capture"])
async def test_no_request_arrives_before_its_intent_was_synced(
    arena: Any, monkeypatch: pytest.MonkeyPatch, synced_bytes: Callable[[], int], route: str
) -> None:
    async with arena(persons=120) as a:
        plan = await a.plan(operation=UnsetProperties(("plan",), route=route))
        late: list[str] = []
        arrived = 0
        add = RequestLog.add

        def checked(log: RequestLog, request: Any, **options: Any) -> None:
            nonlocal arrived
            if request.action in ("delete_property", "capture"):
                arrived += len(request.body["batch"]) if route == "capture" else 1
                on_disk = a.journal.read_bytes()[: synced_bytes()]
                if covered(on_disk) < arrived:
                    late.append(request.path)
            add(log, request, **options)

        monkeypatch.setattr(RequestLog, "add", checked)
        await a.run(plan, batch_size=10, concurrency=1)
        assert arrived == 120
        assert late == []


def covered(journal: bytes) -> int:
    """Return for how many targets the complete lines of a journal hold an intent."""
    import json

    lines = [json.loads(line) for line in journal.split(b"\n")[:-1]]
    return sum(len(list(expand(line["targets"]))) for line in lines if line["type"] == "intent")


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_test_batch_of_single_calls_goes_first(arena: Any, kind: str) -> None:
    async with arena(persons=60) as a:
        sent: list[int] = []

        def look(event: object) -> None:
            if isinstance(event, TestBatchDone):
                sent.append(len(set(a.addressed())))

        await a.run(await a.plan(operation=operation(kind)), on_progress=look)
        assert sent == [25 + (kind == "unset")]  # and the person of the trial
