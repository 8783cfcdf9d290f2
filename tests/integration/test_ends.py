"""Every job ends once the failures end, and failures of one person do not affect others."""

from typing import Any

import anyio
import pytest
from changed_responses import Body, after, rewrite
from virtual_time import run_virtual

from asyncclient.testing import Fault
from bulk import DeleteEvents, DeletePersons, DeleteRecordings, NotFinished, UpdateProperties, verify_job

EVENTS = DeletePersons(delete_events=True)


def failures(report: Any) -> list[tuple[str, str, str, int]]:
    return [(each.axis, each.state, each.reason, each.count) for each in report.failures]


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("after_s", [0.0, 62.0, 1860.0, 3 * 86_400.0])
@pytest.mark.parametrize("operation", [DeleteEvents(), DeleteRecordings()])
def test_events_and_recordings_of_kept_persons_stay_done_in_much_later_runs(
    virtual: Any, operation: Any, after_s: float
) -> None:
    async def main() -> None:
        async with virtual(persons=30) as a:
            plan = await a.plan(operation=operation)
            assert (await a.run(plan)).exit_code == 0
            sent = len(a.sent())
            await anyio.sleep(after_s)
            assert (await a.run(plan)).exit_code == 0
            report = await verify_job(a.client, plan, a.journal)
            assert report.exit_code == (75 if isinstance(operation, DeleteEvents) else 0)
            assert len(a.sent()) == sent

    run_virtual(main())


async def test_a_person_that_disappears_after_a_request_without_a_row_gets_a_final_state(arena: Any, axis: Any) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=EVENTS)
        a.server.faults.add(Fault("reset", action="bulk_delete", times=1))
        after(a.server, "bulk_delete", lambda: a.server.world.remove_person(a.everybody[0]))
        first = await a.run(plan)
        for _ in range(2):
            report = await a.run(plan)
            assert (report.exit_code, axis(report, "person")) == (1, axis(first, "person"))
        assert axis(report, "person").get("already_deleted") is None
        report = await verify_job(a.client, plan, a.journal)
        a.server.run_event_deletion()
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 1


async def test_a_person_that_others_changed_and_deleted_gets_a_final_state(arena: Any, axis: Any) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=UpdateProperties({"x": 1}, route="rest"))
        await a.run(plan)
        a.server.world.set_properties(a.everybody[0], {"x": 2})
        report = await verify_job(a.client, plan, a.journal)
        assert failures(report) == [("properties", "contradicted", "changed_afterwards", 1)]
        a.server.world.remove_person(a.everybody[0])
        for again in (verify_job(a.client, plan, a.journal), a.run(plan), verify_job(a.client, plan, a.journal)):
            report = await again
            assert report.exit_code == 1
            assert axis(report, "properties") == {"changed_confirmed": 29, "too_late": 1}


async def test_one_person_that_is_not_deleted_does_not_fail_the_test_batch(arena: Any, axis: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=DeletePersons())
        stuck = a.everybody[0]
        person = a.server.world.person(stuck)

        def come_back() -> None:
            if a.server.world.person(stuck) is None:
                a.server.world.add_person(
                    list(person.distinct_ids), dict(person.properties), created_at=person.created_at, uuid=stuck
                )

        after(a.server, "bulk_delete", come_back, times=1_000)
        report = await a.run(plan, wait_s=0.0)
        assert (report.exit_code, axis(report, "person")) == (75, {"deleted_confirmed": 59, "accepted": 1})
        assert a.left() == [stuck]


async def test_a_test_batch_of_one_person_that_is_not_deleted_is_followed_by_another(arena: Any, axis: Any) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=DeletePersons())
        a.server.faults.add(Fault("swallow", action="destroy", times=1))
        report = await a.run(plan, batch_size=1, wait_s=0.0)
        assert (report.exit_code, axis(report, "person")) == (75, {"deleted_confirmed": 29, "accepted": 1})


@pytest.mark.slow
async def test_a_server_that_applies_nothing_gets_requests_for_a_few_persons_only(arena: Any) -> None:
    async with arena(persons=200) as a:
        plan = await a.plan(operation=DeletePersons())
        a.server.faults.add(Fault("swallow", action="destroy"))
        with pytest.raises(NotFinished, match="test batch of 25 persons"):
            await a.run(plan, batch_size=1, wait_s=0.0)
        assert len(a.sent()) == 25


async def test_refused_recordings_of_one_person_cost_that_person_a_few_attempts_and_no_other(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=40) as a:
        plan = await a.plan(operation=DeleteRecordings())
        refused = str(plan.targets(3, 4)[0].uuid)

        def refuse(action: str, body: Body) -> Body | None:
            if action != "bulk_delete" or refused not in a.server.requests[-1].body["ids"]:
                return None
            return {**body, "deletion_errors": [{"person_uuid": refused, "step": "queue_recording_deletion"}]}

        rewrite(a.server, refuse)
        a.server.faults.add(Fault("status", status=500, action="delete_recordings"))
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "recordings")) == (1, {"requested": 39, "failed": 1})
        assert failures(report) == [("recordings", "failed", "attempts_exhausted", 1)]
        assert a.times_intended("recordings")[3] <= 10


async def test_deletions_that_fail_after_a_late_row_are_not_reported_as_already_deleted(arena: Any, axis: Any) -> None:
    async with arena(persons=1) as a:
        plan = await a.plan(operation=EVENTS)
        a.server.faults.add(Fault("swallow", action="bulk_delete", times=1))

        def fail_from_now_on() -> None:
            for action in ("bulk_delete", "destroy"):
                a.server.faults.add(Fault("status", status=503, action=action))

        after(a.server, "bulk_delete", lambda: after(a.server, "bulk_delete", fail_from_now_on))
        report = await a.run(plan, batch_size=2)
        assert failures(report) == [("person", "failed", "attempts_exhausted", 1)]
        a.server.faults.clear()
        a.server.world.remove_person(a.everybody[0])  # the last deletion took effect
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (0, {"found_deleted": 1})
        assert "already deleted" not in report.verdict
