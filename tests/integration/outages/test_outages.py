"""A server that is away for a while, in each phase of each call: the job waits and ends as without the outage
(guarantees 11, 12, 24)."""

import asyncio
import os
from typing import Any

import anyio
import pytest
from outages import RESET, go_away
from virtual_time import run_virtual

from asyncclient import RateLimits, Unreachable
from asyncclient.testing import Fault
from bulk import ByFilter, DeletePersons, NotFinished, UnsetProperties, UpdateProperties, make_plan, run_job, verify_job
from bulk.events import ServerReachable, ServerUnreachable
from bulk.export.person_export import csv_lines, export_lines
from bulk.journal.records import RunEnded
from bulk.selection.input_findings import Findings

EVERYTHING = DeletePersons(delete_events=True, delete_recordings=True)
PERSON_ONLY = DeletePersons()
UNSET = UnsetProperties(keys=("email",), route="rest")
UPDATE = UpdateProperties({"plan": "vip"}, route="rest")
CAPTURE = UpdateProperties({"plan": "vip"}, route="capture")

REFUSED = Fault("refuse")
SILENT = Fault("stall")
UNAVAILABLE = Fault("status", status=503)
BAD_GATEWAY = Fault("status", status=522, body="html")
WHOLE = os.environ.get("POSTHOG_BULK_SLOW") == "1"
PERSONS = 2_500 if WHOLE else 1_200
LENGTHS = [1.0, 30.0, 300.0]
KINDS = {"refused": REFUSED, "reset": RESET, "silent": SILENT, "503": UNAVAILABLE, "522": BAD_GATEWAY}


@pytest.mark.slow
def test_a_plan_waits_for_the_server(open_arena: Any) -> None:
    async def main(action: str, away_s: float, selection: Any, operation: Any) -> None:
        async with open_arena(persons=PERSONS) as a:
            events: list[Any] = []
            go_away(a.server, action, for_s=away_s, number=2 if action == "list" else 1)
            chosen = selection or None
            path = a.folder / "job.plan.jsonl"
            if chosen is None:
                plan = await a.plan(operation=operation)
            else:
                plan = await make_plan(a.client, operation, chosen, path, on_progress=events.append)
            assert plan.count == PERSONS
            if chosen is not None:
                assert [round(each.away_s) >= away_s for each in events if isinstance(each, ServerReachable)] == [True]
            plan.close()
            path.unlink()

    everyone = ByFilter(everyone=True)
    for away_s in LENGTHS:
        run_virtual(main("list", away_s, everyone, PERSON_ONLY))
    run_virtual(main("projects", 1.0, everyone, PERSON_ONLY))
    run_virtual(main("batch_by_uuids", 30.0, None, PERSON_ONLY))


