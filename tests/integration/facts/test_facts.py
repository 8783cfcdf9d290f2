"""Only a read of a person proves its state; a response that leaves it out proves nothing (guarantee 11)."""

from typing import Any

import msgspec
import pytest
from changed_responses import Body, after, rewrite, without

from asyncclient.testing import Fault
from bulk import (
    ByDistinctIds,
    ByFilter,
    ByPersonIds,
    DeleteEvents,
    DeletePersons,
    NotFinished,
    UnsetProperties,
    UpdateProperties,
    verify_job,
)
from bulk.report.load import read_report

BATCH_READS = ("batch_by_uuids", "batch_by_distinct_ids")


def failures(report: Any) -> list[tuple[str, str, str, int]]:
    return [(each.axis, each.state, each.reason, each.count) for each in report.failures]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("read", [1, 2, 3])
@pytest.mark.parametrize("route", ["rest", "capture"])
@pytest.mark.parametrize("kind", ["unset", "update"])
async def test_one_read_that_leaves_out_every_person_makes_no_target_done(
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
        assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 30})
        everybody = a.properties().values()
        assert all("plan" not in each if kind == "unset" else each["seats"] == 3 for each in everybody)


@pytest.mark.parametrize("operation", [UnsetProperties(("plan",), route="rest"), UpdateProperties({"a": 1})])
async def test_persons_without_properties_in_the_response_are_unread_and_get_no_request(
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
        assert (report.exit_code, axis(report, "properties")) == (75, {"not_started": 3})
        assert failures(report) == [("properties", "not_started", "unread_invalid_response", 3)]
        assert a.sent() == []


async def test_a_person_left_out_of_two_reads_is_found_by_verify_and_sent_by_the_next_run(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=DeleteEvents())
        hidden = [a.everybody[0]]
        rewrite(a.server, lambda action, body: without(*hidden)(action, body))
        report = await a.run(plan)
        assert axis(report, "person") == {"not_requested": 2, "disappeared": 1}
        assert axis(report, "events") == {"queued": 2, "too_late": 1}
        hidden.clear()
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, [(each.kind, each.targets) for each in report.duty.causes]) == (
            1,
            [("not_finished", "0")],
        )
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "events")) == (0, {"queued": 3})


async def test_an_already_deleted_person_that_verify_finds_is_deleted_with_its_events_by_the_next_run(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan()
        hidden = [a.everybody[0]]
        rewrite(a.server, lambda action, body: without(*hidden)(action, body))
        report = await a.run(plan)
        assert axis(report, "person") == {"deleted_confirmed": 2, "already_deleted": 1}
        hidden.clear()
        report = await verify_job(a.client, plan, a.journal)
        assert axis(report, "events") == {"queued": 2, "not_started": 1}
        report = await a.run(plan)
        assert (report.exit_code, a.left()) == (0, [])
        assert axis(report, "events") == {"queued": 3}


async def test_a_404_to_a_batch_read_makes_no_person_deleted(arena: Any, axis: Any) -> None:
    async with arena(persons=30) as a:
        plan = await a.plan()
        detail = {"type": "invalid_request", "code": "not_found", "detail": "Not found.", "attr": None}
        reads = {*BATCH_READS, "retrieve"}
        rewrite(a.server, lambda action, _: detail if action in reads else None, status=404)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (75, {"not_started": 30})
        assert failures(report) == [("person", "not_started", "unread_ambiguous_404", 30)]
        assert a.sent() == []


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("operation", [DeletePersons(), DeletePersons(delete_events=True)])
async def test_one_person_that_cannot_be_read_is_reported_and_all_others_are_done(
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
        assert (report.exit_code, axis(report, "person")) == (75, {"not_started": 1, "deleted_confirmed": 599})
        assert failures(report)[0] == ("person", "not_started", "unread_invalid_response", 1)
        broken.clear()
        assert (await a.run(plan)).exit_code == 0
        assert a.left() == []


async def test_verify_that_cannot_read_a_person_is_not_finished(arena: Any, axis: Any) -> None:
    async with arena(persons=3) as a:
        plan = await a.plan(operation=DeletePersons())
        await a.run(plan)
        assert (await verify_job(a.client, plan, a.journal)).exit_code == 0
        a.server.faults.add(Fault("status", status=503, action="batch_by_distinct_ids"))
        report = await verify_job(a.client, plan, a.journal)
        assert (report.exit_code, axis(report, "person")) == (75, {"deleted_confirmed": 3})
        assert report.duty.waiting_for == ("a read of 3 persons that the last verification could not read",)
        assert read_report(a.journal) == msgspec.structs.replace(report, plan=None)


async def test_a_person_that_stays_after_a_failed_deletion_and_is_then_merged_is_not_reported_deleted(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=3) as a:
        ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody]
        plan = await a.plan(operation=DeletePersons(), selection=ByDistinctIds(ids))
        a.server.faults.add(Fault("status", status=503, action="bulk_delete", times=1))
        other = a.server.world.add_person(["somebody"], {})
        first = plan.targets(0, 1)[0].uuid
        # right after the read that found the person
        after(
            a.server,
            "bulk_delete",
            lambda: after(a.server, "batch_by_uuids", lambda: a.server.world.merge(other, first)),
        )
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (1, {"deleted_confirmed": 2, "merged": 1})
        assert a.server.world.person(other) is not None


async def test_a_query_without_a_merged_person_does_not_make_it_done(
    arena: Any, axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.verification.query_verifier.MIN_PERSONS", 50)
    async with arena(persons=120) as a:
        for uuid in a.everybody:
            a.server.world.set_properties(uuid, {"secret": 1})
        chosen = ByPersonIds(a.everybody[:100])
        plan = await a.plan(operation=UnsetProperties(("secret",), route="capture"), selection=chosen)
        after(a.server, "query", lambda: a.server.world.merge(a.everybody[110], a.everybody[90]))
        report = await a.run(plan, wait_s=30.0)
        assert report.exit_code == 1
        assert axis(report, "properties") == {"changed_confirmed": 99, "too_late": 1}
        assert a.server.world.person(a.everybody[110]).properties["secret"] == 1


async def test_a_person_that_stays_after_an_accepted_deletion_and_is_then_merged_is_not_reported_deleted(
    arena: Any, axis: Any
) -> None:
    """When the queued deletion runs, the person no longer exists."""
    async with arena(persons=3, era="queued", queued_delay_s=3600.0) as a:
        ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody]
        plan = await a.plan(operation=DeletePersons(), selection=ByDistinctIds(ids))
        with pytest.raises(NotFinished):
            await a.run(plan, wait_s=0.0)
        other = a.server.world.add_person(["somebody"], {})
        a.server.world.merge(other, plan.targets(0, 1)[0].uuid)
        a.server.settle()
        report = await a.run(plan, wait_s=0.0)
        assert (report.exit_code, axis(report, "person")) == (1, {"deleted_confirmed": 2, "merged": 1})


async def test_a_single_read_that_returns_another_person_proves_nothing(arena: Any, axis: Any) -> None:
    async with arena(persons=4, batch_reads=False) as a:
        first, other = a.everybody[0], a.everybody[3]
        plan = await a.plan(a.everybody[:3], DeletePersons())
        mixed_up = True

        def cached(action: str, body: Body) -> Body | None:
            return {**body, "uuid": str(other)} if mixed_up and body.get("uuid") == str(first) else None

        rewrite(a.server, cached)
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (75, {"deleted_confirmed": 2, "not_started": 1})
        assert failures(report) == [("person", "not_started", "unread_invalid_response", 1)]
        mixed_up = False
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "person")) == (0, {"deleted_confirmed": 3})
        assert a.left() == [other]


