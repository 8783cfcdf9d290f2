"""Erasures against the local server: versions of PostHog, and failures on the way (guarantees 10 to 12, 19 to 24)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asyncclient.testing import Fault
from bulk import BreakerOpened, ByDistinctIds, DeletePersons, NotFinished, Refused, run_job

PERSON_ONLY = DeletePersons()
EVENTS = DeletePersons(delete_events=True)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("era", ["summary", "queued"])
@pytest.mark.parametrize("success_status", ["real", "documented"])
@pytest.mark.parametrize("delete_order", ["tombstone", "legacy"])
async def test_on_every_era_all_persons_are_deleted_and_all_events_queued(
    arena: Any, axis: Any, era: str, success_status: str, delete_order: str
) -> None:
    async with arena(era=era, success_status=success_status, delete_order=delete_order) as a:
        chosen = a.everybody[::2]
        report = await a.run(await a.plan(chosen))
        assert report.exit_code == 0
        assert axis(report, "person") == {"deleted_confirmed": 300}
        assert axis(report, "events") == {"queued": 300}
        assert axis(report, "recordings") == {"requested": 300}
        assert a.left(chosen) == []
        assert a.server.world.count() == 300
        assert all(len(a.server.world.deletion_rows(uuid)) == 1 for uuid in chosen)
        assert not any(a.server.world.deletion_rows(uuid) for uuid in a.everybody[1::2])


async def test_without_events_and_recordings_no_request_keeps_persons(arena: Any, axis: Any) -> None:
    async with arena() as a:
        report = await a.run(await a.plan(operation=PERSON_ONLY))
        assert report.exit_code == 0
        assert axis(report, "events") == {"not_requested": 600}
        assert [r.body["delete_events"] or r.body["delete_recordings"] or r.body["keep_person"] for r in a.sent()] == [
            False
        ] * len(a.sent())
        assert a.server.world.count() == 0


@pytest.mark.slow
async def test_exactly_the_requested_flags_are_sent(arena: Any) -> None:
    async with arena() as a:
        await a.run(await a.plan(operation=EVENTS))
        for request in a.sent():
            assert request.action == "bulk_delete"
            assert request.body.keys() == {"ids", "delete_events", "delete_recordings", "keep_person"}
            queueing = request.body["keep_person"]
            assert request.body["delete_events"] is queueing
            assert request.body["delete_recordings"] is False


AGES = [
    {"deletion_status": False},
    {"deletion_status": False, "keep_person": False, "delete_recordings": True},
    {"deletion_status": False, "keep_person": False, "era": "empty202"},
    {"deletion_status": False, "batch_reads": False, "era": "empty202"},
    {"deletion_status": False, "bulk_delete": False, "keep_person": False, "era": "empty202"},
]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("age", AGES)
async def test_older_servers_get_one_call_per_person_and_never_keep_person(
    arena: Any, axis: Any, age: dict[str, Any]
) -> None:
    async with arena(persons=60, **age) as a:
        report = await a.run(await a.plan(operation=EVENTS))
        assert report.exit_code == 0
        assert axis(report, "events") == {"unverifiable": 60}
        assert not any((r.body or {}).get("keep_person") or "keep_person" in dict(r.query) for r in a.sent())
        assert a.server.world.count() == 0
        assert all(a.server.world.deletion_rows(uuid) for uuid in a.everybody)
        order = [r.action for r in a.sent()]
        assert order.count("delete_events") == 60


@pytest.mark.parametrize("missing", ["delete_events", "delete_recordings"])
async def test_a_server_too_old_for_the_operation_is_refused_before_the_first_write(arena: Any, missing: str) -> None:
    async with arena(persons=20, deletion_status=False, keep_person=False, **{missing: False}) as a:
        plan = await a.plan()
        with pytest.raises(Refused, match="too old"):
            await a.run(plan)
        assert a.sent() == []
        assert not a.journal.exists()


@pytest.mark.parametrize(("era", "error"), [("summary", "instead_of_kept"), ("empty202", "empty response")])
async def test_a_server_that_ignores_keep_person_is_detected_by_its_response_or_the_test_batch(
    arena: Any, era: str, error: str
) -> None:
    async with arena(keep_person=False, era=era) as a:
        plan = await a.plan()
        with pytest.raises(BreakerOpened, match=error):
            await a.run(plan)
        assert a.server.world.count() == 600 - 25
        assert len(a.sent()) == 1


ORPHANING = [Fault("orphan_events", every=4), Fault("orphan_events", probability=0.3, seed=5)]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ORPHANING)
async def test_no_person_is_deleted_before_its_events_are_queued(arena: Any, axis: Any, fault: Fault) -> None:
    async with arena(delete_order="legacy") as a:
        a.server.faults.add(fault)
        report = await a.run(await a.plan(), batch_size=20)
        assert report.exit_code == 0
        assert sum(axis(report, "person").values()) == 600
        assert a.server.world.count() == 0
        assert a.server.world.events_orphaned() == set()


async def test_merged_recreated_and_disappeared_persons_are_reported_as_such(arena: Any, axis: Any) -> None:
    async with arena(persons=50) as a:
        world = a.server.world
        ids = [world.person(uuid).distinct_ids[0] for uuid in a.everybody]
        plan = await a.plan(selection=ByDistinctIds(ids[:20]))
        targets = plan.targets(0, 20)
        world.merge(world.uuid_of(ids[30]), targets[2].uuid)
        world.recreate(targets[5].uuid)
        world.remove_person(targets[9].uuid)
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 17, "merged": 1, "recreated": 1, "already_deleted": 1}
        assert axis(report, "events") == {"queued": 17, "skipped": 2, "too_late": 1}
        assert report.exit_code == 1
        named = {s.state: s.targets for each in report.axes if each.axis == "person" for s in each.states}
        assert (named["merged"], named["recreated"], named["already_deleted"]) == ("2", "5", "9")
        assert world.person(targets[5].uuid) is not None
        assert world.person(world.uuid_of(ids[30])) is not None
        touched = {i for request in a.sent() for i in (request.body or {}).get("ids", [])}
        assert str(targets[5].uuid) not in touched


async def test_an_already_deleted_person_is_done_if_no_events_were_requested(arena: Any, axis: Any) -> None:
    async with arena(persons=10) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.world.remove_person(a.everybody[4])
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 9, "already_deleted": 1}
        assert report.exit_code == 0


async def test_an_earlier_pending_row_holds_the_person_back_until_it_is_completed(arena: Any, axis: Any) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=EVENTS)
        held = plan.targets(7, 8)[0].uuid
        a.server.world.add_deletion_row(held, created_at=datetime.now(UTC) - timedelta(days=2))
        report = await a.run(plan)
        assert report.exit_code == 75
        assert axis(report, "person") == {"deleted_confirmed": 29, "held_back": 1}
        assert a.left() == [held]
        before = len(a.sent())
        assert (await a.run(plan)).exit_code == 75
        assert len(a.sent()) == before
        a.server.run_event_deletion()
        report = await a.run(plan)
        assert report.exit_code == 0
        assert a.left() == []
        assert len(a.server.world.deletion_rows(held)) == 2


async def test_an_earlier_completed_row_proves_nothing(arena: Any, axis: Any) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=EVENTS)
        for target in plan.targets(0, 10):
            a.server.world.add_deletion_row(
                target.uuid, created_at=datetime.now(UTC) - timedelta(days=9), completed=True
            )
        report = await a.run(plan)
        assert axis(report, "events") == {"queued": 30}
        assert report.exit_code == 0


async def test_a_person_whose_new_request_the_server_drops_is_kept_and_reported(arena: Any, axis: Any) -> None:
    async with arena(persons=30, pending_rows="one_ever") as a:
        plan = await a.plan(operation=EVENTS)
        uuid = plan.targets(3, 4)[0].uuid
        a.server.world.add_deletion_row(uuid, created_at=datetime.now(UTC) - timedelta(days=9), completed=True)
        report = await a.run(plan)
        assert report.exit_code == 1
        assert axis(report, "person") == {"deleted_confirmed": 29, "failed": 1}
        assert {failure.reason for failure in report.failures} == {"no_deletion_row"}
        assert a.left() == [uuid]


async def test_a_202_without_effect_is_found_by_reading_back_and_sent_again(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.verification.resend_policy.RESEND_AFTER_S", 0.0)
    async with arena(persons=100) as a:
        plan = await a.plan()
        a.server.faults.add(Fault("swallow", action="bulk_delete", after=3, times=1))
        report = await a.run(plan, batch_size=25, concurrency=1)
        assert report.exit_code == 0
        assert a.server.world.count() == 0


async def test_persons_that_stay_after_every_accepted_deletion_are_contradicted(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.verification.resend_policy.RESEND_AFTER_S", 0.0)
    async with arena(persons=100) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("swallow", action="bulk_delete", after=1))
        report = await a.run(plan, batch_size=25)
        assert report.exit_code == 1
        assert axis(report, "person") == {"deleted_confirmed": 25, "contradicted": 75}
        assert max(a.times_intended("person").values()) == 2


async def test_queued_deletions_slower_than_the_wait_are_left_pending(arena: Any, axis: Any) -> None:
    async with arena(persons=100, era="queued", queued_delay_s=3600.0) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        with pytest.raises(NotFinished):
            await a.run(plan, wait_s=0.0)
        a.server.settle()
        report = await a.run(plan, wait_s=0.0)
        assert axis(report, "person") == {"deleted_confirmed": 25, "accepted": 75}
        assert report.exit_code == 75
        a.server.settle()
        report = await a.run(plan, wait_s=0.0)
        assert report.exit_code == 0
        assert set(a.times_intended("person").values()) == {1}


async def test_nothing_is_sent_without_approval_or_against_the_caps(arena: Any) -> None:
    async with arena(persons=20) as a:
        plan = await a.plan()
        with pytest.raises(Refused, match="not approved"):
            await run_job(a.client, plan, a.journal)
        with pytest.raises(Refused, match="digest"):
            await run_job(a.client, plan, a.journal, approve="sha256:" + "0" * 64)
        with pytest.raises(Refused, match="--max-targets 19"):
            await a.run(plan, max_targets=19)
        with pytest.raises(Refused, match="--expect-count says 21"):
            await a.run(plan, expect_count=21)
        assert a.sent() == []
        assert not a.journal.exists()


async def test_an_approval_is_needed_once_per_job(arena: Any) -> None:
    async with arena(persons=20) as a:
        plan = await a.plan()
        await a.run(plan)
        assert (await run_job(a.client, plan, a.journal)).exit_code == 0


async def test_a_project_renamed_since_the_plan_is_refused(arena: Any) -> None:
    async with arena(persons=20) as a:
        plan = await a.plan()
        a.server.reconfigure(project_name="Production")
        with pytest.raises(Refused, match="another name"):
            await a.run(plan)
        assert a.sent() == []
