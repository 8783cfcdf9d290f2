"""An event leaves only for a person that was just read as present: whatever a listing shows, and whatever happens
before the event leaves, no deleted person is re-created (guarantees 11, 22).
"""

import asyncio
from typing import Any

import pytest
from virtual_time import run_virtual

from asyncclient import RateLimits
from asyncclient.testing import RateLimits as ServerRates
from bulk import ByPersonIds, UpdateProperties, run_job

LIMITS = RateLimits(others_per_minute=12)
SERVER = ServerRates(others_per_minute=12)
PERSONS = 3000
"""15 reads, with a limit of 12 per minute."""
OPERATION = UpdateProperties({"plan": "x"}, route="capture")


def sent_to(a: Any) -> set[str]:
    return {event["distinct_id"] for request in a.sent() for event in request.body["batch"]}


def requests_of(a: Any, action: str) -> int:
    return sum(request.action == action for request in a.server.requests)


def arena_of(virtual: Any, persons: int = PERSONS, **options: Any) -> Any:
    return virtual(persons=persons, limits=LIMITS, rate_limits=SERVER, **options)


@pytest.mark.slow
def test_deleted_merged_recreated_and_unchanged_persons_get_no_request(virtual: Any, axis: Any) -> None:
    """The listing shows all persons as they were."""

    async def main() -> None:
        async with arena_of(virtual, list_lag_s=3600.0) as a:
            world = a.server.world
            plan = await a.plan(operation=OPERATION)
            targets = [plan.targets(n, n + 1)[0].uuid for n in (100, 1500, 2500, 2900)]
            gone, merged, recreated, as_asked = targets
            ids = {each for uuid in targets for each in world.person(uuid).distinct_ids}
            world.remove_person(gone)
            world.merge(plan.targets(50, 51)[0].uuid, merged)
            world.recreate(recreated)
            world.set_properties(as_asked, {"plan": "x"})
            count = world.count()
            report = await a.run(plan)
            assert world.count() == count
            assert axis(report, "properties")["already_as_desired"] == 1
            assert axis(report, "properties")["changed_confirmed"] == PERSONS - 4
            others = {k: v for k, v in axis(report, "person").items() if k != "not_requested"}
            assert sum(others.values()) == 3
            assert others["recreated"] == 1
            assert not ids & sent_to(a)

    run_virtual(main())


@pytest.mark.slow
def test_a_person_deleted_while_the_machine_is_suspended_is_recreated_by_no_event(virtual: Any, axis: Any) -> None:
    """The machine is suspended for an hour between the read and the event, which only the boot-time clock shows."""

    async def main() -> None:
        async with virtual(persons=300) as a:
            slept_s = 0.0
            a._clocks["clock"] = lambda: asyncio.get_running_loop().time() + slept_s
            plan = await a.plan(operation=OPERATION)
            before = requests_of(a, "batch_by_uuids")
            victims = a.everybody[:280]

            def sleep() -> None:
                nonlocal slept_s
                slept_s = 3600.0
                for uuid in a.left(victims):
                    a.server.world.remove_person(uuid)

            def once_read(event: object) -> None:
                # right after the reads of the persons after the test batch
                if requests_of(a, "batch_by_uuids") >= before + 3 and not slept_s:
                    asyncio.get_running_loop().call_soon(sleep)

            async with a.another_client(RateLimits.off()) as client:
                report = await run_job(client.observed(once_read), plan, a.journal, approve=plan.digest)
            assert slept_s
            assert a.left(victims) == []
            assert (
                sum(axis(report, "properties").get(state, 0) for state in ("changed_confirmed", "found_changed")) >= 20
            )

    run_virtual(main())


@pytest.mark.slow
def test_a_person_deleted_while_events_are_sent_slowly_is_recreated_by_no_event(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with arena_of(virtual, latency_s=4.0) as a:
            plan = await a.plan(operation=OPERATION)
            victims = [plan.targets(n, n + 1)[0].uuid for n in range(PERSONS - 15, PERSONS - 5)]

            def delete(event: object) -> None:
                if requests_of(a, "capture") == 3:
                    for uuid in set(a.left(victims)):
                        a.server.world.remove_person(uuid)

            a.client = a.client.observed(delete)
            report = await a.run(plan, concurrency=1)
            assert a.left(victims) == []
            assert axis(report, "person") == {"not_requested": PERSONS - 10, "disappeared": 10}

    run_virtual(main())


@pytest.mark.slow
async def test_the_order_of_the_plan_does_not_matter(arena: Any, axis: Any) -> None:
    async with arena(persons=600) as a:
        backwards = ByPersonIds(list(reversed(a.everybody)))
        plan = await a.plan(operation=OPERATION, selection=backwards)
        assert axis(await a.run(plan), "properties") == {"changed_confirmed": 600}
