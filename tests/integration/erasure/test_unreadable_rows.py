"""A deletion row that cannot be read concerns its person alone, and covers no events (guarantee 20)."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from changed_responses import Body, after, rewrite
from virtual_time import run_virtual

from asyncclient import ListingError
from asyncclient.testing import Fault
from bulk import DeleteEvents, DeletePersons, verify_job
from bulk.report.rendering.text import render_text

OPERATIONS = pytest.mark.parametrize("operation", [DeletePersons(delete_events=True), DeleteEvents()])
STRANGER = UUID("018f0000-0000-7000-8000-0000000000ff")

WITH_PERSON: dict[str, Callable[[Body], Any]] = {
    "a null status": lambda row: {**row, "status": None},
    "no time": lambda row: {key: value for key, value in row.items() if key != "created_at"},
    "a time that is no time": lambda row: {**row, "created_at": "yesterday"},
    "a number as the time of the purge": lambda row: {**row, "delete_verified_at": 7},
    "NaN": lambda row: {**row, "created_at": float("nan")},
}
WITHOUT_PERSON: dict[str, Callable[[Body], Any]] = {
    "a null person": lambda row: {**row, "person_uuid": None},
    "no person": lambda row: {key: value for key, value in row.items() if key != "person_uuid"},
    "a person that is no UUID": lambda row: {**row, "person_uuid": "user-1"},
    "no object": lambda row: None,
}
BROKEN = {**WITH_PERSON, **WITHOUT_PERSON}
WAYS = pytest.mark.parametrize("way", BROKEN)


def break_rows(server: Any, uuid: UUID, way: str) -> list[bool]:
    """Make the deletion rows of a person unreadable until the returned list is cleared."""
    broken = [True]

    def change(action: str, body: Body) -> Body | None:
        if action != "deletion_status" or not broken:
            return None
        rows = body["results"]
        return {**body, "results": [BROKEN[way](row) if row["person_uuid"] == str(uuid) else row for row in rows]}

    rewrite(server, change)
    return broken


def failures(report: Any) -> list[tuple[str, str, str, int]]:
    return [(each.axis, each.state, each.reason, each.count) for each in report.failures]


@pytest.mark.quick_cases(4)
@WAYS
@OPERATIONS
async def test_an_unreadable_row_of_a_stranger_stops_no_job(arena: Any, axis: Any, operation: Any, way: str) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=operation)
        for minutes in (-1, 30):  # the newest row of the list, and an older one
            a.server.world.add_deletion_row(STRANGER, created_at=datetime.now(UTC) - timedelta(minutes=minutes))
        break_rows(a.server, STRANGER, way)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "events"), failures(report)) == (0, {"queued": 3}, [])
        a.server.run_event_deletion()
        assert axis(await verify_job(a.client, plan, a.journal), "events") == {"purged": 3}


@pytest.mark.quick_cases(4)
@WAYS
@OPERATIONS
async def test_an_unreadable_row_of_a_target_holds_back_this_target_alone(
    arena: Any, axis: Any, operation: Any, way: str
) -> None:
    async with arena(persons=4) as a:
        plan = await a.plan(operation=operation)
        target = plan.targets(1, 2)[0].uuid
        broken = break_rows(a.server, target, way)
        for _ in range(2):
            report = await a.run(plan)
            assert report.exit_code == 75
            assert axis(report, "events") == {"queued": 3, "held_back": 1}
            assert ("events", "held_back", "unknown_row_status", 1) in failures(report)
        named = [each.split() for each in render_text(report).splitlines() if "unknown_row_status  " in each]
        assert ["Events", "held_back", "unknown_row_status", "1", "1"] in named  # one person, with the number 1
        assert a.server.world.person(target) is not None
        broken.clear()
        assert (await a.run(plan)).exit_code == 0


@pytest.mark.quick_cases(4)
@WAYS
def test_a_lost_target_with_an_unreadable_row_is_never_without_a_row(virtual: Any, axis: Any, way: str) -> None:
    """The queueing took effect, its response was lost, and then somebody else deleted the person."""

    async def main() -> None:
        async with virtual(persons=4) as a:
            plan = await a.plan(operation=DeletePersons(delete_events=True))
            lost = a.everybody[0]
            broken = break_rows(a.server, lost, way)
            a.server.faults.add(Fault("status", status=503, action="bulk_delete", times=1, when="after"))
            after(a.server, "bulk_delete", lambda: a.server.world.remove_person(lost))
            report = await a.run(plan)
            assert axis(report, "events") == {"queued": 3, "too_late": 1}
            assert ("events", "too_late", "unknown_row_status", 1) in failures(report)
            await asyncio.sleep(61.0)
            assert axis(await verify_job(a.client, plan, a.journal), "events") == {"queued": 3, "too_late": 1}
            broken.clear()
            assert axis(await verify_job(a.client, plan, a.journal), "events") == {"queued": 4}
            a.server.run_event_deletion()
            assert axis(await verify_job(a.client, plan, a.journal), "events") == {"purged": 4}

    run_virtual(main())


@pytest.mark.quick_cases(4)
@WAYS
async def test_an_unreadable_row_of_a_purged_target_leaves_its_events_queued(arena: Any, axis: Any, way: str) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=DeletePersons(delete_events=True))
        assert (await a.run(plan)).exit_code == 0
        a.server.run_event_deletion()
        broken = break_rows(a.server, plan.targets(1, 2)[0].uuid, way)
        assert axis(await verify_job(a.client, plan, a.journal), "events") == {"purged": 2, "queued": 1}
        broken.clear()
        assert axis(await verify_job(a.client, plan, a.journal), "events") == {"purged": 3}


@pytest.mark.quick_cases(4)
@WAYS
async def test_an_older_row_of_a_target_that_cannot_be_read_does_not_hide_a_covering_one(arena: Any, way: str) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=DeletePersons(delete_events=True))
        target = plan.targets(1, 2)[0].uuid
        a.server.world.add_deletion_row(target, created_at=datetime.now(UTC) - timedelta(days=9), completed=True)

        def change(action: str, body: Body) -> Body | None:
            if action != "deletion_status":
                return None
            rows = body["results"]
            return {**body, "results": [BROKEN[way](row) if row["status"] == "completed" else row for row in rows]}

        rewrite(a.server, change)
        assert (await a.run(plan)).exit_code == 0


async def test_if_none_of_many_rows_can_be_read_the_job_stops_at_its_test_batch(arena: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=DeletePersons(delete_events=True))
        for minutes in range(100):
            a.server.world.add_deletion_row(STRANGER, created_at=datetime.now(UTC) - timedelta(days=1, minutes=minutes))

        def change(action: str, body: Body) -> Body | None:
            if action != "deletion_status":
                return None
            return {**body, "results": [{"person": row["person_uuid"]} for row in body["results"]]}

        rewrite(a.server, change)
        with pytest.raises(ListingError, match="none of the 125 newest rows"):
            await a.run(plan)
        assert len(a.left()) == 60
        assert [len(r.body["ids"]) for r in a.sent()] == [25]
