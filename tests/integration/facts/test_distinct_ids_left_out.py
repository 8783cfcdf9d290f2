"""A response whose list of distinct IDs is empty, or not complete, proves nothing: a second read decides."""

from typing import Any

import pytest
from anyio import current_time
from changed_responses import Body, rewrite
from virtual_time import run_virtual

from bulk import (
    ByFilter,
    ByPersonIds,
    DeletePersons,
    DeleteRecordings,
    UnsetProperties,
    UpdateProperties,
    make_plan,
    verify_job,
)
from bulk.posthog.person_reader import CONFIRM_AFTER_S

OPERATIONS = {
    "unset by REST": UnsetProperties(("plan",), route="rest"),
    "unset by capture": UnsetProperties(("plan",), route="capture"),
    "update by REST": UpdateProperties({"plan": "new"}, route="rest"),
    "update by capture": UpdateProperties({"plan": "new"}, route="capture"),
    "update once": UpdateProperties({"seen": True}, once=True),
}


def without_distinct_ids(a: Any, reads: set[int], hidden: set[str]) -> None:
    """Let these responses to batch reads, by number, show no distinct ID of persons."""
    seen = 0

    def change(action: str, body: Body) -> Body | None:
        nonlocal seen
        seen += action == "batch_by_uuids"
        if action != "batch_by_uuids" or seen not in reads:
            return None
        for row in body["results"].values():
            row["distinct_ids"] = [] if row["uuid"] in hidden else row["distinct_ids"]
        return body

    rewrite(a.server, change)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("read", [2, 3])
@pytest.mark.parametrize("hidden", [1, 4])
def test_a_person_whose_distinct_ids_one_response_leaves_out_is_changed(
    virtual: Any, axis: Any, hidden: int, read: int, operation: str
) -> None:
    async def main() -> None:
        async with virtual(persons=4) as a:
            without_distinct_ids(a, {read}, {str(uuid) for uuid in a.everybody[:hidden]})
            report = await a.run(await a.plan(operation=OPERATIONS[operation]))
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 4})

    run_virtual(main())


def test_a_person_that_two_reads_show_without_a_distinct_id_fails_with_a_clear_reason(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=4) as a:
            without_distinct_ids(a, {*range(2, 100)}, {str(a.everybody[2])})
            report = await a.run(await a.plan(operation=OPERATIONS["update by capture"]))
            assert (report.exit_code, axis(report, "properties")) == (1, {"changed_confirmed": 3, "failed": 1})
            assert [(each.reason, each.targets) for each in report.failures] == [("no_distinct_id", "2")]

    run_virtual(main())


READS = ("batch_by_uuids", "list")


def hide_once(a: Any, action: str, hidden: set[str], *, keep: int = 0) -> list[bool]:
    """Let the next response to a read that shows one of these persons show only so many of its distinct IDs."""
    due = [True]

    def change(asked: str, body: Body) -> Body | None:
        rows = body["results"].values() if isinstance(body.get("results"), dict) else body.get("results", ())
        found = [row for row in rows if isinstance(row, dict) and row.get("uuid") in hidden]
        if asked != action or not due or not found:
            return None
        due.clear()
        for row in found:
            row["distinct_ids"] = row["distinct_ids"][:keep]
        return body

    rewrite(a.server, change)
    return due


@pytest.mark.parametrize("action", READS)
async def test_recordings_are_verified_although_one_response_showed_no_distinct_id(
    arena: Any, axis: Any, action: str
) -> None:
    async with arena(persons=3) as a:
        for number, uuid in enumerate(a.everybody):
            a.server.world.add_recording(f"s{number}", [a.server.world.person(uuid).distinct_ids[-1]])
        due = hide_once(a, action, {str(uuid) for uuid in a.everybody[:2]})
        selection = ByPersonIds(a.everybody) if action == "batch_by_uuids" else ByFilter(everyone=True)
        plan = await a.plan(operation=DeleteRecordings(), selection=selection)
        assert due == []
        await a.run(plan)
        assert axis(await verify_job(a.client, plan, a.journal), "recordings") == {"deleted": 3}


@pytest.mark.parametrize("keep", [0, 3], ids=["none", "fewer than before"])
async def test_recordings_are_verified_although_one_response_showed_not_all_of_many_distinct_ids(
    arena: Any, axis: Any, keep: int
) -> None:
    async with arena(persons=1) as a:
        many = a.server.world.add_person([f"many-{number}" for number in range(12)])
        a.server.world.add_recording("last", ["many-11"])
        due = hide_once(a, "list", {str(many)}, keep=keep)
        plan = await a.plan([many], operation=DeleteRecordings())
        assert due == []
        await a.run(plan)
        assert axis(await verify_job(a.client, plan, a.journal), "recordings") == {"deleted": 1}


@pytest.mark.parametrize("action", READS)
async def test_a_merged_person_is_found_although_one_response_showed_no_distinct_id(
    arena: Any, axis: Any, action: str
) -> None:
    async with arena(persons=3) as a:
        due = hide_once(a, action, {str(a.everybody[0])})
        selection = ByPersonIds(a.everybody) if action == "batch_by_uuids" else ByFilter(everyone=True)
        plan = await a.plan(operation=DeletePersons(), selection=selection)
        assert due == []
        a.server.world.merge(a.server.world.add_person(["other"]), a.everybody[0])
        assert axis(await a.run(plan), "person") == {"deleted_confirmed": 2, "merged": 1}


async def test_a_person_that_two_reads_show_without_a_distinct_id_is_planned_and_not_noted(
    arena: Any, axis: Any
) -> None:
    async with arena(persons=2) as a:

        def change(action: str, body: Body) -> Body | None:
            if action != "batch_by_uuids":
                return None
            body["results"][str(a.everybody[0])]["distinct_ids"] = []
            return body

        rewrite(a.server, change)
        plan = await a.plan(operation=DeleteRecordings())
        reads = [request for request in a.server.requests if request.action == "batch_by_uuids"]
        assert (len(reads), plan.count) == (2, 2)
        assert plan.recording_notes([0])[0] is None


@pytest.mark.parametrize("every", [1, 3], ids=["each person", "each third person"])
@pytest.mark.parametrize(("held", "waits"), [(10_000, 1), (12, 3)])
def test_many_persons_without_a_distinct_id_are_read_again_together(
    virtual: Any, monkeypatch: pytest.MonkeyPatch, held: int, waits: int, every: int
) -> None:
    monkeypatch.setattr("bulk.plan.target_entries.MAX_HELD", held)

    async def main() -> None:
        async with virtual(persons=30) as a:
            hidden = {str(uuid) for uuid in a.everybody[::every]}

            def change(action: str, body: Body) -> Body | None:
                if action not in READS:
                    return None
                rows = body["results"]
                for row in rows.values() if isinstance(rows, dict) else rows:
                    row["distinct_ids"] = [] if row["uuid"] in hidden else row["distinct_ids"]
                return body

            rewrite(a.server, change)
            began, path = current_time(), a.folder / "job.plan.jsonl"
            with await make_plan(a.client, DeletePersons(), ByFilter(everyone=True), path, page_size=3) as plan:
                targets = list(plan.iter())
            assert {str(target.uuid) for target in targets if target.distinct_id is None} == hidden
            assert {target.uuid for target in targets} == set(a.everybody)
            assert waits * CONFIRM_AFTER_S <= current_time() - began < (waits + 1) * CONFIRM_AFTER_S

    run_virtual(main())
