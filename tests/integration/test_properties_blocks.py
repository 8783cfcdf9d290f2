"""Calls for many persons under one intent: after an error or a stop the state of each target is known exactly, and the
journal counts the requests that the server saw (guarantees 1, 2, 7, 10, 11, 12, 16, 17)."""

import itertools
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from virtual_time import run_virtual

from asyncclient import Bucket, ClientEvent, RateLimits, RequestFinished
from asyncclient.testing import Fault
from asyncclient.testing.request_record import RequestLog
from bulk import UnsetProperties, UpdateProperties
from bulk.events import TestBatchDone
from bulk.journal.records import AttemptEnded, Intent, RunEnded
from bulk.number_ranges import expand

KINDS = ["unset", "update"]
CALL = {"unset": "delete_property", "update": "update"}
KEYS = ("plan", "country", "logins")
OLDER = {"delete_property_lists": False}
"""The server removes one property per call."""


def operation(kind: str) -> Any:
    if kind == "unset":
        return UnsetProperties(KEYS, route="rest")
    return UpdateProperties(dict.fromkeys(KEYS, "x"), route="rest")


def is_done(each: dict[str, Any], kind: str) -> bool:
    return not {*KEYS} & each.keys() if kind == "unset" else all(each[key] == "x" for key in KEYS)


def right(a: Any, kind: str) -> int:
    return sum(is_done(each, kind) for each in a.properties().values())


