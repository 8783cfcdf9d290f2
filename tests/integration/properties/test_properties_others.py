"""Persons that other clients delete, merge or re-create while a job changes properties: they get no request, no event
re-creates them, and each is reported with its state (guarantees 21 to 23)."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from virtual_time import run_virtual

from asyncclient import Bucket
from asyncclient.testing import Fault
from bulk import ByDistinctIds, UnsetProperties, UpdateProperties

ROUTES = ["rest", "capture"]
KINDS = ["unset", "update"]


def operation(kind: str, route: str) -> Any:
    return UnsetProperties(("plan",), route=route) if kind == "unset" else UpdateProperties({"plan": "x"}, route=route)


def bucket(route: str) -> Bucket:
    return Bucket.CAPTURE if route == "capture" else Bucket.OTHERS


def all_ids(a: Any, uuids: list[UUID]) -> list[tuple[str, ...]]:
    return [a.server.world.person(uuid).distinct_ids for uuid in uuids]


def reached(a: Any) -> set[str]:
    """Return every distinct ID and person ID that a change was sent to."""
    found: set[str] = set()
    for request in a.sent():
        if request.action == "capture":
            found |= {event["distinct_id"] for event in request.body["batch"]}
        else:
            found.add(request.path.split("/persons/")[1].split("/")[0])
    return found


def named(report: Any, axis: str) -> dict[str, str | None]:
    return {s.state: s.targets for each in report.axes if each.axis == axis for s in each.states}


class Fates:
    """One deleted, one merged and one re-created person, and a check that they got no request."""

    def __init__(self, a: Any, deleted: UUID, merged: UUID, recreated: UUID, into: UUID) -> None:
        self.a = a
        self.all = [deleted, merged, recreated]
        self.into = into
        self.ids = {str(uuid) for uuid in self.all} | {each for ids in all_ids(a, self.all) for each in ids}

    def happen(self) -> None:
        world, (deleted, merged, recreated) = self.a.server.world, self.all
        self.before = dict(world.person(self.into).properties)
        self.reborn = dict(world.person(recreated).properties)
        world.remove_person(deleted)
        world.merge(self.into, merged)
        world.recreate(recreated)
        self.count = world.count()

    def check(self) -> None:
        world, (deleted, merged, recreated) = self.a.server.world, self.all
        assert not reached(self.a) & self.ids
        assert world.count() == self.count
        assert world.person(deleted) is world.person(merged) is None
        assert dict(world.person(self.into).properties) == self.before
        assert dict(world.person(recreated).properties) == self.reborn


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", KINDS)
async def test_persons_lost_between_plan_and_run_get_no_request(arena: Any, axis: Any, kind: str, route: str) -> None:
    async with arena(persons=120) as a:
        ids = [each[0] for each in all_ids(a, a.everybody[:100])]
        plan = await a.plan(operation=operation(kind, route), selection=ByDistinctIds(ids))
        fates = Fates(a, *(plan.targets(n, n + 1)[0].uuid for n in (3, 40, 77)), a.everybody[110])
        fates.happen()
        report = await a.run(plan)
        fates.check()
        assert axis(report, "person") == {"not_requested": 97, "merged": 1, "recreated": 1, "disappeared": 1}
        of_the_gone = "gone_with_person" if kind == "unset" else "too_late"
        assert axis(report, "properties") == {"changed_confirmed": 97, of_the_gone: 1, "skipped": 2}
        assert named(report, "person") == {"not_requested": None, "disappeared": "3", "merged": "40", "recreated": "77"}
        assert report.exit_code == 1


@pytest.mark.parametrize(("kind", "code"), [("unset", 0), ("update", 1)])
async def test_properties_of_deleted_persons_are_gone_but_cannot_be_set(
    arena: Any, axis: Any, kind: str, code: int
) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=operation(kind, "capture"))
        for uuid in a.everybody[:30]:
            a.server.world.remove_person(uuid)
        report = await a.run(plan)
        assert report.exit_code == code
        assert axis(report, "properties") == {
            "changed_confirmed": 30,
            "gone_with_person" if kind == "unset" else "too_late": 30,
        }
        assert axis(report, "person") == {"not_requested": 30, "disappeared": 30}
        assert a.server.world.count() == 30


def when_leave_is_asked_for(a: Any, monkeypatch: pytest.MonkeyPatch, which: Bucket, time: int, do: Any) -> None:
    """Call a function when a request of this bucket waits for the rate limit for the n-th time."""
    permit: Callable[..., Any] = a.client.limits.permit
    requests = 0

    def hooked(bucket: Bucket, **options: Any) -> Any:
        nonlocal requests
        requests += bucket is which
        if bucket is which and requests == time:
            do()
        return permit(bucket, **options)

    monkeypatch.setattr(a.client.limits, "permit", hooked)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_persons_lost_while_their_batch_waited_get_no_event(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch, kind: str, first: bool
) -> None:
    async def main() -> None:
        async with virtual(persons=120) as a:
            ids = [each[0] for each in all_ids(a, a.everybody[:100])]
            plan = await a.plan(operation=operation(kind, "capture"), selection=ByDistinctIds(ids))
            places = (3, 10, 17) if first else (33, 40, 77)
            fates = Fates(a, *(plan.targets(n, n + 1)[0].uuid for n in places), a.everybody[110])

            def pause() -> None:
                a.client.limits.pause(Bucket.CAPTURE, 90.0)
                asyncio.get_running_loop().call_later(45.0, fates.happen)

            when_leave_is_asked_for(a, monkeypatch, Bucket.CAPTURE, 1 if first else 2, pause)
            report = await a.run(plan)
            fates.check()
            assert axis(report, "person") == {"not_requested": 97, "merged": 1, "recreated": 1, "disappeared": 1}
            assert axis(report, "properties")["changed_confirmed"] == 97

    run_virtual(main())


def test_a_person_that_disappears_during_a_long_block_gets_no_more_calls(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The persons of a block are read again when the oldest read is a minute old, also within the block."""

    async def main() -> None:
        async with virtual(persons=120) as a:
            ids = [each[0] for each in all_ids(a, a.everybody[:100])]
            plan = await a.plan(operation=operation("unset", "rest"), selection=ByDistinctIds(ids))
            fates = Fates(a, *(plan.targets(n, n + 1)[0].uuid for n in (50, 60, 70)), a.everybody[110])

            def pause() -> None:
                a.client.limits.pause(Bucket.OTHERS, 90.0)
                asyncio.get_running_loop().call_later(45.0, fates.happen)

            def at_request(event: object) -> None:
                if type(event).__name__ == "TestBatchDone":
                    when_leave_is_asked_for(a, monkeypatch, Bucket.OTHERS, 12, pause)

            report = await a.run(plan, concurrency=1, on_progress=at_request)
            fates.check()
            assert axis(report, "person") == {"not_requested": 97, "merged": 1, "recreated": 1, "disappeared": 1}
            assert axis(report, "properties") == {"changed_confirmed": 97, "gone_with_person": 1, "skipped": 2}
            assert set(a.times_intended("properties").values()) <= {1, 2}

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("kind", KINDS)
def test_a_person_that_disappears_after_a_lost_event_gets_no_other(virtual: Any, axis: Any, kind: str) -> None:
    async def main() -> None:
        async with virtual(persons=120) as a:
            ids = [each[0] for each in all_ids(a, a.everybody[:100])]
            plan = await a.plan(operation=operation(kind, "capture"), selection=ByDistinctIds(ids))
            fates = Fates(a, *(plan.targets(n, n + 1)[0].uuid for n in (33, 40, 77)), a.everybody[110])
            a.server.faults.add(Fault("swallow", action="capture", after=1, times=1))
            waits: list[Any] = []

            def later(event: object) -> None:
                if type(event).__name__ == "WaitingForServer" and len(a.sent()) == 2 and not waits:
                    waits.append(event)
                    fates.happen()

            report = await a.run(plan, on_progress=later)
            assert [len(r.body["batch"]) for r in a.sent()] == [25, 75, 72]
            again = {event["distinct_id"] for event in a.sent()[2].body["batch"]}
            assert not again & fates.ids
            assert a.server.world.count() == fates.count
            assert axis(report, "person") == {"not_requested": 97, "merged": 1, "recreated": 1, "disappeared": 1}
            lost = {"too_late": 3} if kind == "update" else {"gone_with_person": 1, "too_late": 2}
            assert axis(report, "properties") == {"changed_confirmed": 97, **lost}

    run_virtual(main())


