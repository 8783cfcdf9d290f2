"""Nobody who was deleted is made anew by an event of ours, but in the seconds between reading and sending, and then the
report says so; whoever goes or is re-created after its properties were as asked is named by `verify` (promise 22)."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import aiohttp
import anyio
import pytest
from virtual_time import run_virtual

from asyncclient import Bucket, RequestFinished
from asyncclient._aiohttp import AiohttpWire
from bulk import UnsetProperties, UpdateProperties, verify_job
from bulk.events import TestBatchDone
from bulk.journal.records import RunStarted


def failures(report: Any) -> list[tuple[str, str, str, str]]:
    return [(each.axis, each.state, each.reason, each.targets) for each in report.failures]


def when_the_next_event_leaves(a: Any, monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Call something once when a request of events has its persons read and asks for leave."""
    permit: Callable[..., Any] = a.client.limits.permit
    waiting = [do]

    def hooked(bucket: Bucket, **options: Any) -> Any:
        if bucket is Bucket.CAPTURE and waiting:
            waiting.pop()()
        return permit(bucket, **options)

    monkeypatch.setattr(a.client.limits, "permit", hooked)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [20, 250])
@pytest.mark.parametrize("kind", ["unset", "update"])
def test_who_is_deleted_while_others_of_a_group_are_sent_is_made_anew_by_no_event(
    virtual: Any, axis: Any, kind: str, batch_size: int
) -> None:
    """1,500 persons by a slow server: of each group the last ones leave long after the first ones."""
    operation = UnsetProperties(("plan",), route="capture")
    changed = operation if kind == "unset" else UpdateProperties({"plan": "x"}, route="capture")

    async def main() -> None:
        async with virtual(persons=1500, latency_s=3.0) as a:
            plan = await a.plan(operation=changed)
            victims = [plan.targets(n, n + 1)[0].uuid for n in (150, 199, 600, 601, 900, 999)]
            captures = 0

            def delete(event: object) -> None:
                nonlocal captures
                captures += isinstance(event, RequestFinished) and event.bucket is Bucket.CAPTURE
                if captures == 3 and victims[0] in a.left():
                    for uuid in victims:
                        a.server.world.remove_person(uuid)

            a.client = a.client.observed(delete)
            report = await a.run(plan, concurrency=1, batch_size=batch_size)
            assert a.left(victims) == []
            assert a.server.world.count() == 1494
            assert axis(report, "person") == {"not_asked": 1494, "vanished": 6}
            assert axis(report, "properties")["done"] == 1494

    run_virtual(main())


UNSET = UnsetProperties(("plan",), route="capture")
UPDATE = UpdateProperties({"plan": "x"}, route="capture")


@pytest.mark.parametrize("lag_s", [0.0, 5.0, 40.0])
@pytest.mark.parametrize("operation", [UNSET, UPDATE])
def test_whom_our_own_event_made_anew_is_called_that(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch, operation: Any, lag_s: float
) -> None:
    """However late the event does it, within a minute."""

    async def main() -> None:
        async with virtual(persons=60, capture_lag_s=lag_s) as a:
            plan = await a.plan(operation=operation)
            victim = plan.targets(40, 41)[0].uuid

            def after_the_test_batch(event: object) -> None:
                if isinstance(event, TestBatchDone):
                    when_the_next_event_leaves(a, monkeypatch, lambda: a.server.world.remove_person(victim))

            report = await a.run(plan, concurrency=1, on_progress=after_the_test_batch)
            assert a.server.world.person(victim) is not None
            assert report.exit_code == 1
            assert axis(report, "person") == {"not_asked": 59, "reappeared": 1}
            assert axis(report, "properties")["done"] == 59
            assert failures(report) == [("person", "reappeared", "since_sent", "40")]

    run_virtual(main())


