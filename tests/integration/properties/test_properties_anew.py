"""No event of a job re-creates a deleted person, except within seconds of its read, which the report shows.
`verify` reports persons that were lost or re-created after their properties were read (guarantee 22)."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import aiohttp
import anyio
import pytest
from virtual_time import run_virtual

from asyncclient import Bucket, RequestFinished
from asyncclient._transport.session import SessionWire
from bulk import UnsetProperties, UpdateProperties, verify_job
from bulk.events import TestBatchDone
from bulk.journal.records import RunStarted


def failures(report: Any) -> list[tuple[str, str, str, str]]:
    return [(each.axis, each.state, each.reason, each.targets) for each in report.failures]


def when_the_next_event_leaves(a: Any, monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Call a function once when a capture request has read its persons and waits for the rate limit."""
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
def test_a_person_deleted_while_its_group_is_sent_is_recreated_by_no_event(
    virtual: Any, axis: Any, kind: str, batch_size: int
) -> None:
    """1,500 persons on a slow server: the last events of each group leave long after the first ones."""
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
            assert axis(report, "person") == {"not_requested": 1494, "disappeared": 6}
            assert axis(report, "properties")["changed_confirmed"] == 1494

    run_virtual(main())


UNSET = UnsetProperties(("plan",), route="capture")
UPDATE = UpdateProperties({"plan": "x"}, route="capture")


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("lag_s", [0.0, 5.0, 40.0])
@pytest.mark.parametrize("operation", [UNSET, UPDATE])
def test_a_person_recreated_by_an_event_of_the_job_is_reported_as_such(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch, operation: Any, lag_s: float
) -> None:
    """The event may take up to a minute to re-create the person."""

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
            assert axis(report, "person") == {"not_requested": 59, "recreated": 1}
            assert axis(report, "properties")["changed_confirmed"] == 59
            assert failures(report) == [("person", "recreated", "lost_after_change_sent", "40")]

    run_virtual(main())


def test_a_person_recreated_late_by_an_event_of_the_job_is_reported_at_once_and_found_by_verify(
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
            assert failures(report) == [("person", "disappeared", "lost_after_change_sent", "40")]
            await anyio.sleep(400.0)
            report = await verify_job(a.client, plan, a.journal)
            assert a.server.world.person(victim) is not None
            assert failures(report) == [("person", "recreated", "lost_after_change_sent", "40")]
            assert report.exit_code == 1

    run_virtual(main())


@pytest.mark.parametrize(
    ("ids", "uuid"), [(["anonymous", "real-7"], None), (["real-7"], UUID("00000000-0000-0000-0000-00000000abcd"))]
)
def test_a_person_recreated_under_another_uuid_is_reported_as_such(
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
            assert [(state, reason) for _, state, reason, _ in failures(report)] == [
                ("merged", "lost_after_change_sent")
            ]

    run_virtual(main())


@pytest.mark.slow
def test_a_recreated_person_is_found_although_a_query_verifies_the_others(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person that the removal of a property re-created does not have it, so the query does not return it."""

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
            assert failures(report) == [("person", "recreated", "lost_after_change_sent", "50,130")]

    run_virtual(main())


def test_an_event_that_cannot_be_sent_soon_is_not_sent(
    virtual: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connecting to the ingestion host takes half a minute: the persons are read again before the next attempt."""
    connect, send = aiohttp.TCPConnector._create_connection, SessionWire.send
    slow: list[Any] = []

    async def noted(self: Any, request: Any, *rest: Any) -> Any:
        if request.to_ingestion and not slow:
            slow.append(self._session.connector)
        return await send(self, request, *rest)

    async def late(self: Any, request: Any, *rest: Any) -> Any:
        if self in slow:
            slow[0] = None
            await anyio.sleep(31.0)
        return await connect(self, request, *rest)

    monkeypatch.setattr(SessionWire, "send", noted)
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
            assert axis(report, "person") == {"not_requested": 24, "disappeared": 1}
            assert failures(report) == []

    run_virtual(main())


@pytest.mark.slow
async def test_batches_in_parallel_are_at_most_the_connections(arena: Any) -> None:
    async with arena(persons=300) as a:
        plan = await a.plan(operation=UPDATE)
        await a.run(plan, concurrency=256, batch_size=2)
        assert a.client.max_connections == 64
        assert [run.concurrency for run in a.of(RunStarted)] == [64]


def test_a_person_recreated_before_any_request_is_not_reported_as_recreated_by_the_job(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=60) as a:
            plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="capture"))
            a.server.world.recreate(plan.targets(40, 41)[0].uuid)
            report = await a.run(plan)
            assert (axis(report, "person"), failures(report)) == ({"not_requested": 59, "recreated": 1}, [])

    run_virtual(main())


@pytest.mark.parametrize("route", ["rest", "capture"])
async def test_verify_reports_persons_lost_after_their_properties_were_read(arena: Any, axis: Any, route: str) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route=route))
        assert (await a.run(plan)).exit_code == 0
        sent, world = len(a.sent()), a.server.world
        deleted, recreated, merged = (plan.targets(n, n + 1)[0].uuid for n in (5, 20, 31))
        world.remove_person(deleted)
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, axis(report, "person")) == (0, {"not_requested": 59, "disappeared": 1})
        world.recreate(recreated)
        world.merge(plan.targets(40, 41)[0].uuid, merged)
        report = await verify_job(a.client, plan, a.journal)
        assert report.exit_code == 1
        assert axis(report, "person") == {"not_requested": 57, "merged": 1, "recreated": 1, "disappeared": 1}
        assert axis(report, "properties") == {"changed_confirmed": 60}  # each was read so
        assert sorted(failures(report)) == [
            ("person", "disappeared", "lost_after_properties_read", "5"),
            ("person", "merged", "lost_after_properties_read", "31"),
            ("person", "recreated", "lost_after_properties_read", "20"),
        ]
        lines = len(a.records())
        await verify_job(a.client, plan, a.journal)
        settled = [record for record in a.records()[lines:] if type(record).__name__ == "StatesChanged"]
        assert settled == []  # nothing is recorded twice
        await a.run(plan)
        assert len(a.sent()) == sent


async def test_verify_reads_persons_again_that_were_not_as_desired(arena: Any, axis: Any) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=UPDATE)
        await a.run(plan)
        uuid, world = plan.targets(7, 8)[0].uuid, a.server.world
        for value, code in (("other", 1), ("other", 1), ("x", 0), ("other", 1)):
            world.set_properties(uuid, {"plan": value})
            report = await verify_job(a.client, plan, a.journal)
            assert report.exit_code == code
            assert [reason for _, _, reason, _ in failures(report)] == (["changed_afterwards"] if code else [])
        world.recreate(uuid)
        assert axis(await verify_job(a.client, plan, a.journal), "person") == {"not_requested": 29, "recreated": 1}


async def test_a_person_that_verify_finds_again_has_its_earlier_state(arena: Any, axis: Any, monkeypatch: Any) -> None:
    """One read that left a person out has no lasting effect on it."""
    async with arena(persons=30) as a:
        plan = await a.plan(operation=UpdateProperties({"plan": "x"}, route="capture"))
        await a.run(plan)
        hidden = plan.targets(7, 8)[0].uuid
        monkeypatch.setattr("bulk.verification.verifier.is_same", lambda target, person: target.uuid != hidden)
        report = await verify_job(a.client, plan, a.journal)
        assert axis(report, "person") == {"not_requested": 29, "recreated": 1}
        monkeypatch.undo()
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, axis(report, "person"), failures(report)) == (0, {"not_requested": 30}, [])
