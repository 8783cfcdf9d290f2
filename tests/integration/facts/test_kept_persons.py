"""Persons that the server deleted although the request keeps them are reported as such (guarantee 11)."""

from typing import Any

import msgspec
import pytest
from changed_responses import rewrite

from asyncclient import BulkDeleteSummary
from asyncclient.testing import Fault
from bulk import BreakerOpened, DeleteEvents, DeletePersons, DeleteRecordings, verify_job


def failures(report: Any) -> list[tuple[str, str, str, int]]:
    return [(each.axis, each.state, each.reason, each.count) for each in report.failures]


async def test_a_summary_without_persons_found_is_not_a_success(arena: Any, axis: Any) -> None:
    """Reading back shows what such a request did."""
    async with arena(persons=5) as a:
        plan = await a.plan(operation=DeletePersons())
        rewrite(a.server, lambda action, _: {"persons_deleted": 5} if action == "bulk_delete" else None)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (0, {"found_deleted": 5})


async def test_persons_deleted_instead_of_kept_are_not_reported_as_already_deleted(arena: Any, axis: Any) -> None:
    async with arena(persons=3, keep_person=False) as a:
        plan = await a.plan(operation=DeleteEvents())
        with pytest.raises(BreakerOpened, match="deleted_instead_of_kept"):
            await a.run(plan)
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_unexpectedly": 3}
        assert failures(report)[0] == ("person", "deleted_unexpectedly", "deleted_instead_of_kept", 3)
        assert report.exit_code == 1


@pytest.mark.parametrize(
    ("operation", "deleted"),
    [
        (DeleteEvents(), "deleted_unexpectedly"),
        (DeleteRecordings(), "deleted_unexpectedly"),
        (DeletePersons(delete_events=True), "found_deleted"),
    ],
)
async def test_verify_shows_which_persons_a_call_deleted_instead_of_keeping(
    arena: Any, axis: Any, operation: Any, deleted: str
) -> None:
    async with arena(persons=30, keep_person=False) as a:
        plan = await a.plan(operation=operation)
        with pytest.raises(BreakerOpened, match="`verify` shows which persons are left"):
            await a.run(plan)
        report = await verify_job(a.client, plan, a.journal)
        kept = "not_started" if operation == DeletePersons(delete_events=True) else "not_requested"
        assert axis(report, "person") == {deleted: 25, kept: 5}
        assert len(a.left()) == 5


async def test_a_person_that_is_read_again_is_not_reported_as_deleted_instead_of_kept(arena: Any, axis: Any) -> None:
    """Two reads left the persons out after the server said that it deleted them; both were wrong about one."""
    async with arena(persons=3, keep_person=False) as a:
        plan = await a.plan(operation=DeleteEvents())
        first = a.server.world.person(a.everybody[0])
        with pytest.raises(BreakerOpened, match="deleted_instead_of_kept"):
            await a.run(plan)
        assert axis(await a.run(plan), "person") == {"deleted_unexpectedly": 3}
        a.server.world.add_person(
            list(first.distinct_ids), dict(first.properties), created_at=first.created_at, uuid=first.uuid
        )
        report = await verify_job(a.client, plan, a.journal)
        assert axis(report, "person") == {"not_requested": 1, "deleted_unexpectedly": 2}
        assert axis(report, "events") == {"queued": 3}


@pytest.mark.parametrize("operation", [DeleteEvents(), DeletePersons(delete_events=True)])
async def test_after_kept_persons_were_deleted_no_later_run_sends_such_a_request(arena: Any, operation: Any) -> None:
    async with arena(persons=60, keep_person=False) as a:
        plan = await a.plan(operation=operation)
        for _ in range(3):
            with pytest.raises(BreakerOpened, match="keep"):
                await a.run(plan)
        assert len(a.left()) == 35
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, report.duty.causes[0].kind) == (1, "not_finished")


def test_an_empty_summary_is_that_of_the_oldest_era() -> None:
    assert BulkDeleteSummary().is_empty
    assert not any(
        msgspec.convert({name: 1}, BulkDeleteSummary).is_empty for name in ("persons_deleted", "persons_found")
    )


@pytest.mark.parametrize("operation", [DeleteEvents(), DeleteRecordings()])
async def test_the_test_batch_detects_that_a_request_without_response_deleted_kept_persons(
    arena: Any, operation: Any
) -> None:
    async with arena(persons=60, keep_person=False) as a:
        plan = await a.plan(operation=operation)
        a.server.faults.add(Fault(kind="page", action="bulk_delete", when="after"))
        with pytest.raises(BreakerOpened, match="test batch: 25 of 25 persons disappeared"):
            await a.run(plan)
        assert len(a.left()) == 35
