"""Erasures while requests fail: what is sent again, in which parts, and when the job stops (guarantees 10 to 12)."""

from typing import Any

import pytest

from asyncclient import AuthenticationFailed, PermissionDenied
from asyncclient.testing import Fault
from bulk import BreakerOpened, DeletePersons, NotFinished
from bulk.journal.records import Intent

PERSON_ONLY = DeletePersons()
EVENTS = DeletePersons(delete_events=True)


DAMAGE = [
    Fault("status", action="bulk_delete", status=500, when="before", every=3),
    Fault("status", action="bulk_delete", status=500, when="after", every=3),
    Fault("status", action="bulk_delete", status=502, body="html", when="after", every=3),
    Fault("status", action="bulk_delete", status=503, body="empty", when="before", every=3),
    Fault("person_deletion_failed", action="bulk_delete", every=4),
    Fault("reset", action="bulk_delete", every=3),
    Fault("reset_after", action="bulk_delete", every=3),
    Fault("refuse", action="bulk_delete", every=3),
    Fault("cut_body", action="bulk_delete", every=3),
    Fault("garbage", action="bulk_delete", every=3),
    Fault("deep_json", action="bulk_delete", times=3, every=3),
    Fault("big_body", action="bulk_delete", times=1, after=3),
    Fault("deletion_errors", action="bulk_delete", share=0.3, every=2),
    Fault("deletion_errors", action="bulk_delete", count=3, step="delete_postgres", every=2),
    Fault("status", action="deletion_status", status=503, every=3),
    Fault("status", action="batch_by_uuids", status=502, body="html", every=4),
    Fault("reset", action="batch_by_uuids", every=4),
]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("fault", DAMAGE, ids=lambda f: f"{f.kind}-{f.action}-{f.when}")
async def test_a_job_ends_right_for_every_person_if_a_third_of_the_responses_fail(
    arena: Any, axis: Any, fault: Fault
) -> None:
    async with arena() as a:
        plan = await a.plan()
        a.server.faults.add(fault)
        report = await a.run(plan, batch_size=40)
        assert report.exit_code == 0, report.failures
        assert a.server.world.count() == 0
        assert a.server.world.events_orphaned() == set()
        for name in ("person", "events", "recordings"):
            assert sum(axis(report, name).values()) == 600
        intents = [record for record in a.records() if isinstance(record, Intent)]
        assert len(a.sent()) == len(intents)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("kind", ["stall", "stall_after"])
async def test_timed_out_batches_are_read_back_and_sent_again_in_halves(
    arena: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("bulk.posthog.calls.BULK_TIMEOUT_S", 0.2)
    async with arena(persons=400) as a:
        a.server.faults.add(Fault(kind, action="bulk_delete", every=3, times=3))
        report = await a.run(await a.plan(operation=EVENTS), batch_size=100, concurrency=2)
        assert report.exit_code == 0
        assert a.server.world.count() == 0
        sizes = {len(request.body["ids"]) for request in a.sent()}
        assert (50 in sizes) == (kind == "stall")


@pytest.mark.slow
async def test_persons_too_heavy_for_bulk_get_single_calls(arena: Any, axis: Any) -> None:
    async with arena(persons=300, heavy_every=70) as a:
        report = await a.run(await a.plan(), batch_size=50)
        assert report.exit_code == 0
        assert a.server.world.count() == 0
        singles = [r for r in a.sent() if r.action == "destroy"]
        assert 4 <= len(singles) <= 12
        assert axis(report, "events") == {"queued": 300}


async def test_an_exact_success_is_never_sent_again(arena: Any) -> None:
    async with arena() as a:
        report = await a.run(await a.plan())
        assert {route.axes: route.attempts for route in report.routes} == {
            ("events", "recordings"): 1 + 3,
            ("person",): 1 + 3,
        }
        assert set(a.times_intended("person").values()) == {1}
        assert set(a.times_intended("events").values()) == {1}


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_a_batch_rejected_once_is_sent_in_parts_and_no_target_fails(arena: Any, axis: Any, status: int) -> None:
    async with arena(persons=100) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="bulk_delete", status=status, after=1, times=1, body="json"))
        report = await a.run(plan, batch_size=25, concurrency=1)
        assert (report.exit_code, axis(report, "person")) == (0, {"deleted_confirmed": 100})
        refused = [len(r.body["ids"]) for r in a.sent() if r.status == status]
        assert refused == [25]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_rejection_is_narrowed_to_the_person_at_fault_which_is_never_sent_again(
    arena: Any, axis: Any, status: int
) -> None:
    async with arena(persons=100) as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="bulk_delete", status=status, after=1, times=4))
        a.server.faults.add(Fault("status", action="destroy", status=status, times=1))
        report = await a.run(plan, batch_size=25, concurrency=1, wait_s=0.0)
        assert (report.exit_code, axis(report, "person")) == (1, {"deleted_confirmed": 99, "failed": 1})
        assert [failure.reason.split(":")[1:3] for failure in report.failures] == [[failure_kind(status), str(status)]]
        assert [len(r.body["ids"]) if r.body else 1 for r in a.sent() if r.status == status] == [25, 12, 6, 3, 1]
        sent = len(a.sent())
        assert (await a.run(plan)).exit_code == 1
        assert len(a.sent()) == sent


def failure_kind(status: int) -> str:
    return {400: "bad_request", 409: "conflict", 422: "unprocessable_entity"}[status]


async def test_a_400_for_unmatched_ids_still_finds_the_persons_deleted(arena: Any, axis: Any) -> None:
    async with arena(persons=50, unmatched="400") as a:
        plan = await a.plan(operation=EVENTS)
        a.server.faults.add(Fault("reset_after", action="bulk_delete", every=2))
        report = await a.run(plan, batch_size=10)
        assert report.exit_code == 0
        assert a.server.world.count() == 0


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(("status", "error"), [(401, AuthenticationFailed), (403, PermissionDenied)])
async def test_a_refused_key_stops_the_job_at_once(arena: Any, status: int, error: type[Exception]) -> None:
    async with arena() as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="bulk_delete", status=status, after=3))
        with pytest.raises(error):
            await a.run(plan, batch_size=10, concurrency=4)
        assert len(a.sent()) <= 3 + 4
        a.server.faults.clear()
        assert (await a.run(plan)).exit_code == 0


async def test_a_404_that_is_not_about_a_person_ends_the_run(arena: Any) -> None:
    async with arena() as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="bulk_delete", status=404, body="empty", after=2))
        with pytest.raises(NotFinished):
            await a.run(plan, batch_size=10, concurrency=1)
        assert len(a.sent()) == 3


@pytest.mark.slow
async def test_the_breaker_opens_when_every_request_fails_and_the_same_call_resumes_later(arena: Any) -> None:
    async with arena() as a:
        plan = await a.plan(operation=PERSON_ONLY)
        a.server.faults.add(Fault("status", action="bulk_delete", status=500, after=2))
        a.server.faults.add(Fault("status", action="destroy", status=500))
        with pytest.raises(BreakerOpened):
            await a.run(plan, batch_size=10, concurrency=4)
        assert len(a.sent()) < 200
        a.server.faults.clear()
        assert (await a.run(plan)).exit_code == 0
        assert a.server.world.count() == 0


async def test_reads_that_always_fail_leave_the_job_resumable(arena: Any) -> None:
    async with arena(persons=50) as a:
        plan = await a.plan()
        a.server.faults.add(Fault("status", action="batch_by_uuids", status=503, after=1))
        with pytest.raises(NotFinished):
            await a.run(plan)
        a.server.faults.clear()
        assert (await a.run(plan)).exit_code == 0
