"""What is true of a person is what was read of it: an answer that leaves somebody out proves nothing (promise 11)."""

from typing import Any

import msgspec
import pytest
from answers import Body, after, rewrite, without

from asyncclient import BulkDeleteSummary
from asyncclient.testing import Fault
from bulk import (
    BreakerOpened,
    ByDistinctIds,
    ByPersonIds,
    DeleteEvents,
    DeletePersons,
    DeleteRecordings,
    NotFinished,
    UnsetProperties,
    UpdateProperties,
    verify_job,
)

BATCH_READS = ("batch_by_uuids", "batch_by_distinct_ids")


def failures(report: Any) -> list[tuple[str, str, str, int]]:
    return [(each.axis, each.state, each.reason, each.count) for each in report.failures]


@pytest.mark.parametrize("read", [1, 2, 3])
@pytest.mark.parametrize("route", ["rest", "capture"])
@pytest.mark.parametrize("kind", ["unset", "update"])
async def test_one_read_that_leaves_everybody_out_is_no_reason_to_call_anybody_done(
    arena: Any, axis: Any, kind: str, route: str, read: int
) -> None:
    operation: Any = (
        UnsetProperties(("plan",), route=route)
        if kind == "unset"
        else UpdateProperties({"plan": "x", "seats": 3}, route=route)
    )
    async with arena(persons=30) as a:
        plan = await a.plan(operation=operation)
        seen = [0]

        def lagging(action: str, body: Body) -> Body | None:
            seen[0] += action == "batch_by_uuids"
            return {"results": {}} if action == "batch_by_uuids" and seen[0] == read else None

        rewrite(a.server, lagging)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "properties")) == (0, {"done": 30})
        everybody = a.properties().values()
        assert all("plan" not in each if kind == "unset" else each["seats"] == 3 for each in everybody)


@pytest.mark.parametrize("operation", [UnsetProperties(("plan",), route="rest"), UpdateProperties({"a": 1})])
async def test_properties_that_are_in_no_answer_are_unread_and_nothing_is_sent(
    arena: Any, axis: Any, operation: Any
) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=operation)

        def bare(action: str, body: Body) -> Body | None:
            if action not in BATCH_READS:
                return None
            for each in body["results"].values():
                del each["properties"]
            return body

        rewrite(a.server, bare)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "properties")) == (75, {"untouched": 3})
        assert failures(report) == [("properties", "untouched", "unread_invalid", 3)]
        assert a.sent() == []


async def test_who_was_left_out_of_a_pair_of_reads_is_found_by_verify_and_taken_up_by_the_next_run(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=DeleteEvents())
        hidden = [a.everybody[0]]
        rewrite(a.server, lambda action, body: without(*hidden)(action, body))
        report = await a.run(plan)
        assert axis(report, "person") == {"not_asked": 2, "vanished": 1}
        assert axis(report, "events") == {"queued": 2, "missed": 1}
        hidden.clear()
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 75
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "events")) == (0, {"queued": 3})


async def test_who_was_gone_before_and_is_there_at_verify_is_deleted_with_its_events_by_the_next_run(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan()
        hidden = [a.everybody[0]]
        rewrite(a.server, lambda action, body: without(*hidden)(action, body))
        report = await a.run(plan)
        assert axis(report, "person") == {"gone": 2, "gone_before": 1}
        hidden.clear()
        report = await verify_job(a.client, plan, a.journal)
        assert axis(report, "events") == {"queued": 2, "untouched": 1}
        report = await a.run(plan)
        assert (report.exit_code, a.left()) == (0, [])
        assert axis(report, "events") == {"queued": 3}


async def test_a_404_of_a_batch_read_makes_nobody_gone(arena: Any, axis: Any) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan()
        detail = {"type": "invalid_request", "code": "not_found", "detail": "Not found.", "attr": None}
        asked = {*BATCH_READS, "retrieve"}
        rewrite(a.server, lambda action, _: detail if action in asked else None, status=404)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (75, {"untouched": 30})
        assert failures(report) == [("person", "untouched", "unread_unclear", 30)]
        assert a.sent() == []


@pytest.mark.parametrize("operation", [DeletePersons(), DeletePersons(delete_events=True)])
async def test_one_person_that_cannot_be_read_is_named_and_all_others_are_done(
    arena: Any, axis: Any, operation: Any
) -> None:
    async with arena(persons=600) as a:
        plan = await a.plan(operation=operation)
        poison = str(a.everybody[100])
        broken = [True]

        def unreadable(action: str, body: Body) -> Body | None:
            if not (broken and action == "batch_by_uuids" and poison in body["results"]):
                return None
            return {"results": {**body["results"], poison: {**body["results"][poison], "created_at": None}}}

        rewrite(a.server, unreadable)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (75, {"untouched": 1, "gone": 599})
        assert failures(report)[0] == ("person", "untouched", "unread_invalid", 1)
        broken.clear()
        assert (await a.run(plan)).exit_code == 0
        assert a.left() == []


async def test_verify_that_cannot_read_somebody_is_not_finished(arena: Any, axis: Any) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=DeletePersons())
        await a.run(plan)
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 0
        a.server.faults.add(Fault("status", status=503, action="batch_by_uuids"))
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, axis(report, "person")) == (75, {"gone": 3})


