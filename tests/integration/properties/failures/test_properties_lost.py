"""Changes that come late or never: accepted ones are read back, lost ones are found and sent again, and the report
shows exactly what the server has (guarantees 11, 12, 21). In virtual time.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import anyio
import pytest
from virtual_time import run_virtual

from asyncclient.testing import Fault
from bulk import NotFinished, UnsetProperties, UpdateProperties, verify_job
from bulk.journal.records import Intent

ROUTES = ["rest", "capture"]
REST_CALL = {"unset": "delete_property", "update": "update"}


def operation(kind: str, route: str) -> Any:
    return UnsetProperties(("plan",), route=route) if kind == "unset" else UpdateProperties({"plan": "x"}, route=route)


def is_done(each: dict[str, Any], kind: str) -> bool:
    return "plan" not in each if kind == "unset" else each["plan"] == "x"


def done(a: Any, kind: str) -> set[UUID]:
    return {uuid for uuid, each in a.properties().items() if is_done(each, kind)}


def named(report: Any, state: str) -> str:
    states = [each for axis in report.axes if axis.axis == "properties" for each in axis.states]
    return next((each.targets or "" for each in states if each.state == state), "")


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("lag_s", [5.0, 200.0])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", ["unset", "update"])
def test_changes_that_come_late_are_waited_for(virtual: Any, axis: Any, kind: str, route: str, lag_s: float) -> None:
    async def main() -> None:
        async with virtual(persons=80, capture_lag_s=lag_s) as a:
            report = await a.run(await a.plan(operation=operation(kind, route)))
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 80})
            assert len(done(a, kind)) == 80
            times = a.times_intended("properties")
            assert max(times.values()) <= (1 if lag_s == 5.0 else 3)

    run_virtual(main())


@pytest.mark.slow
def test_changes_slower_than_the_wait_are_left_pending_and_found_later(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=150, capture_lag_s=3000.0) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            with pytest.raises(NotFinished, match="test batch of 25 persons"):
                await a.run(plan, wait_s=30.0)
            assert len(a.sent()) == 1
            a.server.settle()
            report = await a.run(plan, wait_s=30.0)
            assert (report.exit_code, axis(report, "properties")) == (75, {"changed_confirmed": 25, "accepted": 125})
            assert (await verify_job(a.client, plan, a.journal)).exit_code == 75
            a.server.settle()
            report = await verify_job(a.client, plan, a.journal)
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 150})
            assert set(a.times_intended("properties").values()) == {1}

    run_virtual(main())


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.01, 0.3])
@pytest.mark.parametrize("kind", ["unset", "update"])
def test_lost_events_are_found_by_reading_back_and_sent_again(
    virtual: Any, axis: Any, case_count: Callable[[int, int], int], kind: str, share: float
) -> None:
    persons = case_count(400, 1_200)

    async def main() -> None:
        async with virtual(persons=persons, capture_lag_s=5.0) as a:
            plan = await a.plan(operation=operation(kind, "capture"))
            a.server.faults.add(Fault("swallow", action="capture", share=share, seed=11))
            report = await a.run(plan)
            assert a.server.world.ingestion.swallowed > persons * share / 2
            right = done(a, kind)
            counts = axis(report, "properties")
            assert counts["changed_confirmed"] == len(right)
            assert sum(counts.values()) == persons
            for _ in range(9 if report.exit_code == 75 else 0):
                report = await a.run(plan)
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": persons})
            assert len(done(a, kind)) == persons
            times = a.times_intended("properties").values()
            lost = a.server.world.ingestion.swallowed
            assert sum(times) == persons + lost  # no event that arrived is sent again

    run_virtual(main())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["unset", "update"])
def test_calls_that_the_server_accepts_and_loses_are_sent_again(virtual: Any, axis: Any, kind: str) -> None:
    async def main() -> None:
        async with virtual(persons=150, capture_lag_s=1.0) as a:
            plan = await a.plan(operation=operation(kind, "rest"))
            a.server.faults.add(Fault("swallow", action=REST_CALL[kind], probability=0.3, seed=4))
            report = await a.run(plan)
            for _ in range(9 if report.exit_code == 75 else 0):
                report = await a.run(plan)
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 150})
            assert len(done(a, kind)) == 150
            assert sum(intent.requests for intent in a.of(Intent)) == len(a.sent())

    run_virtual(main())


def test_an_update_whose_event_is_refused_behind_a_202_is_detected(virtual: Any, axis: Any) -> None:
    """The server responds to an update with 202 although its event was refused (contract 6.3)."""

    async def main() -> None:
        async with virtual(persons=100) as a:
            plan = await a.plan(operation=operation("update", "rest"))
            a.server.faults.add(Fault("capture_down", action="update", after=50, times=20))
            report = await a.run(plan)
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 100})
            assert len(a.sent()) == 120

    run_virtual(main())


@pytest.mark.slow
def test_only_a_person_that_is_never_changed_is_reported(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=60) as a:
            plan = await a.plan(operation=operation("unset", "rest"))
            await_test_batch = Fault("swallow", action="delete_property", after=40)
            a.server.faults.add(await_test_batch)
            report = await a.run(plan, wait_s=100_000.0)
            assert (report.exit_code, axis(report, "properties")) == (1, {"changed_confirmed": 40, "contradicted": 20})
            assert [(f.reason, f.count) for f in report.failures] == [("accepted_not_applied", 20)]
            left = {a.everybody.index(uuid) for uuid in set(a.everybody) - done(a, "unset")}
            assert named(report, "contradicted") == ranges(left)
            assert {a.times_intended("properties")[n] for n in left} == {5}
            a.server.faults.clear()
            report = await a.run(plan)
            assert (report.exit_code, axis(report, "properties").get("contradicted")) == (0, None)
            assert len(done(a, "unset")) == 60

    run_virtual(main())


def ranges(numbers: set[int]) -> str:
    from bulk.number_ranges import format_ranges

    return format_ranges(sorted(numbers))


@pytest.mark.slow
def test_a_server_that_applies_nothing_is_detected_by_the_test_batch(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=200) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.faults.add(Fault("swallow", action="capture"))
            with pytest.raises(NotFinished, match="accepted the test batch of 25 persons and has not applied it yet"):
                await a.run(plan)
            assert len(a.times_intended("properties")) == 25
            a.server.faults.clear()
            report = await a.run(plan)
            assert axis(report, "properties") == {"changed_confirmed": 200}

    run_virtual(main())


DAMAGE = [
    Fault("status", action="capture", status=500, when="before", every=3),
    Fault("status", action="capture", status=500, when="after", every=3),
    Fault("status", action="capture", status=503, body="empty", when="after", every=3),
    Fault("status", action="capture", status=502, body="html", when="before", every=3),
    Fault("stall", action="capture", every=4, times=3),
    Fault("stall_after", action="capture", every=4, times=3),
    Fault("reset", action="capture", every=3),
    Fault("reset_after", action="capture", every=3),
    Fault("refuse", action="capture", every=3),
    Fault("cut_body", action="capture", every=3),
    Fault("garbage", action="capture", every=3),
    Fault("big_body", action="capture", times=1, after=3),
    Fault("status", action="capture", status=413, body="html", every=4),
    Fault("status", action="capture", status=429, retry_after="7", every=3),
    Fault("status", action="batch_by_uuids", status=502, body="html", every=4),
]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("lag_s", [0.0, pytest.param(20.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fault", DAMAGE, ids=lambda f: f"{f.kind}-{f.action}-{f.status}-{f.when}")
def test_a_job_ends_right_for_every_person_if_a_third_of_the_responses_fail(
    virtual: Any, axis: Any, fault: Fault, lag_s: float
) -> None:
    async def main() -> None:
        async with virtual(persons=300, capture_lag_s=lag_s) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.faults.add(fault)
            report = await a.run(plan, batch_size=20)
            assert report.exit_code == 0, report.failures
            assert sum(axis(report, "properties").values()) == 300
            assert len(done(a, "unset")) == 300
            assert len(a.of(Intent)) == len(a.sent())

    run_virtual(main())


def test_confirmed_changes_and_found_changes_have_separate_states(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=125) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.faults.add(Fault("reset_after", action="capture", after=1, times=1))
            report = await a.run(plan, batch_size=50, concurrency=1)
            assert axis(report, "properties") == {"changed_confirmed": 75, "found_changed": 50}
            assert len(a.sent()) == 3

    run_virtual(main())


def test_an_event_with_unknown_outcome_is_read_back_before_it_is_sent_again(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=125) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.faults.add(Fault("stall", action="capture", after=1, times=1))
            report = await a.run(plan, batch_size=100, concurrency=1)
            assert axis(report, "properties") == {"changed_confirmed": 125}
            order = [r.action for r in a.server.requests if r.action in ("capture", "batch_by_uuids")]
            stalled = [at for at, action in enumerate(order) if action == "capture"][1]
            assert order[stalled + 1] == "batch_by_uuids"
            assert [len(r.body["batch"]) for r in a.sent()] == [25, 100, 50, 50]  # halved after the time-out

    run_virtual(main())


@pytest.mark.slow
def test_the_wait_is_shared_by_all_resends(virtual: Any) -> None:
    """A test batch whose events are lost again and again gets no new wait after each resend."""

    async def main() -> None:
        async with virtual(persons=100) as a:
            plan = await a.plan(operation=operation("unset", "capture"))
            a.server.faults.add(Fault("swallow", action="capture"))
            began = anyio.current_time()
            with pytest.raises(NotFinished, match="test batch of 25 persons"):
                await a.run(plan, wait_s=900.0)
            assert 850 < anyio.current_time() - began < 960
            assert len(a.sent()) > 2

    run_virtual(main())
