"""An ingestion host that refuses, fails, asks for a pause or never responds: what is split, and what stops."""

import random
from typing import Any

import anyio
import pytest
from virtual_time import run_virtual

from asyncclient.testing import Fault
from bulk import BreakerOpened, UnsetProperties, UpdateProperties

ROUTES = ["rest", "capture"]


def operation(kind: str, route: str) -> Any:
    return UnsetProperties(("plan",), route=route) if kind == "unset" else UpdateProperties({"plan": "x"}, route=route)


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("route", ROUTES)
def test_a_refused_key_or_token_stops_the_job_at_once(virtual: Any, route: str, status: int) -> None:
    async def main() -> None:
        async with virtual(persons=120) as a:
            plan = await a.plan(operation=operation("unset", route))
            action = "capture" if route == "capture" else "delete_property"
            after = 2 if route == "capture" else 40
            a.server.faults.add(Fault("status", action=action, status=status, after=after))
            with pytest.raises(Exception, match=str(status)):
                await a.run(plan, batch_size=10, concurrency=1)
            assert len(a.sent()) == after + 1
            a.server.faults.clear()
            assert (await a.run(plan)).exit_code == 0

    run_virtual(main())


def test_a_pause_that_the_capture_host_asks_for_is_kept_by_all_workers_and_recorded(virtual: Any) -> None:
    async def main() -> None:
        async with virtual(persons=400) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.faults.add(Fault("status", action="capture", status=429, retry_after="300", after=1, times=1))
            events: list[Any] = []
            report = await a.run(plan, batch_size=50, concurrency=2, on_progress=events.append)
            assert report.exit_code == 0
            assert report.pauses == 1
            refused = next(r for r in a.sent() if r.status == 429)
            later = [r.at - refused.at for r in a.sent() if r.number > refused.number]
            under_way = [wait for wait in later if wait < 1]
            assert len(under_way) <= 1
            assert all(wait >= 300 for wait in later if wait >= 1)
            assert [(e.bucket, e.for_s) for e in events if type(e).__name__ == "PauseStarted"] == [("capture", 300.0)]

    run_virtual(main())


@pytest.mark.slow
@pytest.mark.parametrize("healthy", [0, 4])
def test_a_capture_host_that_always_fails_ends_the_job_within_minutes(virtual: Any, axis: Any, healthy: int) -> None:
    """At the start the test batch ends the run, later the breaker does. No target is given up for good."""

    async def main() -> None:
        async with virtual(persons=700) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.faults.add(Fault("status", action="capture", status=500, after=healthy))
            began = anyio.current_time()
            with pytest.raises(BreakerOpened):
                await a.run(plan, batch_size=100)
            assert anyio.current_time() - began < 120
            assert len(a.sent()) < 100
            a.server.faults.clear()
            assert axis(await a.run(plan), "properties") == {"changed_confirmed": 700}

    run_virtual(main())


def test_a_refused_capture_request_is_split_down_to_the_person_at_fault(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=225) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.faults.add(Fault("status", action="capture", status=400, after=1, times=8))
            report = await a.run(plan, concurrency=1)
            assert axis(report, "properties") == {"changed_confirmed": 224, "failed": 1}
            assert [(each.reason, each.targets) for each in report.failures] == [("event_refused", "25")]
            refused = [len(r.body["batch"]) for r in a.sent() if r.status == 400]
            assert refused == [200, 100, 50, 25, 12, 6, 3, 1]
            assert axis(await a.run(plan), "properties") == {"changed_confirmed": 225}

    run_virtual(main())


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_a_capture_host_that_always_refuses_ends_the_job_without_giving_a_target_up(
    virtual: Any, axis: Any, status: int
) -> None:
    random.seed(status)  # the same jitter in each run

    async def main() -> None:
        async with virtual(persons=700) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.faults.add(Fault("status", action="capture", status=status))
            began = anyio.current_time()
            with pytest.raises(BreakerOpened):
                await a.run(plan, batch_size=100)
            assert anyio.current_time() - began < 1200
            a.server.faults.clear()
            assert axis(await a.run(plan), "properties") == {"changed_confirmed": 700}

    run_virtual(main())


@pytest.mark.slow
def test_a_capture_host_that_never_responds_ends_the_job_within_15_minutes(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=700) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.faults.add(Fault("stall", action="capture"))
            began = anyio.current_time()
            with pytest.raises(BreakerOpened):
                await a.run(plan, batch_size=100)
            assert anyio.current_time() - began < 900
            a.server.faults.clear()
            assert axis(await a.run(plan), "properties") == {"changed_confirmed": 700}

    run_virtual(main())


def test_an_exhausted_quota_stops_the_job_and_is_reported(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=200) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.reconfigure(capture_quota_exceeded=True)
            with pytest.raises(BreakerOpened, match="quota_limited"):
                await a.run(plan)
            assert len(a.sent()) == 1
            a.server.reconfigure(capture_quota_exceeded=False)
            assert axis(await a.run(plan), "properties") == {"changed_confirmed": 200}

    run_virtual(main())
