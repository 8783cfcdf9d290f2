"""Attempts to break a guarantee: each test is a way that once worked."""

import math
import time
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from asyncclient import Bucket, PostHogClient, RateLimits, RequestFinished
from asyncclient.testing import Fault
from asyncclient.testing import RateLimits as ServerRates
from bulk import BreakerOpened, ByDistinctIds, DeletePersons, NotFinished, Refused, run_job, verify_job
from bulk.events import JobStarted
from bulk.execution.group_executor import GroupExecutor
from bulk.execution.verified_targets import VerifiedTargets
from bulk.journal.records import AttemptEnded, Intent, RunEnded
from bulk.journal.replay import replay_journal
from bulk.plan.plan_file import BLOCK, Plan, PlanHeader
from bulk.plan.plan_writer import PlanWriter

PERSON_ONLY = DeletePersons()
EVENTS = DeletePersons(delete_events=True)
RECORDINGS = DeletePersons(delete_recordings=True)


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


async def test_a_server_that_rejects_every_batch_opens_the_breaker(arena: Any) -> None:
    async with arena(persons=600) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        for action in ("bulk_delete", "destroy"):
            a.server.faults.add(Fault("status", action=action, status=400, after=action == "bulk_delete"))
        with pytest.raises(BreakerOpened):
            await a.run(plan, batch_size=10, concurrency=1)
        assert len(a.sent()) <= 1 + 20


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


async def test_a_response_that_reports_deleted_instead_of_kept_persons_stops_the_job(arena: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=EVENTS)
        a.server.reconfigure(keep_person=False)
        with pytest.raises(BreakerOpened, match="kept"):
            await a.run(plan, batch_size=10)
        assert len(a.sent()) == 1
        assert a.server.world.count() == 50


async def test_a_person_that_delete_does_not_find_but_a_read_does_is_not_sent_again(arena: Any, axis: Any) -> None:
    async with arena(persons=4) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="destroy", status=404, times=1, after=1))
        report = await a.run(plan, batch_size=1, concurrency=1)
        if "failed" not in axis(report, "person"):
            pytest.fail(f"sent again after a 404: {axis(report, 'person')}")
        assert len(a.sent()) == 4


async def test_a_lost_deletion_with_recordings_only_is_sent_once_more(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.verification.resend_policy.RESEND_AFTER_S", 0.0)
    async with arena(persons=30) as a:
        plan = await a.plan(operation=RECORDINGS)
        a.server.faults.add(Fault("swallow", action="bulk_delete", after=1, times=1))
        report = await a.run(plan, batch_size=30, concurrency=1)
        assert axis(report, "person") == {"deleted_confirmed": 30}


async def test_events_accepted_by_an_old_server_are_never_reported_as_too_late(arena: Any, axis: Any) -> None:
    async with arena(persons=6, deletion_status=False) as a:
        plan = await a.plan(operation=EVENTS)
        gone = plan.targets(5, 6)[0].uuid
        a.server.faults.add(Fault("status", action="destroy", status=500, when="after", times=6))
        report = await a.run(plan, concurrency=1)
        assert a.server.world.person(gone) is None
        assert axis(report, "events") == {"unverifiable": 6}


async def test_a_recreated_person_whose_events_were_queued_is_not_reported_as_skipped(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=EVENTS)
        uuid = plan.targets(29, 30)[0].uuid
        read = GroupExecutor._read_rows

        async def recreated_first(group: GroupExecutor, numbers: list[int]) -> None:
            if 29 in numbers:
                a.server.world.recreate(uuid)
                group._verified._targets.clear()
            await read(group, numbers)

        monkeypatch.setattr(GroupExecutor, "_read_rows", recreated_first)
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 29, "recreated": 1}
        assert axis(report, "events") == {"queued": 30}
        assert a.left() == [uuid]


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


async def test_a_plan_without_targets_is_done_at_once(arena: Any) -> None:
    async with arena(persons=3) as a:
        good = await a.plan(operation=EVENTS)
        with PlanWriter.create(a.folder / "none.plan.jsonl", good.header) as writer:
            none = writer.finish()
        report = await a.run(none)
        assert (report.exit_code, report.count, len(a.sent())) == (0, 0, 0)


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


async def test_on_an_old_server_persons_are_not_looked_up_in_a_lagging_listing(arena: Any, axis: Any) -> None:
    async with arena(persons=10, batch_reads=False, list_lag_s=3600.0) as a:
        ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody]
        plan = await a.plan(operation=PERSON_ONLY, selection=ByDistinctIds(ids))
        a.server.world.remove_person(a.everybody[4])
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 9, "already_deleted": 1}


