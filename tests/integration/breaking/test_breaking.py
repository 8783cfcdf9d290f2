"""Attempts to break a guarantee by what the server responds: each test is a way that once worked."""

import time
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from asyncclient.testing import Fault
from bulk import BreakerOpened, ByDistinctIds, DeletePersons, NotFinished, verify_job
from bulk.execution.group_executor import GroupExecutor
from bulk.plan.plan_file import BLOCK, Plan
from bulk.plan.plan_writer import PlanWriter

PERSON_ONLY = DeletePersons()
EVENTS = DeletePersons(delete_events=True)
RECORDINGS = DeletePersons(delete_recordings=True)


async def test_a_server_that_rejects_every_batch_opens_the_breaker(arena: Any) -> None:
    async with arena(persons=600) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        for action in ("bulk_delete", "destroy"):
            a.server.faults.add(Fault("status", action=action, status=400, after=action == "bulk_delete"))
        with pytest.raises(BreakerOpened):
            await a.run(plan, batch_size=10, concurrency=1)
        assert len(a.sent()) <= 1 + 20


async def test_a_response_that_reports_deleted_instead_of_kept_persons_stops_the_job(arena: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=EVENTS)
        a.server.reconfigure(keep_person=False)
        with pytest.raises(BreakerOpened, match="kept"):
            await a.run(plan, batch_size=10)
        assert len(a.sent()) == 1
        assert a.server.world.count() == 50


async def test_a_person_that_delete_does_not_find_but_a_read_does_is_not_sent_again(arena: Any, axis: Any) -> None:
    async with arena(persons=4) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="destroy", status=404, times=1, after=1))
        report = await a.run(plan, batch_size=1, concurrency=1)
        if "failed" not in axis(report, "person"):
            pytest.fail(f"sent again after a 404: {axis(report, 'person')}")
        assert len(a.sent()) == 4


async def test_a_lost_deletion_with_recordings_only_is_sent_once_more(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.verification.resend_policy.RESEND_AFTER_S", 0.0)
    async with arena(persons=30) as a:
        plan = await a.plan(operation=RECORDINGS)
        a.server.faults.add(Fault("swallow", action="bulk_delete", after=1, times=1))
        report = await a.run(plan, batch_size=30, concurrency=1)
        assert axis(report, "person") == {"deleted_confirmed": 30}


async def test_events_accepted_by_an_old_server_are_never_reported_as_too_late(arena: Any, axis: Any) -> None:
    async with arena(persons=6, deletion_status=False) as a:
        plan = await a.plan(operation=EVENTS)
        gone = plan.targets(5, 6)[0].uuid
        a.server.faults.add(Fault("status", action="destroy", status=500, when="after", times=6))
        report = await a.run(plan, concurrency=1)
        assert a.server.world.person(gone) is None
        assert axis(report, "events") == {"unverifiable": 6}


async def test_a_recreated_person_whose_events_were_queued_is_not_reported_as_skipped(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=EVENTS)
        uuid = plan.targets(29, 30)[0].uuid
        read = GroupExecutor._read_rows

        async def recreated_first(group: GroupExecutor, numbers: list[int]) -> None:
            if 29 in numbers:
                a.server.world.recreate(uuid)
                group._verified._targets.clear()
            await read(group, numbers)

        monkeypatch.setattr(GroupExecutor, "_read_rows", recreated_first)
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 29, "recreated": 1}
        assert axis(report, "events") == {"queued": 30}
        assert a.left() == [uuid]


async def test_a_plan_without_targets_is_done_at_once(arena: Any) -> None:
    async with arena(persons=3) as a:
        good = await a.plan(operation=EVENTS)
        with PlanWriter.create(a.folder / "none.plan.jsonl", good.header) as writer:
            none = writer.finish()
        report = await a.run(none)
        assert (report.exit_code, report.count, len(a.sent())) == (0, 0, 0)


async def test_on_an_old_server_persons_are_not_looked_up_in_a_lagging_listing(arena: Any, axis: Any) -> None:
    async with arena(persons=10, batch_reads=False, list_lag_s=3600.0) as a:
        ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody]
        plan = await a.plan(operation=PERSON_ONLY, selection=ByDistinctIds(ids))
        a.server.world.remove_person(a.everybody[4])
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 9, "already_deleted": 1}