def test_whom_our_own_event_makes_anew_much_later_is_named_from_the_start_and_found_by_verify(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with virtual(persons=60) as a:
            plan = await a.plan(operation=UNSET)
            victim = plan.targets(40, 41)[0].uuid

            def after_the_test_batch(event: object) -> None:
                if isinstance(event, TestBatchDone):
                    a.server.reconfigure(capture_lag_s=300.0)
                    when_the_next_event_leaves(a, monkeypatch, lambda: a.server.world.remove_person(victim))

            report = await a.run(plan, concurrency=1, on_progress=after_the_test_batch, wait_s=50.0)
            assert failures(report) == [("person", "vanished", "since_sent", "40")]
            await anyio.sleep(400.0)
            report = await verify_job(a.client, plan, a.journal)
            assert a.server.world.person(victim) is not None
            assert failures(report) == [("person", "reappeared", "since_sent", "40")]
            assert report.exit_code == 1

    run_virtual(main())


@pytest.mark.parametrize(
    ("ids", "uuid"), [(["anonymous", "real-7"], None), (["real-7"], UUID("00000000-0000-0000-0000-00000000abcd"))]
)
def test_whom_our_own_event_made_anew_under_another_id_is_called_that(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch, ids: list[str], uuid: UUID | None
) -> None:
    async def main() -> None:
        async with virtual(persons=40) as a:
            world = a.server.world
            victim = world.add_person(ids, {"plan": "free"}, **({} if uuid is None else {"uuid": uuid}))
            plan = await a.plan([*a.everybody, victim], operation=UNSET)

            def after_the_test_batch(event: object) -> None:
                if isinstance(event, TestBatchDone):
                    when_the_next_event_leaves(a, monkeypatch, lambda: world.remove_person(victim))

            report = await a.run(plan, concurrency=1, on_progress=after_the_test_batch)
            assert world.uuid_of("real-7") is not None
            assert report.exit_code == 1
            assert [(state, reason) for _, state, reason, _ in failures(report)] == [("merged", "since_sent")]

    run_virtual(main())


@pytest.mark.slow
def test_whom_our_own_events_made_anew_is_found_though_a_query_reads_the_others_back(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was made anew by the removal of a property does not have it, as the query says of them."""

    async def main() -> None:
        async with virtual(persons=2600) as a:
            plan = await a.plan(operation=UNSET)
            victims = [plan.targets(n, n + 1)[0].uuid for n in (50, 130)]

            def remove() -> None:
                for uuid in victims:
                    a.server.world.remove_person(uuid)

            def after_the_test_batch(event: object) -> None:
                if isinstance(event, TestBatchDone):
                    when_the_next_event_leaves(a, monkeypatch, remove)

            report = await a.run(plan, concurrency=1, on_progress=after_the_test_batch)
            assert a.left(victims) == victims
            assert "query" in {request.action for request in a.server.requests}
            assert failures(report) == [("person", "reappeared", "since_sent", "50,130")]

    run_virtual(main())


def test_an_event_that_cannot_leave_soon_does_not_leave(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ingestion host takes half a minute to connect to: the persons are read again before the next attempt."""
    connect, send = aiohttp.TCPConnector._create_connection, AiohttpWire.send
    slow: list[Any] = []

    async def noted(self: Any, request: Any, *rest: Any) -> Any:
        if request.to_ingestion and not slow:
            slow.append(self._connector)
        return await send(self, request, *rest)

    async def late(self: Any, request: Any, *rest: Any) -> Any:
        if self in slow:
            slow[0] = None
            await anyio.sleep(31.0)
        return await connect(self, request, *rest)

    monkeypatch.setattr(AiohttpWire, "send", noted)
    monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", late)

    async def main() -> None:
        async with virtual(persons=25) as a:
            plan = await a.plan(operation=UPDATE)
            victim = plan.targets(3, 4)[0].uuid

            async def delete() -> None:
                await anyio.sleep(9.9)
                a.server.world.remove_person(victim)

            async with anyio.create_task_group() as group:
                group.start_soon(delete)
                report = await a.run(plan)
            assert a.server.world.person(victim) is None
            assert axis(report, "person") == {"not_asked": 24, "vanished": 1}
            assert failures(report) == []

    run_virtual(main())


async def test_no_more_batches_are_under_way_than_there_are_connections(arena: Any) -> None:
    async with arena(persons=300) as a:
        plan = await a.plan(operation=UPDATE)
        await a.run(plan, concurrency=256, batch_size=2)
        assert a.client.max_connections == 64
        assert [run.concurrency for run in a.of(RunStarted)] == [64]


def test_who_was_made_anew_before_anything_was_sent_is_not_called_that(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=60) as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="capture"))
            a.server.world.recreate(plan.targets(40, 41)[0].uuid)
            report = await a.run(plan)
            assert (axis(report, "person"), failures(report)) == ({"not_asked": 59, "reappeared": 1}, [])

    run_virtual(main())


@pytest.mark.parametrize("route", ["rest", "capture"])
async def test_verify_names_who_went_since_the_properties_were_as_asked(arena: Any, axis: Any, route: str) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route=route))
        assert (await a.run(plan)).exit_code == 0
        sent, world = len(a.sent()), a.server.world
        deleted, recreated, merged = (plan.targets(n, n + 1)[0].uuid for n in (5, 20, 31))
        world.remove_person(deleted)
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, axis(report, "person")) == (0, {"not_asked": 59, "vanished": 1})
        world.recreate(recreated)
        world.merge(plan.targets(40, 41)[0].uuid, merged)
        report = await verify_job(a.client, plan, a.journal)
        assert report.exit_code == 1
        assert axis(report, "person") == {"not_asked": 57, "merged": 1, "reappeared": 1, "vanished": 1}
        assert axis(report, "properties") == {"done": 60}  # that is what was read of each
        assert sorted(failures(report)) == [
            ("person", "merged", "since_done", "31"),
            ("person", "reappeared", "since_done", "20"),
            ("person", "vanished", "since_done", "5"),
        ]
        lines = len(a.records())
        await verify_job(a.client, plan, a.journal)
        settled = [record for record in a.records()[lines:] if type(record).__name__ == "Settled"]
        assert settled == []  # nothing new is noted twice
        await a.run(plan)
        assert len(a.sent()) == sent


async def test_verify_looks_again_at_who_was_not_as_asked(arena: Any, axis: Any) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=UPDATE)
        await a.run(plan)
        uuid, world = plan.targets(7, 8)[0].uuid, a.server.world
        for value, code in (("other", 1), ("other", 1), ("x", 0), ("other", 1)):
            world.set_properties(uuid, {"plan": value})
            report = await verify_job(a.client, plan, a.journal)
            assert report.exit_code == code
            assert [reason for _, _, reason, _ in failures(report)] == (["changed_since"] if code else [])
        world.recreate(uuid)
        assert axis(await verify_job(a.client, plan, a.journal), "person") == {"not_asked": 29, "reappeared": 1}


async def test_who_is_found_again_by_verify_is_there_as_before(arena: Any, axis: Any, monkeypatch: Any) -> None:
    """A store that leaves somebody out once is not held against the person for ever."""
    async with arena(persons=30) as a:
        plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="capture"))
        await a.run(plan)
        hidden = plan.targets(7, 8)[0].uuid
        monkeypatch.setattr("bulk.verification.verifier.is_same", lambda target, person: target.uuid != hidden)
        report = await verify_job(a.client, plan, a.journal)
        assert axis(report, "person") == {"not_asked": 29, "reappeared": 1}
        monkeypatch.undo()
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, axis(report, "person"), failures(report)) == (0, {"not_asked": 30}, [])
