"""Persons that the server deleted although the request keeps them are reported as such (guarantees 11 and 24)."""

import asyncio
import shutil
from typing import Any
from uuid import UUID

import anyio
import msgspec
import pytest
from changed_responses import after, rewrite, without
from virtual_time import run_virtual

from asyncclient import BulkDeleteSummary
from asyncclient.testing import Fault
from bulk import BreakerOpened, DeleteEvents, DeletePersons, DeleteRecordings, NotFinished, verify_job
from bulk.errors import KeptPersonsDeleted
from bulk.journal.records import AttemptEnded, PersonsKept
from bulk.posthog.person_reader import CONFIRM_AFTER_S

ERASURE = DeletePersons(delete_events=True)
LATENCY_S = 0.2
AT_ONCE_S = 0.01
"""Requests and responses that are no further apart cross each other."""
OPERATIONS = pytest.mark.parametrize("operation", [DeleteEvents(), DeleteRecordings(), ERASURE])


def failures(report: Any) -> list[tuple[str, str, str, int]]:
    return [(each.axis, each.state, each.reason, each.count) for each in report.failures]


async def test_a_summary_without_persons_found_is_not_a_success(arena: Any, axis: Any) -> None:
    """Reading back shows what such a request did."""
    async with arena(persons=5) as a:
        plan = await a.plan(operation=DeletePersons())
        rewrite(a.server, lambda action, _: {"persons_deleted": 5} if action == "bulk_delete" else None)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (0, {"found_deleted": 5})


async def test_persons_deleted_instead_of_kept_are_not_reported_as_already_deleted(arena: Any, axis: Any) -> None:
    async with arena(persons=3, keep_person=False) as a:
        plan = await a.plan(operation=DeleteEvents())
        with pytest.raises(BreakerOpened, match="deleted_instead_of_kept"):
            await a.run(plan)
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_unexpectedly": 3}
        assert failures(report)[0] == ("person", "deleted_unexpectedly", "deleted_instead_of_kept", 3)
        assert report.exit_code == 1


@pytest.mark.parametrize(
    ("operation", "deleted"),
    [
        (DeleteEvents(), "deleted_unexpectedly"),
        (DeleteRecordings(), "deleted_unexpectedly"),
        (DeletePersons(delete_events=True), "found_deleted"),
    ],
)
async def test_verify_shows_which_persons_a_call_deleted_instead_of_keeping(
    arena: Any, axis: Any, operation: Any, deleted: str
) -> None:
    async with arena(persons=30, keep_person=False) as a:
        plan = await a.plan(operation=operation)
        with pytest.raises(BreakerOpened, match="`verify` shows which persons are left"):
            await a.run(plan)
        report = await verify_job(a.client, plan, a.journal)
        kept = "not_started" if operation == DeletePersons(delete_events=True) else "not_requested"
        assert axis(report, "person") == {deleted: 25, kept: 5}
        assert len(a.left()) == 5


async def test_a_person_that_is_read_again_is_not_reported_as_deleted_instead_of_kept(arena: Any, axis: Any) -> None:
    """Two reads left the persons out after the server said that it deleted them; both were wrong about one."""
    async with arena(persons=3, keep_person=False) as a:
        plan = await a.plan(operation=DeleteEvents())
        first = a.server.world.person(a.everybody[0])
        with pytest.raises(BreakerOpened, match="deleted_instead_of_kept"):
            await a.run(plan)
        assert axis(await a.run(plan), "person") == {"deleted_unexpectedly": 3}
        a.server.world.add_person(
            list(first.distinct_ids), dict(first.properties), created_at=first.created_at, uuid=first.uuid
        )
        report = await verify_job(a.client, plan, a.journal)
        assert axis(report, "person") == {"not_requested": 1, "deleted_unexpectedly": 2}
        assert axis(report, "events") == {"queued": 3}


@pytest.mark.parametrize("operation", [DeleteEvents(), DeletePersons(delete_events=True)])
async def test_after_kept_persons_were_deleted_no_later_run_sends_such_a_request(arena: Any, operation: Any) -> None:
    async with arena(persons=60, keep_person=False) as a:
        plan = await a.plan(operation=operation)
        for _ in range(3):
            with pytest.raises(BreakerOpened, match="keep"):
                await a.run(plan)
        assert len(a.left()) == 35
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, report.duty.causes[0].kind) == (1, "not_finished")


def test_an_empty_summary_is_that_of_the_oldest_era() -> None:
    assert BulkDeleteSummary().is_empty
    assert not any(
        msgspec.convert({name: 1}, BulkDeleteSummary).is_empty for name in ("persons_deleted", "persons_found")
    )


@pytest.mark.parametrize("operation", [DeleteEvents(), DeleteRecordings()])
async def test_the_test_batch_detects_that_a_request_without_response_deleted_kept_persons(
    arena: Any, operation: Any
) -> None:
    async with arena(persons=60, keep_person=False) as a:
        plan = await a.plan(operation=operation)
        a.server.faults.add(Fault(kind="page", action="bulk_delete", when="after"))
        with pytest.raises(BreakerOpened, match="test batch: 25 of 25 persons disappeared"):
            await a.run(plan)
        assert len(a.left()) == 35