async def test_a_person_that_only_an_unreadable_response_showed_and_that_is_then_merged_is_not_reported_deleted(
    arena: Any, axis: Any
) -> None:
    """Another person's record is malformed, and the merge comes before the halves of that batch are read."""
    async with arena(persons=3, era="queued", queued_delay_s=3600.0) as a:
        ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody]
        plan = await a.plan(operation=DeletePersons(), selection=ByDistinctIds(ids))
        other = a.server.world.add_person(["somebody"], {})
        first, second, _ = (target.uuid for target in plan.iter())
        deleted = spoilt = False

        def merge_and_delete() -> None:
            a.server.world.merge(other, first)
            a.server.settle()

        def malformed(action: str, body: Body) -> Body | None:
            nonlocal deleted, spoilt
            deleted = deleted or action == "bulk_delete"
            if action != "batch_by_uuids" or not deleted or spoilt:
                return None
            spoilt = True
            assert str(first) in body["results"]
            del body["results"][str(second)]["created_at"]
            merge_and_delete()
            return body

        rewrite(a.server, malformed)
        report = await a.run(plan, wait_s=0.0)
        assert spoilt
        assert (report.exit_code, axis(report, "person")) == (1, {"deleted_confirmed": 2, "merged": 1})


@pytest.mark.parametrize("orphan_rows", ["dropped", "shown"])
async def test_a_row_of_the_listing_does_not_prove_that_the_store_has_the_person(
    arena: Any, axis: Any, orphan_rows: str
) -> None:
    """Contract 6.1 and 8 differ on whether the listing shows such rows: an event for one creates the person again."""
    async with arena(persons=30, list_lag_s=3600.0, orphan_rows=orphan_rows) as a:
        deleted, kept = a.everybody[:10], a.everybody[10:]
        for uuid in deleted:
            a.server.world.remove_person(uuid)
        operation = UpdateProperties({"plan": "x"}, route="capture")
        plan = await a.plan(operation=operation, selection=ByFilter(everyone=True))
        assert plan.count == len(a.everybody if orphan_rows == "shown" else kept)
        report = await a.run(plan)
        lost = {"too_late": len(deleted)} if orphan_rows == "shown" else {}
        assert axis(report, "properties") == {"changed_confirmed": len(kept)} | lost
        assert list(a.server.world.iter_uuids()) == kept
        assert set(a.addressed()) == set(kept)