async def test_who_survives_a_deletion_and_is_then_merged_is_not_called_gone(arena: Any, axis: Any) -> None:
    async with arena(persons=3) as a:
        ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody]
        plan = await a.plan(operation=DeletePersons(), selection=ByDistinctIds(ids))
        a.server.faults.add(Fault("status", status=503, action="bulk_delete", times=1))
        other = a.server.world.add_person(["somebody"], {})
        first = plan.targets(0, 1)[0].uuid
        # right after the read that found it there
        after(
            a.server,
            "bulk_delete",
            lambda: after(a.server, "batch_by_uuids", lambda: a.server.world.merge(other, first)),
        )
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (1, {"gone": 2, "merged": 1})
        assert a.server.world.person(other) is not None


async def test_a_query_that_does_not_name_a_merged_person_does_not_make_it_done(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.verification.query_verifier.WORTH_FROM", 50)
    async with arena(persons=120) as a:
        for uuid in a.everybody:
            a.server.world.set_properties(uuid, {"secret": 1})
        chosen = ByPersonIds(a.everybody[:100])
        plan = await a.plan(operation=UnsetProperties(("secret",), route="capture"), selection=chosen)
        after(a.server, "query", lambda: a.server.world.merge(a.everybody[110], a.everybody[90]))
        report = await a.run(plan, wait_s=2.0)
        assert report.exit_code == 1
        assert axis(report, "properties") == {"done": 99, "missed": 1}
        assert a.server.world.person(a.everybody[110]).properties["secret"] == 1


async def test_a_summary_without_persons_found_is_no_success(arena: Any, axis: Any) -> None:
    """What such a body means is found out by reading."""
    async with arena(persons=5) as a:
        plan = await a.plan(operation=DeletePersons())
        rewrite(a.server, lambda action, _: {"persons_deleted": 5} if action == "bulk_delete" else None)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (0, {"gone_settled": 5})


async def test_persons_that_a_call_deleted_instead_of_keeping_are_not_called_gone_before(arena: Any, axis: Any) -> None:
    async with arena(persons=3, keep_person=False) as a:
        plan = await a.plan(operation=DeleteEvents())
        with pytest.raises(BreakerOpened, match="deleted_instead_of_kept"):
            await a.run(plan)
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_unasked": 3}
        assert failures(report)[0] == ("person", "deleted_unasked", "deleted_instead_of_kept", 3)
        assert report.exit_code == 1


@pytest.mark.parametrize("operation", [DeleteEvents(), DeletePersons(delete_events=True)])
async def test_after_kept_persons_were_deleted_no_later_run_makes_such_a_call(arena: Any, operation: Any) -> None:
    async with arena(persons=60, keep_person=False) as a:
        plan = await a.plan(operation=operation)
        for _ in range(3):
            with pytest.raises(BreakerOpened, match="keep"):
                await a.run(plan)
        assert len(a.left()) == 35
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 75


def test_a_summary_that_says_nothing_is_the_oldest_eras() -> None:
    assert BulkDeleteSummary().is_empty
    assert not any(
        msgspec.convert({name: 1}, BulkDeleteSummary).is_empty for name in ("persons_deleted", "persons_found")
    )


async def test_who_is_still_there_after_an_accepted_deletion_and_is_then_merged_is_not_called_gone(
    arena: Any, axis: Any
) -> None:
    """A queued deletion finds nobody any more when its turn comes."""
    async with arena(persons=3, era="queued", queued_delay_s=3600.0) as a:
        ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody]
        plan = await a.plan(operation=DeletePersons(), selection=ByDistinctIds(ids))
        with pytest.raises(NotFinished):
            await a.run(plan, wait_s=0.0)
        other = a.server.world.add_person(["somebody"], {})
        a.server.world.merge(other, plan.targets(0, 1)[0].uuid)
        a.server.settle()
        report = await a.run(plan, wait_s=0.0)
        assert (report.exit_code, axis(report, "person")) == (1, {"gone": 2, "merged": 1})


async def test_a_single_read_that_is_answered_with_another_person_says_nothing(arena: Any, axis: Any) -> None:
    async with arena(persons=4, batch_reads=False) as a:
        first, other = a.everybody[0], a.everybody[3]
        plan = await a.plan(a.everybody[:3], DeletePersons())
        mixed_up = True

        def cached(action: str, body: Body) -> Body | None:
            return {**body, "uuid": str(other)} if mixed_up and body.get("uuid") == str(first) else None

        rewrite(a.server, cached)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (75, {"gone": 2, "untouched": 1})
        assert failures(report) == [("person", "untouched", "unread_invalid", 1)]
        mixed_up = False
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (0, {"gone": 3})
        assert a.left() == [other]


@pytest.mark.parametrize("operation", [DeleteEvents(), DeleteRecordings()])
async def test_the_canary_sees_that_a_call_without_an_answer_deletes_whom_it_was_to_keep(
    arena: Any, operation: Any
) -> None:
    async with arena(persons=60, keep_person=False) as a:
        plan = await a.plan(operation=operation)
        a.server.faults.add(Fault(kind="page", action="bulk_delete", when="after"))
        with pytest.raises(BreakerOpened, match="canary: 25 of 25 persons vanished"):
            await a.run(plan)
        assert len(a.left()) == 35