def empty_response(**options: Any) -> Fault:
    """Return the fault that a request with `keep_person` is carried out, and its response has no body."""
    return Fault(kind="page", page="empty", action="bulk_delete", when="after", **options)


def delete_kept_persons(a: Any, *, of_request: int, persons: int | None = None) -> None:
    """Let the server respond without a body to one `bulk_delete`, and delete the persons that it was to keep.

    Arguments:
        of_request: which `bulk_delete` of the job, from 1.
        persons: how many of its persons are deleted; None for all.
    """
    count = 0

    def delete() -> None:
        nonlocal count
        count += 1
        if count == of_request:
            for uuid in a.sent()[-1].body["ids"][:persons]:
                a.server.world.remove_person(UUID(uuid))

    after(a.server, "bulk_delete", delete, times=of_request)
    a.server.faults.add(empty_response(times=1, after=of_request - 1))


def sent_keeping(a: Any) -> list[Any]:
    """Return the requests that told the server to keep persons."""
    return [request for request in a.sent() if request.body and request.body.get("keep_person")]


@pytest.mark.parametrize("arrives", ["after", "before"])
@pytest.mark.parametrize("skipped", [0, 2])
@OPERATIONS
async def test_one_empty_response_does_not_end_a_job_whose_persons_are_all_there(
    arena: Any, axis: Any, operation: Any, skipped: int, arrives: Any
) -> None:
    """Whether the empty response came from the server or from a proxy that did not pass the request on."""
    async with arena(persons=60) as a:
        plan = await a.plan(operation=operation)
        a.server.faults.add(msgspec.structs.replace(empty_response(times=1, after=skipped), when=arrives))
        report = await a.run(plan, batch_size=10, concurrency=3)
        assert (report.exit_code, [each.error for each in a.of(AttemptEnded) if each.error]) == (0, ["no_summary"])
        assert len(a.of(PersonsKept)) == 1
        if operation is ERASURE:
            assert (axis(report, "events"), a.left(), a.server.world.events_orphaned()) == ({"queued": 60}, [], set())
        else:
            name, done = ("events", "queued") if operation == DeleteEvents() else ("recordings", "requested")
            assert (axis(report, name), len(a.left())) == ({done: 60}, 60)


@OPERATIONS
def test_after_an_empty_response_nothing_is_sent_until_its_persons_were_read_some_seconds_later(
    virtual: Any, operation: Any
) -> None:
    async def main() -> None:
        async with virtual(persons=200, latency_s=LATENCY_S) as a:
            plan = await a.plan(operation=operation)
            a.server.faults.add(empty_response(times=1, after=3))
            await a.run(plan, batch_size=10, concurrency=4)
            (empty,) = (each for each in a.server.requests if each.fault == "page")
            responded_at = empty.at + LATENCY_S
            first = next(each for each in a.sent() if each.at > responded_at + AT_ONCE_S)
            reads = [each for each in a.server.requests if each.action == "batch_by_uuids" and each.at < first.at]
            late = [each.body["uuids"] for each in reads if each.at >= responded_at + CONFIRM_AFTER_S]
            assert {*empty.body["ids"]} <= {uuid for uuids in late for uuid in uuids}

    run_virtual(main())


@pytest.mark.parametrize("gone", [None, 1])
@pytest.mark.parametrize("request_number", [1, 3])
@OPERATIONS
async def test_an_empty_response_after_which_a_person_is_gone_ends_the_job_for_good(
    arena: Any, operation: Any, request_number: int, gone: int | None
) -> None:
    async with arena(persons=200) as a:
        plan = await a.plan(operation=operation)
        delete_kept_persons(a, of_request=request_number, persons=gone)
        with pytest.raises(KeptPersonsDeleted, match=f"{gone or 10} of 10 persons disappeared after an empty response"):
            await a.run(plan, batch_size=10, concurrency=1)
        sent = len(a.sent())
        assert len(a.left()) == 200 - (gone or 10) - (request_number > 1 and operation is ERASURE) * 10
        for _ in range(2):
            with pytest.raises(KeptPersonsDeleted, match="disappeared after an empty response"):
                await a.run(plan, batch_size=10)
        assert len(a.sent()) == sent


async def test_a_person_that_one_read_leaves_out_after_an_empty_response_is_no_deleted_person(arena: Any) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=DeleteEvents())
        left_out = [False]

        def leave_out_once(action: str, body: Any) -> Any:
            changed = None
            if a.sent() and not left_out[0]:
                changed = without(a.everybody[0])(action, body)
                left_out[0] = changed is not None
            return changed

        rewrite(a.server, leave_out_once)
        a.server.faults.add(empty_response(times=1))
        assert (await a.run(plan)).exit_code == 0
        assert left_out == [True]


