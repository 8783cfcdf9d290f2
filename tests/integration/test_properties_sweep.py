"""Many persons are sent events page by page of a listing, where reads by id would have to wait for their limit: sooner,
within the limit, with nobody left out, sent to twice, or sent to although gone (promises 7, 13, 15, 16, 22)."""

from typing import Any

import anyio
import pytest
from virtual_time import run_virtual

from asyncclient import RateLimits, RequestFinished
from asyncclient._aiohttp import AiohttpWire
from asyncclient.testing import Fault
from asyncclient.testing import RateLimits as ServerRates
from bulk import ByPersonIds, NotFinished, UpdateProperties, run_job

pytestmark = pytest.mark.slow

LIMITS = RateLimits(others_per_minute=12)
SERVER = ServerRates(others_per_minute=12)
PERSONS = 4000
"""20 reads by id, where the limit lets 12 be made in a minute."""
OPERATION = UpdateProperties({"plan": "x"}, route="capture")


def times_sent(a: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for request in a.sent():
        for event in request.body["batch"]:
            found[event["distinct_id"]] = found.get(event["distinct_id"], 0) + 1
    return found


def asked(a: Any, action: str, *, since: int = 0) -> int:
    return sum(request.action == action for request in a.server.requests[since:])


def first_and_last_event_s(a: Any) -> tuple[float, float]:
    return a.sent()[0].at, a.sent()[-1].at


async def planned(a: Any, uuids: Any = None) -> Any:
    """A plan whose own reads count no more."""
    plan = await a.plan(uuids, operation=OPERATION)
    await anyio.sleep(60.0)
    return plan


def arena_of(virtual: Any, persons: int = PERSONS, **options: Any) -> Any:
    return virtual(persons=persons, limits=LIMITS, rate_limits=SERVER, **options)


def test_many_are_sent_to_by_pages_sooner_than_they_could_be_read_by_id(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with arena_of(virtual) as a:
            plan = await planned(a)
            before = len(a.server.requests)
            report = await a.run(plan)
            assert (report.exit_code, axis(report, "properties")) == (0, {"done": PERSONS})
            first, last = first_and_last_event_s(a)
            assert last - first < 60.0  # 20 reads by id take more than a minute
            assert set(times_sent(a).values()) == {1}
            assert len(times_sent(a)) == PERSONS
            assert 4 <= asked(a, "list", since=before) <= 6
            assert all(request.status != 429 for request in a.server.requests)

    run_virtual(main())


def test_fewer_than_a_minutes_reads_are_read_by_id(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with arena_of(virtual, persons=1500) as a:
            plan = await planned(a)
            before = len(a.server.requests)
            assert axis(await a.run(plan), "properties") == {"done": 1500}
            assert asked(a, "list", since=before) <= 1  # the prefix is settled by one

    run_virtual(main())


def test_of_a_large_project_few_pages_are_read_for_few_persons(virtual: Any, axis: Any) -> None:
    """Every eighth person: a page brings 125 of them, a read by id 200."""

    async def main() -> None:
        async with arena_of(virtual, persons=24_000) as a:
            plan = await planned(a, a.everybody[::8])
            before = len(a.server.requests)
            assert axis(await a.run(plan), "properties") == {"done": 3000}
            assert asked(a, "list", since=before) <= 12  # a quarter of the time of 15 reads by id is lost at most

    run_virtual(main())


def test_who_is_gone_merged_re_created_or_as_asked_is_sent_nothing_by_a_page(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with arena_of(virtual, list_lag_s=30.0) as a:
            world = a.server.world
            plan = await planned(a)
            targets = [plan.targets(n, n + 1)[0].uuid for n in (100, 1500, 2500, 3500)]
            gone, merged, recreated, as_asked = targets
            ids = {each for uuid in targets for each in world.person(uuid).distinct_ids}
            world.remove_person(gone)
            world.merge(plan.targets(50, 51)[0].uuid, merged)
            world.recreate(recreated)
            world.set_properties(as_asked, {"plan": "x"})
            count = world.count()
            report = await a.run(plan)
            assert world.count() == count
            assert axis(report, "properties")["done_before"] == 1
            assert axis(report, "properties")["done"] == PERSONS - 4
            others = {k: v for k, v in axis(report, "person").items() if k != "not_asked"}
            assert sum(others.values()) == 3
            assert others["reappeared"] == 1
            assert not ids & times_sent(a).keys()

    run_virtual(main())


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", action="list", status=500, after=4),
        Fault("status", action="list", status=403, after=4, times=1),
        Fault("big_body", action="list", after=4),
        Fault("garbage", action="list", after=4),
        Fault("stall", action="list", after=4),
        Fault("status", action="capture", status=500, every=3),
        Fault("stall_after", action="capture", every=7, times=3),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.action}-{fault.status}",
)
def test_whatever_a_page_ends_with_everybody_is_right_in_the_end(virtual: Any, axis: Any, fault: Fault) -> None:
    async def main() -> None:
        async with arena_of(virtual) as a:
            plan = await planned(a)
            a.server.faults.add(fault)
            report = await a.run(plan)
            counts = axis(report, "properties")
            assert counts.keys() <= {"done", "done_settled"}
            assert sum(counts.values()) == PERSONS

    run_virtual(main())


def test_a_pause_above_the_ceiling_is_not_overheard(virtual: Any) -> None:
    async def main() -> None:
        async with arena_of(virtual) as a:
            plan = await planned(a)
            a.server.faults.add(Fault("status", action="list", status=429, retry_after="7200", after=3, times=1))
            with pytest.raises(NotFinished, match="more than an hour"):
                await a.run(plan)
            reads = [r.status for r in a.server.requests if r.action in ("list", "batch_by_uuids")]
            assert reads[-1] == 429

    run_virtual(main())


@pytest.mark.parametrize("status", [400, 402, 404, 405])
def test_where_nothing_can_be_listed_persons_are_read_by_id(virtual: Any, axis: Any, status: int) -> None:
    async def main() -> None:
        async with arena_of(virtual) as a:
            plan = await planned(a)
            a.server.faults.add(Fault("status", action="list", status=status, after=1))
            assert axis(await a.run(plan), "properties") == {"done": PERSONS}

    run_virtual(main())


def test_a_listing_that_takes_longer_than_it_is_good_for_is_left_after_a_page(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = AiohttpWire.send

    async def slowly(self: Any, request: Any, *rest: Any) -> Any:
        response = await send(self, request, *rest)
        if request.action == "list":
            await anyio.sleep(10.5)
        return response

    monkeypatch.setattr(AiohttpWire, "send", slowly)

    async def main() -> None:
        async with arena_of(virtual) as a:
            plan = await planned(a)
            before = len(a.server.requests)
            assert axis(await a.run(plan), "properties") == {"done": PERSONS}
            assert asked(a, "list", since=before) <= 2  # the prefix is settled by one

    run_virtual(main())


@pytest.mark.parametrize("at", [3, 9, 14, 20, 26])
def test_cancelled_in_the_middle_the_next_run_goes_on(virtual: Any, axis: Any, at: int) -> None:
    async def main() -> None:
        async with arena_of(virtual) as a:
            plan = await planned(a)
            seen = 0
            with anyio.CancelScope() as scope:

                def look(event: object) -> None:
                    nonlocal seen
                    seen += isinstance(event, RequestFinished)
                    if seen == at:
                        scope.cancel()

                a.client = a.client.observed(look)
                await a.run(plan)
            assert scope.cancelled_caught
            async with a.another_client(LIMITS) as fresh:
                report = await run_job(fresh, plan, a.journal, approve=plan.digest)
            counts = axis(report, "properties")
            assert counts.keys() <= {"done", "done_settled"}
            assert sum(counts.values()) == PERSONS
            # once more at most for each of the 8 requests that may have been in flight
            assert sum(times == 2 for times in times_sent(a).values()) <= 8 * 200
            assert max(times_sent(a).values()) <= 2
            assert all(request.status != 429 for request in a.server.requests)

    run_virtual(main())


def test_who_is_deleted_while_a_page_is_sent_is_made_anew_by_no_event(virtual: Any, axis: Any) -> None:
    """Events leave slowly; what a page showed is good for ten seconds, and then persons are read by id."""

    async def main() -> None:
        async with arena_of(virtual, latency_s=4.0) as a:
            plan = await planned(a)
            # of the first page, which shows the newest: they come last in the plan, and leave with its last events
            victims = [plan.targets(n, n + 1)[0].uuid for n in range(PERSONS - 15, PERSONS - 5)]

            def delete(event: object) -> None:
                if asked(a, "capture") == 3:
                    for uuid in set(a.left(victims)):
                        a.server.world.remove_person(uuid)

            a.client = a.client.observed(delete)
            report = await a.run(plan, concurrency=1)
            assert a.left(victims) == []
            assert axis(report, "person") == {"not_asked": PERSONS - 10, "vanished": 10}

    run_virtual(main())


async def test_a_plan_in_another_order_than_the_listing_is_the_same(arena: Any, axis: Any) -> None:
    async with arena(persons=2000, limits=RateLimits(others_per_minute=60), rate_limits="off") as a:
        backwards = ByPersonIds(list(reversed(a.everybody)))
        plan = await a.plan(operation=OPERATION, selection=backwards)
        report = await a.run(plan)
        assert axis(report, "properties") == {"done": 2000}
