"""Deleting the events or the recordings of persons that stay: rows are read back, no person is deleted, and what cannot
be verified is reported as such (guarantees 19 to 22, 24, 29)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asyncclient import ClientEvent, RequestFinished
from asyncclient.testing import Fault
from bulk import BreakerOpened, ByDistinctIds, DeleteEvents, DeleteRecordings, Refused, run_job, verify_job
from bulk.journal.records import Intent

EVENTS, RECORDINGS = DeleteEvents(), DeleteRecordings()


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("era", ["summary", "queued"])
async def test_events_are_queued_rows_are_read_back_and_all_persons_stay(arena: Any, axis: Any, era: str) -> None:
    async with arena(era=era) as a:
        chosen, before = a.everybody[::2], a.properties()
        report = await a.run(await a.plan(chosen, EVENTS))
        assert report.exit_code == 0
        assert axis(report, "events") == {"queued": 300}
        assert (
            axis(report, "person") == axis(report, "recordings") == axis(report, "properties") == {"not_requested": 300}
        )
        assert "300 of 300 persons with events queued for deletion" in report.verdict
        assert all(len(a.server.world.deletion_rows(uuid)) == 1 for uuid in chosen)
        assert not any(a.server.world.deletion_rows(uuid) for uuid in a.everybody[1::2])
        assert a.properties() == before
        assert not any(a.server.world.recordings_requested(uuid) for uuid in a.everybody)
        for request in a.sent():
            assert request.action == "bulk_delete"
            assert (request.body["keep_person"], request.body["delete_events"]) == (True, True)
            assert request.body["delete_recordings"] is False


async def test_recordings_are_requested_once_per_person_and_all_persons_stay(arena: Any, axis: Any) -> None:
    async with arena() as a:
        chosen = a.everybody[::2]
        plan = await a.plan(chosen, RECORDINGS)
        report = await a.run(plan)
        assert report.exit_code == 0
        assert axis(report, "recordings") == {"requested": 300}
        assert axis(report, "person") == axis(report, "events") == {"not_requested": 300}
        assert report.duty.waiting_for == ("a verification that PostHog has deleted the recordings of 300 persons",)
        assert (await a.run(plan)).exit_code == (await verify_job(a.client, plan, a.journal)).exit_code == 0
        assert {a.server.world.recordings_requested(uuid) for uuid in chosen} == {1}
        assert not any(a.server.world.recordings_requested(uuid) for uuid in a.everybody[1::2])
        assert not any(a.server.world.deletion_rows(uuid) for uuid in a.everybody)
        assert a.server.world.count() == 600
        for request in a.sent():
            assert (request.body["keep_person"], request.body["delete_recordings"]) == (True, True)
            assert request.body["delete_events"] is False


async def test_verify_waits_for_the_purge(arena: Any, axis: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=EVENTS)
        assert (await a.run(plan)).exit_code == 0
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 75
        a.server.run_event_deletion()
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, axis(report, "events")) == (0, {"purged": 60})
        sent = len(a.sent())
        assert (await a.run(plan)).exit_code == 0
        assert len(a.sent()) == sent


async def test_an_earlier_pending_row_holds_the_events_back_until_it_is_completed(arena: Any, axis: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=EVENTS)
        held = [target.uuid for target in plan.targets(40, 43)]
        for uuid in held:
            a.server.world.add_deletion_row(uuid, created_at=datetime.now(UTC) - timedelta(days=2))
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "events")) == (75, {"queued": 57, "held_back": 3})
        assert axis(report, "person") == {"not_requested": 60}
        assert {s.targets for x in report.axes if x.axis == "events" for s in x.states if s.state == "held_back"} == {
            "40-42"
        }
        sent = len(a.sent())
        assert (await a.run(plan)).exit_code == 75
        assert len(a.sent()) == sent
        a.server.run_event_deletion()
        report = await a.run(plan)
        assert report.exit_code == 0
        assert axis(report, "events").get("held_back") is None
        assert all(len(a.server.world.deletion_rows(uuid)) == 2 for uuid in held)
        assert a.server.world.count() == 60


async def test_an_earlier_completed_row_proves_nothing(arena: Any, axis: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=EVENTS)
        for target in plan.targets(0, 50):
            created_at = datetime.now(UTC) - timedelta(days=9)
            a.server.world.add_deletion_row(target.uuid, created_at=created_at, completed=True)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "events")) == (0, {"queued": 60})
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 75


AGES = [
    {"deletion_status": False},
    {"deletion_status": False, "keep_person": False, "era": "empty202"},
    {"deletion_status": False, "keep_person": False, "bulk_delete": False, "batch_reads": False, "era": "empty202"},
]


@pytest.mark.slow
@pytest.mark.parametrize("age", AGES)
async def test_older_servers_get_one_call_per_person_and_prove_nothing(
    arena: Any, axis: Any, age: dict[str, Any]
) -> None:
    async with arena(persons=60, **age) as a:
        plan = await a.plan(operation=EVENTS)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "events")) == (0, {"unverifiable": 60})
        assert [request.action for request in a.sent()] == ["delete_events"] * 60
        assert a.server.world.count() == 60
        assert all(len(a.server.world.deletion_rows(uuid)) == 1 for uuid in a.everybody)
        a.remove_files()
        report = await a.run(await a.plan(operation=RECORDINGS))
        assert (report.exit_code, axis(report, "recordings")) == (0, {"requested": 60})
        assert {a.server.world.recordings_requested(uuid) for uuid in a.everybody} == {1}
        assert a.server.world.count() == 60


@pytest.mark.parametrize(("operation", "missing"), [(EVENTS, "delete_events"), (RECORDINGS, "delete_recordings")])
async def test_a_server_too_old_for_the_operation_is_refused_before_the_first_write(
    arena: Any, operation: Any, missing: str
) -> None:
    async with arena(persons=20, deletion_status=False, keep_person=False, **{missing: False}) as a:
        plan = await a.plan(operation=operation)
        with pytest.raises(Refused, match="too old"):
            await a.run(plan)
        assert a.sent() == []
        assert not a.journal.exists()


@pytest.mark.parametrize("operation", [EVENTS, RECORDINGS])
@pytest.mark.parametrize(("era", "error"), [("summary", "instead_of_kept"), ("empty202", "empty response")])
async def test_a_server_that_deletes_kept_persons_is_detected_by_its_response_or_the_test_batch(
    arena: Any, operation: Any, era: str, error: str
) -> None:
    async with arena(keep_person=False, era=era) as a:
        plan = await a.plan(operation=operation)
        with pytest.raises(BreakerOpened, match=error):
            await a.run(plan)
        assert a.server.world.count() == 600 - 25
        assert len(a.sent()) == 1


@pytest.mark.parametrize("operation", [EVENTS, RECORDINGS])
async def test_kept_persons_that_disappear_from_the_test_batch_stop_the_job(arena: Any, operation: Any) -> None:
    async with arena() as a:
        plan = await a.plan(operation=operation)

        def vanish(event: ClientEvent) -> None:
            if isinstance(event, RequestFinished) and event.action == "bulk_delete":
                for target in plan.targets(0, 25):
                    a.server.world.remove_person(target.uuid)

        with pytest.raises(BreakerOpened, match="test batch: 25 of 25 persons disappeared"):
            await run_job(a.client.observed(vanish), plan, a.journal, approve=plan.digest)
        assert len(a.sent()) == 1


DAMAGE = [
    Fault("status", action="bulk_delete", status=500, when="before", every=3),
    Fault("status", action="bulk_delete", status=500, when="after", every=3),
    Fault("status", action="bulk_delete", status=413, body="html", every=4),
    Fault("reset", action="bulk_delete", every=3),
    Fault("reset_after", action="bulk_delete", every=3),
    Fault("garbage", action="bulk_delete", every=3),
    Fault("swallow", action="bulk_delete", every=4),
    Fault("status", action="deletion_status", status=503, every=3),
    Fault("status", action="batch_by_uuids", status=502, body="html", every=4),
]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("fault", DAMAGE, ids=lambda f: f"{f.kind}-{f.action}-{f.when}")
async def test_all_events_are_queued_if_a_third_of_the_responses_fail(arena: Any, axis: Any, fault: Fault) -> None:
    async with arena() as a:
        plan = await a.plan(operation=EVENTS)
        a.server.faults.add(fault)
        report = await a.run(plan, batch_size=40)
        assert (report.exit_code, axis(report, "events")) == (0, {"queued": 600}), report.failures
        assert all(len(a.server.world.deletion_rows(uuid)) == 1 for uuid in a.everybody)
        assert a.server.world.count() == 600
        assert len(a.sent()) == len(a.of(Intent))


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("fault", [each for each in DAMAGE[:6] if each.action == "bulk_delete"], ids=lambda f: f.kind)
async def test_recordings_are_requested_again_only_if_the_outcome_is_unknown(
    arena: Any, axis: Any, fault: Fault
) -> None:
    async with arena(persons=400) as a:
        plan = await a.plan(operation=RECORDINGS)
        a.server.faults.add(fault)
        report = await a.run(plan, batch_size=40)
        assert (report.exit_code, axis(report, "recordings")) == (0, {"requested": 400}), report.failures
        unclear = {uuid for r in a.sent() if r.status != 202 or r.fault for uuid in r.body["ids"]}
        for uuid in a.everybody:
            times = a.server.world.recordings_requested(uuid)
            assert times == 1 if str(uuid) not in unclear else times >= 1
        assert a.server.world.count() == 400


async def test_disappeared_merged_and_recreated_persons_are_reported(arena: Any, axis: Any) -> None:
    for operation, what in ((EVENTS, "events"), (RECORDINGS, "recordings")):
        async with arena(persons=80) as a:
            world = a.server.world
            ids = [world.person(uuid).distinct_ids[0] for uuid in a.everybody]
            plan = await a.plan(operation=operation, selection=ByDistinctIds(ids[:60]))
            targets = plan.targets(0, 60)
            world.merge(world.uuid_of(ids[70]), targets[2].uuid)
            world.recreate(targets[35].uuid)
            world.remove_person(targets[49].uuid)
            report = await a.run(plan)
            done = "queued" if what == "events" else "requested"
            assert axis(report, what) == {done: 57, "too_late": 1, "skipped": 2}
            assert axis(report, "person") == {"not_requested": 57, "disappeared": 1, "merged": 1, "recreated": 1}
            assert report.exit_code == 1
            touched = {i for request in a.sent() for i in request.body["ids"]}
            assert not {str(targets[n].uuid) for n in (2, 35, 49)} & touched
            assert world.count() == 78
            a.remove_files()


@pytest.mark.slow
async def test_persons_too_heavy_for_bulk_get_single_calls(arena: Any, axis: Any) -> None:
    async with arena(persons=300, heavy_every=70) as a:
        report = await a.run(await a.plan(operation=EVENTS), batch_size=50)
        assert (report.exit_code, axis(report, "events")) == (0, {"queued": 300})
        assert 4 <= len([r for r in a.sent() if r.action == "delete_events"]) <= 12
        assert not [r for r in a.sent() if r.action == "destroy"]


async def test_a_server_whose_rows_never_appear_is_detected_by_the_test_batch(arena: Any, axis: Any) -> None:
    async with arena(persons=200) as a:
        plan = await a.plan(operation=EVENTS)
        a.server.faults.add(Fault("swallow", action="bulk_delete"))
        with pytest.raises(BreakerOpened, match="test batch: every attempt for the first 10 persons failed"):
            await a.run(plan, batch_size=10)
        assert a.server.world.count() == 200
        a.server.faults.clear()
        report = await a.run(plan)
        assert axis(report, "events") == {"queued": 200}


@pytest.mark.slow
@pytest.mark.parametrize("operation", [EVENTS, RECORDINGS])
async def test_a_job_cancelled_after_any_request_converges(arena: Any, axis: Any, operation: Any) -> None:
    import anyio

    from asyncclient import RequestFinished

    for number in range(1, 24):
        async with arena(persons=60) as a:
            plan = await a.plan(operation=operation)
            seen = 0
            with anyio.CancelScope() as scope:

                def look(event: object, number: int = number, scope: Any = scope) -> None:
                    nonlocal seen
                    seen += isinstance(event, RequestFinished)
                    if seen == number:
                        scope.cancel()

                client, a.client = a.client, a.client.observed(look)
                await a.run(plan, batch_size=10, concurrency=3)
            a.client = client
            report = await a.run(plan, batch_size=10, concurrency=3)
            assert report.exit_code == 0
            assert a.server.world.count() == 60
            if operation is EVENTS:
                assert axis(report, "events") == {"queued": 60}
                assert all(len(a.server.world.deletion_rows(uuid)) == 1 for uuid in a.everybody)
                assert max(a.times_intended("events").values()) <= 2
            else:
                assert axis(report, "recordings") == {"requested": 60}
                assert max(a.server.world.recordings_requested(uuid) for uuid in a.everybody) <= 2
            a.remove_files()
