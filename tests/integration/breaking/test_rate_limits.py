"""Attempts to break a guarantee by 429s and long waits: limits are kept, and no target loses an attempt."""

from typing import Any

import anyio
import pytest

from asyncclient import Bucket, RateLimits, RequestFinished
from asyncclient.testing import Fault
from asyncclient.testing import RateLimits as ServerRates
from bulk import DeletePersons, NotFinished, run_job
from bulk.events import JobStarted
from bulk.execution.group_executor import GroupExecutor
from bulk.execution.verified_targets import VerifiedTargets

PERSON_ONLY = DeletePersons()


@pytest.fixture
def unlowered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a 429 lower no limit, so that a test of attempts need not wait for minutes."""
    monkeypatch.setattr("asyncclient.limits.Limits.lower", lambda *_, **__: [])


@pytest.mark.usefixtures("unlowered")
async def test_many_429s_cost_no_target_an_attempt(arena: Any, axis: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="bulk_delete", status=429, retry_after="0", after=1, times=12))
        report = await a.run(plan, batch_size=25, concurrency=1)
        assert axis(report, "person") == {"deleted_confirmed": 60}
        assert report.exit_code == 0


async def test_an_unexpected_429_lowers_the_limit_and_is_reported(arena: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="bulk_delete", status=429, retry_after="0", after=1, times=1))
        events: list[str] = []
        report = await a.run(plan, batch_size=25, on_progress=lambda event: events.append(type(event).__name__))
        assert report.exit_code == 0
        assert (report.limits_lowered, report.pauses) == (2, 1)
        assert events.count("LimitMoved") == 2
        assert events.count("PauseStarted") == 1


@pytest.mark.usefixtures("unlowered")
async def test_a_server_that_always_responds_429_ends_the_run_as_resumable(arena: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="bulk_delete", status=429, retry_after="0", after=1))
        with pytest.raises(NotFinished):
            await a.run(plan, batch_size=25, concurrency=1)
        assert len(a.sent()) < 100
        a.server.faults.clear()
        assert (await a.run(plan)).exit_code == 0


@pytest.mark.usefixtures("unlowered")
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("action", ["bulk_delete", "batch_by_uuids"])
async def test_a_pause_of_more_than_an_hour_ends_the_run_and_is_named(arena: Any, action: str, status: int) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action=action, status=status, retry_after="7200"))
        with pytest.raises(NotFinished, match="7200 s"):
            await a.run(plan)
        a.server.faults.clear()
        before = len(a.server.requests)
        if action == "batch_by_uuids":  # every client that shares the limits keeps the pause too, for the first hour
            with pytest.raises(NotFinished, match="more than an hour"):
                await a.run(plan)
            assert {each.action for each in a.server.requests[before:]}.isdisjoint({"list", "batch_by_uuids"})
        async with a.another_client(RateLimits.off()) as another:
            report = await run_job(another, plan, a.journal, approve=plan.digest)
        assert report.exit_code == 0


@pytest.mark.slow
async def test_kills_and_resumes_meet_no_429_on_a_server_that_enforces_its_limits(arena: Any) -> None:
    small = {"deletes_per_minute": 60, "others_per_minute": 90}
    limits = RateLimits(**small, deletes_per_hour=None, default_per_hour=None)
    server = ServerRates(**small, deletes_per_hour=None, default_per_hour=None)
    async with arena(persons=300, limits=limits, rate_limits=server) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        for request in (5, 6, 7):
            fresh = a.another_client(limits)
            async with fresh:
                seen = 0
                with anyio.CancelScope() as scope:

                    def count(event: object, request: int = request, scope: anyio.CancelScope = scope) -> None:
                        nonlocal seen
                        seen += isinstance(event, RequestFinished)
                        if seen == request:
                            scope.cancel()

                    await run_job(
                        fresh.observed(count), plan, a.journal, approve=plan.digest, batch_size=10, concurrency=2
                    )
        async with a.another_client(limits) as fresh:
            budget = {each.window_s: each.used for each in fresh.limits.budget(Bucket.DELETES)}
            assert budget == {60.0: 0}
            stop = anyio.Event()

            def halt(event: object) -> None:
                if isinstance(event, JobStarted):  # by then the first response has told the server's time
                    stop.set()

            await run_job(fresh, plan, a.journal, stop=stop, on_progress=halt)
            used = {bucket: fresh.limits.budget(bucket)[0].used for bucket in (Bucket.DELETES, Bucket.OTHERS)}
        made = [request for request in a.server.requests if request.action != "projects"]
        deletes = len(a.sent())
        assert used[Bucket.DELETES] >= deletes
        assert used[Bucket.OTHERS] >= len(made) - deletes
        assert 429 not in {request.status for request in a.server.requests}


async def test_a_batch_that_waited_long_for_the_rate_limit_is_read_again_before_it_is_sent(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        uuid = plan.targets(29, 30)[0].uuid
        permit, is_too_old = a.client.limits.permit, VerifiedTargets.is_too_old
        waited: list[bool] = []

        def late(bucket: Bucket, **options: Any) -> Any:
            if bucket is Bucket.DELETES and len(waited) < 2:
                waited.append(True)
                if len(waited) == 2:
                    a.server.world.recreate(uuid)
                    monkeypatch.setattr(VerifiedTargets, "is_too_old", lambda *_: True)
            return permit(bucket, **options)

        def timely(*_: Any) -> Any:
            monkeypatch.setattr(VerifiedTargets, "is_too_old", is_too_old)

        monkeypatch.setattr(a.client.limits, "permit", late)
        monkeypatch.setattr(GroupExecutor, "_read_persons", restored(GroupExecutor._read_persons, timely))
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 29, "recreated": 1}


def restored(read: Any, before: Any) -> Any:
    async def wrapped(group: GroupExecutor, numbers: list[int]) -> None:
        before()
        await read(group, numbers)

    return wrapped
