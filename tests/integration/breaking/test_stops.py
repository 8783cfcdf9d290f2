"""Attempts to break a guarantee by stopping, refusing or cancelling a job."""

import math
from typing import Any

import anyio
import pytest

from asyncclient import PostHogClient, RateLimits
from asyncclient.testing import Fault
from bulk import DeletePersons, NotFinished, Refused, run_job
from bulk.events import JobStarted
from bulk.journal.records import AttemptEnded, Intent, RunEnded
from bulk.journal.replay import replay_journal
from bulk.plan.plan_file import PlanHeader
from bulk.plan.plan_writer import PlanWriter

PERSON_ONLY = DeletePersons()
EVENTS = DeletePersons(delete_events=True)


def responses(a: Any) -> list[int]:
    return sorted(record.attempt for record in a.records() if isinstance(record, AttemptEnded))


def intents(a: Any) -> list[int]:
    return sorted(record.attempt for record in a.records() if isinstance(record, Intent))


async def test_a_stop_awaits_the_requests_in_flight_of_every_worker(arena: Any) -> None:
    async with arena(persons=400, latency_s=0.02) as a:
        plan, stop = await a.plan(operation=PERSON_ONLY), anyio.Event()
        async with anyio.create_task_group() as group:

            async def halt() -> None:
                await a.server.arrived(3, action="bulk_delete")
                stop.set()

            group.start_soon(halt)
            report = await a.run(plan, batch_size=10, concurrency=8, stop=stop)
        assert report.exit_code == 75
        assert responses(a) == intents(a)
        ends = [record.reason for record in a.records() if isinstance(record, RunEnded)]
        assert ends == ["stopped"]


async def test_a_refused_key_awaits_the_requests_in_flight_of_other_workers(arena: Any) -> None:
    async with arena(persons=400, latency_s=0.02) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="bulk_delete", status=401, after=3, times=1))
        with pytest.raises(Exception, match="401"):
            await a.run(plan, batch_size=10, concurrency=8)
        assert responses(a) == intents(a)


@pytest.mark.parametrize(
    "options",
    [
        {"wait_s": math.inf},
        {"wait_s": True},
        {"wait_s": "900"},
        {"concurrency": True},
        {"concurrency": 2.5},
        {"batch_size": 10.0},
        {"batch_size": "10"},
    ],
)
async def test_settings_of_the_wrong_kind_are_refused(arena: Any, options: dict[str, Any]) -> None:
    async with arena(persons=10) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        with pytest.raises(ValueError):
            await a.run(plan, **options)
        assert not a.journal.exists()


async def test_an_operation_with_an_unknown_parameter_is_refused(arena: Any) -> None:
    async with arena(persons=3) as a:
        good = await a.plan(operation=PERSON_ONLY)
        fields = {name: getattr(good.header, name) for name in PlanHeader.__struct_fields__}
        fields["operation"] = {"kind": "delete", "delete_events": False, "keep_everybody": True}
        with PlanWriter.create(a.folder / "other.plan.jsonl", PlanHeader(**fields)) as writer:
            for target in good.iter():
                writer.add(target.uuid, target.created_at)
            other = writer.finish()
        with pytest.raises(Refused, match="version"):
            await a.run(other)
        assert len(a.left()) == 3


async def test_a_closed_plan_is_refused_before_any_request(arena: Any) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=EVENTS)
        plan.close()
        requests = len(a.server.requests)
        with pytest.raises(ValueError, match="closed"):
            await a.run(plan)
        assert len(a.server.requests) == requests
        assert not a.journal.exists()


async def test_a_stop_before_the_job_begins_leaves_no_journal(arena: Any) -> None:
    async with arena(persons=30) as a:
        plan, stop = await a.plan(operation=EVENTS), anyio.Event()
        stop.set()
        with pytest.raises(NotFinished, match="stop"):
            await a.run(plan, stop=stop)
        assert not a.journal.exists()
        assert a.sent() == []


async def test_a_stop_while_the_job_opens_takes_effect_at_once(arena: Any) -> None:
    async with arena(persons=30) as a:
        plan, stop = await a.plan(operation=EVENTS), anyio.Event()
        a.server.faults.add(Fault("stall_after", action=None))

        async def halt() -> None:
            await a.server.arrived(a.server._log.total + 1)
            stop.set()

        async with anyio.create_task_group() as group:
            group.start_soon(halt)
            with anyio.fail_after(30), pytest.raises(NotFinished, match="stop"):
                await a.run(plan, stop=stop)
        assert not a.journal.exists()


@pytest.mark.slow
async def test_a_callback_that_raises_ends_the_run_with_that_error_and_is_not_called_again(arena: Any) -> None:
    for name in ("JobStarted", "PhaseChanged", "Progress", "TestBatchDone", "Trouble", "JobEnded"):
        async with arena(persons=60) as a:
            plan = await a.plan(operation=EVENTS)
            a.server.faults.add(Fault("status", action="bulk_delete", status=500, when="after", every=2))
            calls: list[str] = []

            def broken(event: object, name: str = name, calls: list[str] = calls) -> None:
                calls.append(type(event).__name__)
                if calls[-1] == name:
                    raise LookupError("mine")

            with pytest.raises(LookupError, match="mine"):
                await a.run(plan, batch_size=10, on_progress=broken)
            assert calls.count(name) == 1
            assert calls[-1] == name
            a.server.faults.clear()
            assert (await a.run(plan)).exit_code == 0
            a.remove_files()


@pytest.mark.slow
async def test_two_jobs_share_a_client(arena: Any) -> None:
    async with arena(persons=200) as a:
        first = await a.plan(a.everybody[:100], operation=EVENTS)
        first_journal = a.journal
        moved = first.path.rename(a.folder / "first.plan.jsonl")
        assert moved.exists()
        second = await a.plan(a.everybody[100:])
        codes: list[int] = []

        async def run(plan: Any, journal: Any, client: PostHogClient) -> None:
            codes.append((await run_job(client, plan, journal, approve=plan.digest, batch_size=10)).exit_code)

        async with anyio.create_task_group() as group:
            group.start_soon(run, first, first_journal, a.client)
            group.start_soon(run, second, a.folder / "second.journal.jsonl", a.client)
        assert codes == [0, 0]
        assert a.server.world.count() == 0


async def test_requests_in_flight_when_a_run_was_cancelled_count_in_later_runs(arena: Any) -> None:
    limits = RateLimits(deletes_per_minute=1000, deletes_per_hour=None, others_per_minute=1000)
    async with arena(persons=200, limits=limits, latency_s=0.05) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        with anyio.CancelScope() as scope:

            async def cancel() -> None:
                await a.server.arrived(4, action="bulk_delete")
                scope.cancel()

            async with anyio.create_task_group() as group:
                group.start_soon(cancel)
                await a.run(plan, batch_size=10, concurrency=4)
        sent = len(a.sent())
        for _ in range(3):
            target_states, _ = replay_journal(a.journal)
            under_way = len(target_states.open)
            assert len(target_states.usage.recent["deletes"]) + under_way >= sent
            stop = anyio.Event()
            with anyio.CancelScope() as scope:

                def halt(event: object, scope: anyio.CancelScope = scope) -> None:
                    if isinstance(event, JobStarted):
                        scope.cancel()

                await a.run(plan, stop=stop, on_progress=halt)