PHASES = [
    (EVERYTHING, "projects", 1),
    (EVERYTHING, "bulk_delete", 1),
    (EVERYTHING, "deletion_status", 2),
    (EVERYTHING, "batch_by_uuids", 2),
    (EVERYTHING, "bulk_delete", 4),
    (PERSON_ONLY, "bulk_delete", 1),
    (PERSON_ONLY, "bulk_delete", 4),
    (PERSON_ONLY, "batch_by_uuids", 3),
    (UNSET, "delete_property", 3),
    (UNSET, "batch_by_uuids", 5),
    (UPDATE, "update", 50),
    (CAPTURE, "capture", 1),
    (CAPTURE, "capture", 2),
    (CAPTURE, "batch_by_uuids", 3),
]
OUTAGES = [
    (*phase, away_s)
    for at, phase in enumerate(PHASES)
    for which, away_s in enumerate(LENGTHS)
    if WHOLE or at % len(LENGTHS) == which
]
"""By default each phase with one length in turn, as the length is waited out in one place, whatever the phase."""


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(("operation", "action", "number", "away_s"), OUTAGES, ids=str)
def test_a_run_waits_for_the_server_and_ends_as_without_the_outage(
    open_arena: Any, axis: Any, operation: Any, action: str, number: int, away_s: float
) -> None:
    async def main() -> None:
        async with open_arena(persons=120, capture_lag_s=0.0) as a:
            plan = await a.plan(operation=operation)
            go_away(a.server, action, for_s=away_s, number=number)
            events: list[Any] = []
            report = await a.run(plan, batch_size=10, concurrency=4, on_progress=events.append)
            assert report.exit_code == 0
            assert {type(each) for each in events} >= {ServerUnreachable, ServerReachable}
            assert not report.failures
            if isinstance(operation, DeletePersons):
                assert a.left() == []
                assert a.server.world.events_orphaned() == set()
                assert set(axis(report, "person")) <= {"deleted_confirmed", "found_deleted"}
            else:
                assert set(axis(report, "properties")) <= {"changed_confirmed", "found_changed", "already_as_desired"}

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_outage_is_waited_out(open_arena: Any, kind: str) -> None:
    async def main() -> None:
        async with open_arena(persons=120) as a:
            plan = await a.plan(operation=EVERYTHING)
            go_away(a.server, "bulk_delete", for_s=240.0, number=3, fault=KINDS[kind], responds=True)
            report = await a.run(plan, batch_size=10, concurrency=8)
            assert report.exit_code == 0
            assert a.left() == []

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("away_s", [1.0, 30.0, 300.0])
@pytest.mark.parametrize(("action", "number"), [("projects", 1), ("batch_by_distinct_ids", 2), ("deletion_status", 1)])
def test_a_verification_waits_for_the_server(open_arena: Any, action: str, number: int, away_s: float) -> None:
    async def main() -> None:
        async with open_arena(persons=250) as a:
            plan = await a.plan(operation=DeletePersons(delete_events=True))
            await a.run(plan)
            a.server.run_event_deletion()
            events: list[Any] = []
            go_away(a.server, action, for_s=away_s, number=number)
            report = await verify_job(a.client, plan, a.journal, on_progress=events.append)
            assert report.exit_code == 0
            assert [round(each.away_s) >= away_s for each in events if isinstance(each, ServerReachable)] == [True]

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(("layout", "away_s"), [("jsonl", 1.0), ("csv", 30.0), ("jsonl", 300.0)])
def test_an_export_waits_for_the_server(open_arena: Any, layout: str, away_s: float) -> None:
    async def main() -> None:
        async with open_arena(persons=PERSONS) as a:
            events: list[Any] = []
            go_away(a.server, "list", for_s=away_s, number=2)
            findings = Findings()
            lines = export_lines(a.client, ByFilter(everyone=True), findings, on_progress=events.append)
            rows = csv_lines(lines, findings) if layout == "csv" else lines
            assert len([row async for row in rows]) == PERSONS + (layout == "csv")
            assert [type(each) for each in events][-1] is ServerReachable

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(("operation", "action", "number"), PHASES, ids=str)
def test_after_an_outage_that_is_too_long_the_run_ends_and_the_next_one_continues(
    open_arena: Any, operation: Any, action: str, number: int
) -> None:
    async def main() -> None:
        async with open_arena(persons=120, capture_lag_s=0.0) as a:
            plan = await a.plan(operation=operation)
            go_away(a.server, action, for_s=1200.0, number=number)
            with pytest.raises(NotFinished, match=r"did not respond for 15 min \(.*connection") as caught:
                await a.run(plan, batch_size=10, concurrency=4)
            assert isinstance(caught.value.__cause__, Unreachable)
            if a.journal.exists():
                assert [each.reason for each in a.of(RunEnded)] == ["NotFinished"]
            await anyio.sleep(300.0)
            assert (await a.run(plan, batch_size=10, concurrency=4)).exit_code == 0

    run_virtual(main())