@pytest.mark.slow
async def test_missing_rows_of_one_person_in_five_do_not_stop_the_others(arena: Any, axis: Any) -> None:
    from datetime import UTC, datetime, timedelta

    async with arena(persons=200, pending_rows="one_ever") as a:
        plan = await a.plan(operation=EVENTS)
        for target in plan.targets(0, 200)[::5]:
            created_at = datetime.now(UTC) - timedelta(days=9)
            a.server.world.add_deletion_row(target.uuid, created_at=created_at, completed=True)
        report = await a.run(plan, batch_size=10, concurrency=4)
        assert axis(report, "person") == {"deleted_confirmed": 160, "failed": 40}


async def test_a_server_that_queues_nothing_is_detected_before_any_person_is_deleted(arena: Any) -> None:
    async with arena(persons=200) as a:
        plan = await a.plan(operation=EVENTS)
        a.server.faults.add(Fault("swallow", action="bulk_delete"))
        with pytest.raises(BreakerOpened, match="test batch: every attempt for the first 10 persons failed"):
            await a.run(plan, batch_size=10)
        assert a.server.world.count() == 200
        assert len(a.times_intended("events")) == 10


async def test_a_test_batch_that_is_accepted_and_not_applied_is_sent_once_more_and_then_ends_the_run(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.verification.resend_policy.RESEND_AFTER_S", 0.0)
    async with arena(persons=60) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("swallow", action="bulk_delete"))
        with pytest.raises(NotFinished, match="25 persons"):
            await a.run(plan)
        assert set(a.times_intended("person").values()) == {2}
        assert len(a.times_intended("person")) == 25
        a.server.faults.clear()
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 60}


@pytest.mark.slow
async def test_targets_far_apart_in_the_plan_are_loaded_block_by_block(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with arena(persons=2000) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("deletion_errors", action="bulk_delete", count=1, step="delete_postgres"))
        await a.run(plan, batch_size=100, concurrency=1)
        a.server.faults.clear()
        sizes: list[int] = []
        targets = Plan.targets

        def counted(self: Plan, start: int, stop: int) -> Any:
            sizes.append(stop - start)
            return targets(self, start, stop)

        monkeypatch.setattr(Plan, "targets", counted)
        report = await a.run(plan, batch_size=100, concurrency=1)
        assert report.exit_code == 0
        assert 0 < sum(sizes) <= 3 * BLOCK


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


@pytest.mark.parametrize("off_s", [-3600.0, 3600.0, -86_400.0 * 30])
async def test_deletion_rows_are_judged_by_the_servers_clock(arena: Any, axis: Any, off_s: float) -> None:
    async with arena(persons=30, clock=lambda: time.time() + off_s) as a:
        plan = await a.plan(operation=EVENTS)
        held = plan.targets(7, 8)[0].uuid
        before = datetime.fromtimestamp(time.time() + off_s - 3660.0, UTC)
        a.server.world.add_deletion_row(held, created_at=before)
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 29, "held_back": 1}
        assert axis(report, "events") == {"queued": 29, "held_back": 1}


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


async def test_verify_finds_persons_that_came_back_and_a_later_run_continues(arena: Any, axis: Any) -> None:
    async with arena(persons=40) as a:
        plan = await a.plan(operation=EVENTS)
        await a.run(plan)
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 75
        a.server.run_event_deletion()
        assert axis(await verify_job(a.client, plan, a.journal), "events") == {"purged": 40}
        target = plan.targets(3, 4)[0]
        a.server.world.recreate(target.uuid)
        for _ in range(2):
            report = await verify_job(a.client, plan, a.journal)
            assert axis(report, "person") == {"deleted_confirmed": 39, "recreated": 1}
            assert report.exit_code == 1
        assert len(a.sent()) == 4


async def test_verify_of_a_job_that_was_interrupted_says_not_finished_and_sends_nothing(arena: Any, axis: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan(operation=EVENTS)
        with anyio.CancelScope() as scope:

            def halt(event: object) -> None:
                if type(event).__name__ == "TestBatchDone":
                    scope.cancel()

            await a.run(plan, on_progress=halt)
        sent = len(a.sent())
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, [each.kind for each in report.duty.causes]) == (1, ["not_finished"])
        assert len(a.sent()) == sent
        assert (await a.run(plan)).exit_code == 0