@pytest.mark.slow
async def test_a_call_that_finds_no_person_fails_no_other_target(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a person deleted after its read, PATCH responds with 404 and delete_property with 500 (contract 6.3, 6.8)."""
    for kind, key in (("update", "too_late"), ("unset", "gone_with_person")):
        async with arena(persons=100) as a:
            plan = await a.plan(operation=operation(kind, "rest"))
            victim = plan.targets(60, 61)[0].uuid

            def vanish(a: Any = a, victim: UUID = victim) -> None:
                a.server.world.remove_person(victim)

            def at_request(event: object, a: Any = a, vanish: Any = vanish) -> None:
                if type(event).__name__ == "TestBatchDone":
                    when_leave_is_asked_for(a, monkeypatch, Bucket.OTHERS, 4, vanish)

            report = await a.run(plan, concurrency=1, wait_s=0.0, on_progress=at_request)  # who is gone is not watched
            assert axis(report, "properties") == {"changed_confirmed": 99, key: 1}
            assert sum(request.status in (404, 500) for request in a.sent()) == 1
            assert len(a.sent()) == 100
            assert a.server.world.person(victim) is None
            a.remove_files()


LONG = "x" * 201


@pytest.mark.parametrize("kind", KINDS)
async def test_a_person_that_no_event_can_address_gets_a_call_in_the_same_job(arena: Any, axis: Any, kind: str) -> None:
    async with arena(persons=60) as a:
        long = [a.server.world.add_person([f"{LONG}{n}"], {"plan": "free"}) for n in range(3)]
        plan = await a.plan(a.everybody[:30] + long + a.everybody[30:], operation(kind, "capture"))
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 63})
        call = "delete_property" if kind == "unset" else "update"
        assert {request.action for request in a.sent()} == {"capture", call}
        assert [a.addressed().count(uuid) for uuid in long] == [1, 1, 1]
        assert not any(LONG in str(request.body) for request in a.sent())
        assert a.server.world.count() == 63


@pytest.mark.parametrize("route", ROUTES)
async def test_a_person_without_a_distinct_id_fails_and_is_reported(arena: Any, axis: Any, route: str) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=operation("unset", route))
        a.server.world.take_distinct_ids(a.everybody[44])
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "properties")) == (1, {"changed_confirmed": 59, "failed": 1})
        assert [(f.axis, f.reason, f.targets) for f in report.failures] == [("properties", "no_distinct_id", "44")]
        assert a.everybody[44] not in a.addressed()
        assert all(request.status < 300 for request in a.sent())


async def test_a_placeholder_id_is_avoided_if_the_person_has_another(arena: Any, axis: Any) -> None:
    async with arena(persons=30) as a:
        odd = a.server.world.add_person(["anonymous", "null", "really-me", "me-too"], {"plan": "free"})
        only = a.server.world.add_person(["guest"], {"plan": "free"})
        report = await a.run(await a.plan([*a.everybody, odd, only], operation("unset", "capture")))
        assert axis(report, "properties") == {"changed_confirmed": 32}
        used = {event["distinct_id"] for request in a.sent() for event in request.body["batch"]}
        assert "really-me" in used
        assert not {"anonymous", "null"} & used
        assert "guest" in used


async def test_an_event_is_addressed_by_the_current_distinct_id(arena: Any, axis: Any) -> None:
    """A merge gave the target other distinct IDs: it stays the same person and is changed."""
    async with arena(persons=60) as a:
        plan = await a.plan(a.everybody[:50], operation("unset", "capture"))
        a.server.world.merge(a.everybody[20], a.everybody[55])
        report = await a.run(plan)
        assert axis(report, "properties") == {"changed_confirmed": 50}
        assert "plan" not in a.server.world.person(a.everybody[20]).properties