@pytest.mark.slow
def test_a_plan_and_an_export_end_after_an_outage_that_is_too_long(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=50) as a:
            a.server.faults.add(UNAVAILABLE)
            for retry_for_s in (60.0, 900.0):
                began = anyio.current_time()
                with pytest.raises(Unreachable, match="503"):
                    await make_plan(
                        a.client, PERSON_ONLY, ByFilter(everyone=True), a.folder / "x", retry_for_s=retry_for_s
                    )
                assert retry_for_s <= anyio.current_time() - began < retry_for_s + 2.0
                with pytest.raises(Unreachable):
                    async for _ in export_lines(a.client, ByFilter(everyone=True), Findings(), retry_for_s=retry_for_s):
                        pass
            assert not (a.folder / "x").exists()

    run_virtual(main())


def test_a_stop_ends_the_wait_at_once_and_the_job_resumes(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=200) as a:
            plan, stop = await a.plan(operation=PERSON_ONLY), anyio.Event()
            go_away(a.server, "bulk_delete", for_s=600.0, number=3)
            stopped_at = 0.0

            def stop_in_outage(event: Any) -> None:
                nonlocal stopped_at
                if isinstance(event, ServerUnreachable) and event.away_s > 60.0 and not stop.is_set():
                    stopped_at = anyio.current_time()
                    stop.set()

            report = await a.run(plan, batch_size=10, concurrency=4, stop=stop, on_progress=stop_in_outage)
            assert report.exit_code == 75
            assert anyio.current_time() - stopped_at < 1.0
            await anyio.sleep(600.0)
            assert (await a.run(plan)).exit_code == 0

    run_virtual(main())


def test_a_cancelled_wait_leaves_a_journal_that_resumes(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=200) as a:
            plan = await a.plan(operation=EVERYTHING)
            go_away(a.server, "bulk_delete", for_s=600.0, number=3)
            with anyio.move_on_after(100.0) as scope:
                await a.run(plan, batch_size=10, concurrency=4)
            assert scope.cancelled_caught
            await anyio.sleep(600.0)
            assert (await a.run(plan)).exit_code == 0
            assert a.left() == []
            assert a.server.world.events_orphaned() == set()

    run_virtual(main())


@pytest.mark.slow
def test_an_outage_within_the_rate_limits_causes_no_429(open_arena: Any) -> None:
    async def main() -> None:
        limits = RateLimits.posthog()
        async with open_arena(persons=400, limits=limits) as a:
            plan = await a.plan(operation=UPDATE)
            go_away(a.server, "update", for_s=150.0, number=100)
            report = await a.run(plan)
            assert report.exit_code == 0
            assert not [each for each in a.server.requests if each.status == 429]

    run_virtual(main())


def test_a_run_without_time_for_outages_ends_at_the_first_one(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=60) as a:
            plan = await a.plan(operation=PERSON_ONLY)
            a.server.faults.add(RESET)
            began = anyio.current_time()
            with pytest.raises(NotFinished):
                await run_job(a.client, plan, a.journal, approve=plan.digest, retry_for_s=0)
            assert anyio.current_time() - began < 20.0

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("away_s", [1.0, 30.0, 300.0])
def test_a_server_that_is_restarted_is_waited_for(open_arena: Any, away_s: float) -> None:
    async def main() -> None:
        async with open_arena(persons=120) as a:
            plan = await a.plan(operation=EVERYTHING)
            a.server._wanted_port = a.server._port

            async def restart() -> None:
                await a.server.arrived(3, action="bulk_delete")
                await a.server.close()
                await asyncio.sleep(away_s)
                await a.server.start()

            restarting = asyncio.create_task(restart())
            events: list[Any] = []
            report = await a.run(plan, batch_size=10, concurrency=4, on_progress=events.append)
            await restarting
            assert report.exit_code == 0
            assert a.left() == []
            reasons = {each.reason for each in events if isinstance(each, ServerUnreachable)}
            assert "no connection (Connection refused)" in reasons

    run_virtual(main())