def requests_noted(a: Any) -> int:
    """Return the largest number of requests that the journal allows for."""
    responses = {record.attempt: record.requests for record in a.of(AttemptEnded)}
    return sum(responses.get(intent.attempt) or intent.requests for intent in a.of(Intent))


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


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("lag_s", [0.0, pytest.param(20.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fault", DAMAGE, ids=NAMES)
@pytest.mark.parametrize("kind", [pytest.param("unset", marks=pytest.mark.slow), "update"])
def test_a_job_ends_right_for_every_person_after_any_failure_within_a_block(
    virtual: Any, axis: Any, kind: str, fault: Callable[[str], Fault], lag_s: float
) -> None:
    async def main() -> None:
        async with virtual(persons=130, capture_lag_s=lag_s, **OLDER) as a:
            plan = await a.plan(operation=operation(kind))
            a.server.faults.add(fault(CALL[kind]))
            report = await a.run(plan, concurrency=2)
            assert sum(axis(report, "properties").values()) == 130
            for _ in range(9 if report.exit_code == 75 else 0):  # every attempt of a target failed
                report = await a.run(plan, concurrency=2)
            assert report.exit_code == 0, report.failures
            assert right(a, kind) == 130
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


@pytest.mark.quick_cases(1)
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
@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_stop_within_a_block_ends_at_once_and_is_recorded_exactly(
    virtual: Any, axis: Any, kind: str, waiting: bool
) -> None:
    """At a low rate limit the next request may be minutes away: a stop does not wait for it."""

    async def main() -> None:
        rates = RateLimits(others_per_minute=60)
        async with virtual(persons=250, limits=rates, latency_s=0.2, **OLDER) as a:
            plan, stop = await a.plan(operation=operation(kind)), anyio.Event()
            before = a.properties()
            stopped_at = 0.0

            async def halt() -> None:
                nonlocal stopped_at
                await a.server.arrived(90, action=CALL[kind])
                while waiting and a.client.limits.eta_s(Bucket.OTHERS, 1) < 20.0:  # noqa: ASYNC110 (nothing tells it)
                    await anyio.sleep(0.5)
                stopped_at = anyio.current_time()
                stop.set()

            async with anyio.create_task_group() as group:
                group.start_soon(halt)
                report = await a.run(plan, concurrency=2, stop=stop)
            assert anyio.current_time() - stopped_at < 1.0
            assert report.exit_code == 75
            assert [record.reason for record in a.of(RunEnded)] == ["stopped"]
            responses = {record.attempt: record for record in a.of(AttemptEnded)}
            assert responses.keys() == {record.attempt for record in a.of(Intent)}
            assert requests_noted(a) == len(a.sent()) < 180
            after = a.properties()
            touched = {n for n, uuid in enumerate(a.everybody) if before[uuid] != after[uuid]}
            reached: set[int] = set()
            for intent in a.of(Intent):
                noted = responses[intent.attempt].reached
                reached |= set(expand(intent.targets if noted is None else noted))
            assert touched == reached
            counts = axis(report, "properties")
            assert counts["not_started"] == 250 - len(touched)
            assert counts.get("accepted", 0) + counts.get("changed_confirmed", 0) == right(a, kind)
            async with a.another_client(RateLimits.off()) as quick:
                a.client = quick
                assert (await a.run(plan)).exit_code == 0
            assert right(a, kind) == 250

    run_virtual(main())


async def cancelled_when(a: Any, plan: Any, due: Callable[[ClientEvent], bool], **options: Any) -> None:
    """Run the job and cancel it at a certain event of the client."""
    with anyio.CancelScope() as scope:

        def look(event: ClientEvent) -> None:
            if due(event):
                scope.cancel()

        client, a.client = a.client, a.client.observed(look)
        try:
            await a.run(plan, **options)
        finally:
            a.client = client


def is_end_of(number: int) -> Callable[[ClientEvent], bool]:
    count = itertools.count(1)
    return lambda event: isinstance(event, RequestFinished) and next(count) == number


@pytest.mark.slow
@pytest.mark.parametrize("route", ["rest", "capture"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_cancelled_after_any_request_converges(
    virtual: Any, axis: Any, case_count: Callable[[int, int], int], kind: str, route: str
) -> None:
    async def main() -> None:
        chosen = (
            UnsetProperties(KEYS[:2], route=route)
            if kind == "unset"
            else UpdateProperties(dict.fromkeys(KEYS, "x"), route=route)
        )
        requests = 30 if route == "capture" else 90 if kind == "unset" else 50
        for number in range(1, requests, case_count(4, 1) if route == "rest" else 1):
            async with virtual(persons=40, latency_s=0.01, **OLDER) as a:
                plan = await a.plan(operation=chosen)
                await cancelled_when(a, plan, is_end_of(number), batch_size=10, concurrency=3)
                report = await a.run(plan, batch_size=10, concurrency=3)
                assert report.exit_code == 0
                assert sum(axis(report, "properties").values()) == 40
                gone = {*KEYS[:2]}
                for each in a.properties().values():
                    assert not gone & each.keys() if kind == "unset" else is_done(each, kind)
                times = a.times_intended("properties")
                trial = times.pop(0)  # and a list that the server did not take is sent again key by key
                assert max(times.values()) <= 2
                assert trial <= (3 if kind == "unset" and route == "rest" else 2)
                assert requests_noted(a) >= len(a.sent())
                a.remove_files()

    run_virtual(main())


@pytest.mark.slow
@pytest.mark.parametrize("route", ["rest", "capture"])
def test_a_job_cancelled_with_any_request_in_flight_converges(
    virtual: Any, axis: Any, case_count: Callable[[int, int], int], route: str
) -> None:
    async def main() -> None:
        for number in range(1, 60 if route == "rest" else 25, case_count(3, 1) if route == "rest" else 1):
            for latency_s, lag_s in ((0.05, 0.0), (0.05, 2.0)):
                async with virtual(persons=40, latency_s=latency_s, capture_lag_s=lag_s, **OLDER) as a:
                    plan = await a.plan(operation=UnsetProperties(("plan",), route=route))
                    already = len(a.server.requests)
                    with anyio.CancelScope() as scope:
                        async with anyio.create_task_group() as group:

                            async def cancel(a: Any = a, at: int = already + number, scope: Any = scope) -> None:
                                await a.server.arrived(at)
                                scope.cancel()

                            group.start_soon(cancel)
                            await a.run(plan, batch_size=10, concurrency=3)
                            scope.cancel()
                    report = await a.run(plan, batch_size=10, concurrency=3)
                    assert (report.exit_code, sum(axis(report, "properties").values())) == (0, 40)
                    assert not any("plan" in each for each in a.properties().values())
                    assert requests_noted(a) >= len(a.sent())
                    assert max(a.times_intended("properties").values()) <= 2
                    a.remove_files()

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("route", ["rest", "capture"])
async def test_no_request_arrives_before_its_intent_was_synced(
    arena: Any, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    import os

    from bulk.journal.writer import JournalWriter

    synced = 0

    def sync(fd: int) -> None:
        nonlocal synced
        size = os.fstat(fd).st_size
        os.fsync(fd)
        synced = size

    assert JournalWriter.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(JournalWriter.__init__.__kwdefaults__, "fdatasync", sync)
    async with arena(persons=120) as a:
        plan = await a.plan(operation=UnsetProperties(("plan",), route=route))
        late: list[str] = []
        arrived = 0
        add = RequestLog.add

        def checked(log: RequestLog, request: Any, **options: Any) -> None:
            nonlocal arrived
            if request.action in ("delete_property", "capture"):
                arrived += len(request.body["batch"]) if route == "capture" else 1
                on_disk = a.journal.read_bytes()[:synced]
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


@pytest.mark.slow
async def test_the_block_size_follows_from_the_rate_limits(arena: Any) -> None:
    for rates, most in ((RateLimits.off(), 64), (RateLimits.posthog(), 5)):
        async with arena(persons=200, limits=rates) as a:
            plan = await a.plan(operation=UnsetProperties(("plan",), route="rest"))
            await cancelled_when(a, plan, is_end_of(120), concurrency=8)
            sizes = {len(list(expand(intent.targets))) for intent in a.of(Intent)}
            assert max(sizes) <= most
            assert most in sizes or most == 64
            a.remove_files()


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