@pytest.mark.slow
async def test_missing_rows_of_one_person_in_five_do_not_stop_the_others(arena: Any, axis: Any) -> None:
    from datetime import UTC, datetime, timedelta

    async with arena(persons=200, pending_rows="one_ever") as a:
        plan = await a.plan(operation=EVENTS)
        for target in plan.targets(0, 200)[::5]:
            created_at = datetime.now(UTC) - timedelta(days=9)
            a.server.world.add_deletion_row(target.uuid, created_at=created_at, completed=True)
        report = await a.run(plan, batch_size=10, concurrency=4)
        assert axis(report, "person") == {"deleted_confirmed": 160, "failed": 40}


async def test_a_server_that_queues_nothing_is_detected_before_any_person_is_deleted(arena: Any) -> None:
    async with arena(persons=200) as a:
        plan = await a.plan(operation=EVENTS)
        a.server.faults.add(Fault("swallow", action="bulk_delete"))
        with pytest.raises(BreakerOpened, match="test batch: every attempt for the first 10 persons failed"):
            await a.run(plan, batch_size=10)
        assert a.server.world.count() == 200
        assert len(a.times_intended("events")) == 10


async def test_a_test_batch_that_is_accepted_and_not_applied_is_sent_once_more_and_then_ends_the_run(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.verification.resend_policy.RESEND_AFTER_S", 0.0)
    async with arena(persons=60) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("swallow", action="bulk_delete"))
        with pytest.raises(NotFinished, match="25 persons"):
            await a.run(plan)
        assert set(a.times_intended("person").values()) == {2}
        assert len(a.times_intended("person")) == 25
        a.server.faults.clear()
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 60}


@pytest.mark.slow
async def test_targets_far_apart_in_the_plan_are_loaded_block_by_block(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with arena(persons=2000) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("deletion_errors", action="bulk_delete", count=1, step="delete_postgres"))
        await a.run(plan, batch_size=100, concurrency=1)
        a.server.faults.clear()
        sizes: list[int] = []
        targets = Plan.targets

        def counted(self: Plan, start: int, stop: int) -> Any:
            sizes.append(stop - start)
            return targets(self, start, stop)

        monkeypatch.setattr(Plan, "targets", counted)
        report = await a.run(plan, batch_size=100, concurrency=1)
        assert report.exit_code == 0
        assert 0 < sum(sizes) <= 3 * BLOCK


@pytest.mark.parametrize("off_s", [-3600.0, 3600.0, -86_400.0 * 30])
async def test_deletion_rows_are_judged_by_the_servers_clock(arena: Any, axis: Any, off_s: float) -> None:
    async with arena(persons=30, clock=lambda: time.time() + off_s) as a:
        plan = await a.plan(operation=EVENTS)
        held = plan.targets(7, 8)[0].uuid
        before = datetime.fromtimestamp(time.time() + off_s - 3660.0, UTC)
        a.server.world.add_deletion_row(held, created_at=before)
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 29, "held_back": 1}
        assert axis(report, "events") == {"queued": 29, "held_back": 1}


async def test_verify_finds_persons_that_came_back_and_a_later_run_continues(arena: Any, axis: Any) -> None:
    async with arena(persons=40) as a:
        plan = await a.plan(operation=EVENTS)
        await a.run(plan)
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 75
        a.server.run_event_deletion()
        assert axis(await verify_job(a.client, plan, a.journal), "events") == {"purged": 40}
        target = plan.targets(3, 4)[0]
        a.server.world.recreate(target.uuid)
        for _ in range(2):
            report = await verify_job(a.client, plan, a.journal)
            assert axis(report, "person") == {"deleted_confirmed": 39, "recreated": 1}
            assert report.exit_code == 1
        assert len(a.sent()) == 4


async def test_verify_of_a_job_that_was_interrupted_says_not_finished_and_sends_nothing(arena: Any, axis: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=EVENTS)
        with anyio.CancelScope() as scope:

            def halt(event: object) -> None:
                if type(event).__name__ == "TestBatchDone":
                    scope.cancel()

            await a.run(plan, on_progress=halt)
        sent = len(a.sent())
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, [each.kind for each in report.duty.causes]) == (1, ["not_finished"])
        assert len(a.sent()) == sent
        assert (await a.run(plan)).exit_code == 0
