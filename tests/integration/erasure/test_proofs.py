"""A proof has a time: no person is deleted if the deletion row of its events is too old (guarantee 20)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from changed_responses import Body, after, rewrite
from virtual_time import run_virtual

from asyncclient import RateLimits
from asyncclient.testing import Fault
from bulk import DeleteEvents, DeletePersons, verify_job
from bulk.report.rendering.text import render_text
from tests.integration.erasure.clock_ahead import Clock

EVENTS = DeletePersons(delete_events=True)
HOUR_S = 3600.0


def failures(report: Any) -> list[tuple[str, str, str, int]]:
    return [(each.axis, each.state, each.reason, each.count) for each in report.failures]


def queueings(a: Any) -> list[int]:
    """Return the number of persons of each request that queued events."""
    return [len(r.body["ids"]) for r in a.sent() if r.action == "bulk_delete" and r.body["keep_person"]]


async def stopped_after_queueing(a: Any, plan: Any, stage: str = "queued") -> None:
    """Stop the first run after the events were requested, or after their rows were read back."""
    stop = anyio.Event()

    def next_read() -> None:
        after(a.server, "batch_by_uuids", stop.set)

    if stage == "accepted":
        after(a.server, "bulk_delete", stop.set)
    else:
        after(a.server, "bulk_delete", lambda: after(a.server, "deletion_status", next_read))
    report = await a.run(plan, stop=stop)
    assert report.exit_code == 75
    assert [each.state for axis in report.axes if axis.axis == "events" for each in axis.states] == [stage]
    assert queueings(a) == [3]
    assert len(a.left()) == 3


@pytest.mark.parametrize("ahead_s", [61.0, 1860.0])
async def test_a_job_resumed_within_the_hour_deletes_by_its_row(arena: Any, ahead_s: float) -> None:
    clock = Clock()
    async with arena(persons=3, clock=clock) as a:
        plan = await a.plan(operation=EVENTS)
        await stopped_after_queueing(a, plan)
        clock.ahead_s = ahead_s
        async with a.another_client(RateLimits.off()) as a.client:
            report = await a.run(plan)
        assert (report.exit_code, queueings(a)) == (0, [3])
        assert ahead_s <= (report.largest_uncovered_s or 0.0) <= ahead_s + 30.0


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("stage", ["accepted", "queued"])
@pytest.mark.parametrize("ahead_s", [86_400.0, 30 * 86_400.0])
async def test_a_job_resumed_after_the_purge_queues_the_events_again(
    arena: Any, axis: Any, ahead_s: float, stage: str
) -> None:
    clock = Clock()
    async with arena(persons=3, clock=clock) as a:
        plan = await a.plan(operation=EVENTS)
        await stopped_after_queueing(a, plan, stage)
        clock.ahead_s = ahead_s
        a.server.run_event_deletion()
        async with a.another_client(RateLimits.off()) as a.client:
            report = await a.run(plan)
            assert (report.exit_code, queueings(a)) == (0, [3, 3])
            assert (report.largest_uncovered_s or 0.0) < 60.0
            assert (await verify_job(a.client, plan, a.journal)).exit_code == 75
            a.server.run_event_deletion()
            assert axis(await verify_job(a.client, plan, a.journal), "events") == {"purged": 3}


@pytest.mark.parametrize("stage", ["accepted", "queued"])
async def test_a_job_resumed_while_an_old_row_is_pending_holds_back_until_it_is_purged(
    arena: Any, axis: Any, stage: str
) -> None:
    clock = Clock()
    async with arena(persons=3, clock=clock) as a:
        plan = await a.plan(operation=EVENTS)
        await stopped_after_queueing(a, plan, stage)
        clock.ahead_s = 86_400.0
        async with a.another_client(RateLimits.off()) as a.client:
            for _ in range(2):
                report = await a.run(plan)
                assert report.exit_code == 75
                assert axis(report, "person") == axis(report, "events") == {"held_back": 3}
            a.server.run_event_deletion()
            assert len(a.left()) == 3
            report = await a.run(plan)
        assert (report.exit_code, queueings(a)) == (0, [3, 3])
        assert a.left() == []


async def test_another_clients_row_covers_within_the_hour_and_an_older_one_does_not(arena: Any, axis: Any) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=EVENTS)
        now = datetime.now(UTC)
        for n, minutes in enumerate((10, 59, 61)):
            uuid = plan.targets(n, n + 1)[0].uuid
            a.server.world.add_deletion_row(uuid, created_at=now - timedelta(minutes=minutes))
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 2, "held_back": 1}
        assert 59 * 60 <= (report.largest_uncovered_s or 0.0) < HOUR_S


def test_a_pause_between_queueing_and_deleting_outdates_the_row(virtual: Any, axis: Any) -> None:
    """The server asks for a pause just before the deletions; after it the rows are read again."""

    async def main() -> None:
        async with virtual(persons=30) as a:
            plan = await a.plan(operation=EVENTS)
            pause = Fault("status", action="bulk_delete", status=429, retry_after="1800", after=1, times=1)
            a.server.faults.add(pause)
            report = await a.run(plan, max_uncovered_s=600.0)
            assert report.exit_code == 75
            assert axis(report, "person") == {"held_back": 25, "deleted_confirmed": 5}
            a.server.run_event_deletion()
            report = await a.run(plan, max_uncovered_s=600.0)
            assert (report.exit_code, a.left()) == (0, [])
            assert (report.largest_uncovered_s or 0.0) < 600.0

    run_virtual(main())


@pytest.mark.parametrize("operation", [EVENTS, DeleteEvents()])
@pytest.mark.parametrize("status", ["cancelled", "failed"])
async def test_a_row_with_an_unknown_status_proves_nothing_and_is_reported(
    arena: Any, axis: Any, status: str, operation: Any
) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=operation)
        strange = str(plan.targets(1, 2)[0].uuid)
        odd = [True]

        def unknown(action: str, body: Body) -> Body | None:
            if action != "deletion_status" or not odd:
                return None
            for row in body["results"]:
                if row["person_uuid"] == strange:
                    row["status"] = status
            return body

        rewrite(a.server, unknown)
        report = await a.run(plan)
        assert report.exit_code == 75
        assert axis(report, "events") == {"queued": 2, "held_back": 1}
        assert ("events", "held_back", "unknown_row_status", 1) in failures(report)
        assert a.server.world.person(plan.targets(1, 2)[0].uuid) is not None
        odd.clear()
        assert (await a.run(plan)).exit_code == 0


async def test_a_person_that_reappears_has_its_events_queued_again_before_its_deletion(arena: Any, axis: Any) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=EVENTS)
        first = a.server.world.person(a.everybody[0])
        await a.run(plan)
        a.server.run_event_deletion()
        a.server.world.add_person(
            list(first.distinct_ids), dict(first.properties), created_at=first.created_at, uuid=first.uuid
        )
        report = await verify_job(a.client, plan, a.journal)
        assert failures(report) == [("person", "contradicted", "reappeared", 1)]
        sent = len(a.sent())
        report = await a.run(plan)
        assert (report.exit_code, a.left()) == (0, [])
        assert [r.body["keep_person"] for r in a.sent()[sent:]] == [True, False]
        a.server.run_event_deletion()
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 0


@pytest.mark.parametrize("purged", [False, True])
async def test_persons_that_a_late_response_shows_again_keep_their_proofs(
    arena: Any, axis: Any, *, purged: bool
) -> None:
    before: dict[str, Any] = {}
    replica_lags = False

    def change(action: str, body: Body) -> Body | None:
        if action not in ("batch_by_uuids", "batch_by_distinct_ids"):
            return None
        before.update({each["distinct_ids"][0]: each for each in body["results"].values()})
        return {"results": before} if replica_lags else None

    async with arena(persons=3) as a:
        for uuid in a.everybody:
            a.server.world.add_recording(f"of {uuid}", a.server.world.person(uuid).distinct_ids)
        rewrite(a.server, change)
        plan = await a.plan(operation=DeletePersons(delete_events=True, delete_recordings=True))
        await a.run(plan)
        if purged:
            a.server.run_event_deletion()
        replica_lags = True
        report = await verify_job(a.client, plan, a.journal)
        assert failures(report) == [("person", "contradicted", "reappeared", 3)]
        replica_lags = False
        sent = len(a.sent())
        report = await a.run(plan)
        assert (report.exit_code, len(a.sent())) == (0, sent)
        assert axis(report, "events") == {"purged" if purged else "queued": 3}
        assert axis(report, "recordings") == {"deleted": 3}


async def test_on_a_server_without_rows_an_accepted_request_is_the_proof_and_expires_too(arena: Any, axis: Any) -> None:
    clock = Clock()
    async with arena(persons=3, clock=clock, deletion_status=False) as a:
        plan = await a.plan(operation=EVENTS)
        stop = anyio.Event()
        after(a.server, "delete_events", lambda: after(a.server, "delete_events", stop.set, times=3))
        await a.run(plan, stop=stop, concurrency=1)
        before = [r.action for r in a.sent()]
        assert set(before) == {"delete_events"}
        clock.ahead_s = 2 * HOUR_S
        async with a.another_client(RateLimits.off()) as a.client:
            report = await a.run(plan)
        assert axis(report, "events") == {"unverifiable": 3}
        assert [r.action for r in a.sent()[len(before) :]].count("delete_events") == 3
        assert (report.largest_uncovered_s or 0.0) < 60.0


async def test_the_report_states_the_largest_uncovered_window(arena: Any) -> None:
    async with arena(persons=3) as a:
        report = await a.run(await a.plan(operation=EVENTS))
        assert "before a person was deleted may remain" in render_text(report)


@pytest.mark.parametrize("seconds", [59.0, -1.0, float("inf"), float("nan"), True])
async def test_a_window_shorter_than_any_server_can_keep_is_refused(arena: Any, seconds: Any) -> None:
    async with arena(persons=1) as a:
        plan = await a.plan(operation=EVENTS)
        with pytest.raises(ValueError, match="max uncovered"):
            await a.run(plan, max_uncovered_s=seconds)
        assert a.sent() == []


async def test_a_row_with_a_future_time_covers_no_longer_than_any_other(arena: Any, axis: Any) -> None:
    clock, lies = Clock(), True

    def to_come(action: str, body: Body) -> Body | None:
        if not lies or action != "deletion_status":
            return None
        return {**body, "results": [{**row, "created_at": "9999-12-31T23:59:59.999999Z"} for row in body["results"]]}

    async with arena(persons=3, clock=clock) as a:
        plan = await a.plan(operation=EVENTS)
        rewrite(a.server, to_come)
        await stopped_after_queueing(a, plan)
        lies = False
        clock.ahead_s = 86_400.0
        a.server.run_event_deletion()
        async with a.another_client(RateLimits.off()) as a.client:
            assert ((await a.run(plan)).exit_code, queueings(a)) == (0, [3, 3])
            a.server.run_event_deletion()
            assert axis(await verify_job(a.client, plan, a.journal), "events") == {"purged": 3}
