"""Calls for many persons under one intent that are stopped or cancelled at any moment."""

import itertools
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from virtual_time import run_virtual

from asyncclient import Bucket, ClientEvent, RateLimits, RequestFinished
from bulk import UnsetProperties, UpdateProperties
from bulk.journal.records import AttemptEnded, Intent, RunEnded
from bulk.number_ranges import expand
from tests.integration.properties.failures.three_keys import (
    CALL,
    KEYS,
    KINDS,
    OLDER,
    is_done,
    operation,
    requests_noted,
    right,
)


@pytest.mark.slow
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
        for number in range(1, requests, case_count(6 if route == "rest" else 2, 1)):
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
        cases = range(1, 60, case_count(3, 1)) if route == "rest" else range(1, 25)
        for number in cases:
            for lag_s in (0.0, 2.0) if case_count(1, 2) == 2 else [(0.0, 2.0)[number % 2]]:  # by default in turn
                async with virtual(persons=40, latency_s=0.05, capture_lag_s=lag_s, **OLDER) as a:
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