async def test_persons_that_cannot_be_read_after_an_empty_response_end_the_run_but_not_the_job(arena: Any) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan(operation=DeleteEvents())
        unreadable = Fault("garbage", action="batch_by_uuids")
        after(a.server, "bulk_delete", lambda: a.server.faults.add(unreadable))
        a.server.faults.add(empty_response(times=1))
        with pytest.raises(NotFinished, match="25 of 25 persons could not be read"):
            await a.run(plan)
        assert len(a.sent()) == 1
        a.server.faults.clear()
        assert (await a.run(plan)).exit_code == 0


@pytest.mark.parametrize("deletes", [False, True])
@OPERATIONS
def test_a_job_that_is_killed_after_an_empty_response_reads_before_it_sends(
    virtual: Any, axis: Any, operation: Any, deletes: bool
) -> None:
    """The journal is copied while the run waits to read, as a kill would leave it; no other batch is left then."""

    async def main() -> None:
        async with virtual(persons=30) as a:
            plan = await a.plan(operation=operation)
            delete_kept_persons(a, of_request=3, persons=None if deletes else 0)
            third = anyio.Event()
            after(a.server, "bulk_delete", lambda: third.set() if len(a.sent()) == 3 else None, times=3)
            killed = a.folder / "killed.journal.jsonl"

            async def run() -> None:
                await a.run(plan, batch_size=10, concurrency=1)

            async with anyio.create_task_group() as group:
                group.start_soon(run)
                await third.wait()
                await asyncio.sleep(1)
                shutil.copyfile(a.journal, killed)
                killed.chmod(0o600)
                group.cancel_scope.cancel()
            sent = len(a.sent())
            a.journal.unlink()
            killed.rename(a.journal)
            assert [each.error for each in a.of(AttemptEnded)][-1] == "no_summary"
            assert a.of(PersonsKept) == []
            if deletes:
                with pytest.raises(KeptPersonsDeleted):
                    await a.run(plan)
                assert len(a.sent()) == sent
            else:
                before = len(a.server.requests)
                assert (await a.run(plan)).exit_code == 0
                resumed = a.server.requests[before:]
                actions = [each.action for each in resumed]
                read = actions.index("batch_by_uuids")
                assert {*a.sent()[sent - 1].body["ids"]} <= {*resumed[read].body["uuids"]}
                assert "bulk_delete" not in actions[:read]
                assert [each.attempts for each in a.of(PersonsKept)] == [(2,)]

    run_virtual(main())


@OPERATIONS
async def test_a_server_that_never_sends_a_summary_ends_the_run_as_not_finished(
    arena: Any, axis: Any, operation: Any
) -> None:
    async with arena(persons=90) as a:
        plan = await a.plan(operation=operation)
        a.server.faults.add(empty_response())
        with pytest.raises(NotFinished, match="3 requests that keep persons got an empty response"):
            await a.run(plan, batch_size=10, concurrency=1)
        assert len(sent_keeping(a)) == 3
        a.server.faults.clear()
        assert (await a.run(plan, batch_size=10)).exit_code == 0


def test_requests_that_are_waiting_for_the_rate_limit_leave_only_after_the_read(virtual: Any) -> None:
    """Of four requests at once, the first is rate limited for 3 s, and the last gets the empty response."""

    async def main() -> None:
        async with virtual(persons=200, latency_s=LATENCY_S) as a:
            plan = await a.plan(operation=DeleteEvents())
            limited = Fault(kind="status", status=429, action="bulk_delete", after=1, times=1, retry_after="3")
            a.server.faults.add(limited)
            a.server.faults.add(empty_response(times=1, after=3))
            assert (await a.run(plan, batch_size=10, concurrency=4)).exit_code == 0
            (empty,) = (each for each in a.server.requests if each.fault == "page")
            responded_at = empty.at + LATENCY_S
            until = responded_at + CONFIRM_AFTER_S
            assert not [each for each in a.sent() if responded_at + AT_ONCE_S < each.at < until]

    run_virtual(main())


def test_requests_in_flight_that_get_an_empty_response_as_well_are_read_before_anything_is_sent(
    virtual: Any, axis: Any
) -> None:
    async def main() -> None:
        async with virtual(persons=200, latency_s=LATENCY_S) as a:
            plan = await a.plan(operation=DeleteEvents())
            a.server.faults.add(empty_response(times=2, after=2))
            assert (await a.run(plan, batch_size=10, concurrency=4)).exit_code == 0
            empty = [each for each in a.server.requests if each.fault == "page"]
            responded_at = empty[-1].at + LATENCY_S
            assert empty[-1].at - empty[0].at < AT_ONCE_S
            until = responded_at + CONFIRM_AFTER_S
            assert not [each for each in a.sent() if responded_at + AT_ONCE_S < each.at < until]
            assert sorted(n for each in a.of(PersonsKept) for n in each.attempts) == [2, 3]

    run_virtual(main())
