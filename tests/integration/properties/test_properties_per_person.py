"""Each person gets the values of its own row, by REST and by capture, and no other person is changed (guarantee 35)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from virtual_time import run_virtual

from bulk import Refused, UpdateProperties, make_plan, open_rows, verify_job

ROUTES = ["rest", "capture"]


def rows_of(a: Any, uuids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return a row for each person, with values that no other person has."""
    return [
        {
            "distinct_id": a.server.world.person(uuid).distinct_ids[-1],
            "plan": f"plan {number}",
            "seats": number,
            "tags": [number, {"of": str(uuid)}],
        }
        for number, uuid in enumerate(uuids)
    ]


def values_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "distinct_id"} for row in rows]


async def plan_rows(a: Any, rows: Any, *, name: str = "job.plan.jsonl", **options: Any) -> Any:
    opened = open_rows(rows)
    return await make_plan(a.client, UpdateProperties.per_person(opened, **options), opened, a.folder / name)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("route", ROUTES)
def test_each_person_gets_exactly_its_row(virtual: Any, axis: Any, route: str) -> None:
    async def main() -> None:
        async with virtual(persons=300) as a:
            before, chosen = a.properties(), a.everybody[::2]
            rows = rows_of(a, chosen)
            plan = await plan_rows(a, rows, route=route)
            report = await a.run(plan, wait_s=30.0)
            assert (report.exit_code, axis(report, "properties")) == (0, {"changed_confirmed": 150})
            own = dict(zip(chosen, values_of(rows), strict=True))
            assert a.properties() == {uuid: {**each, **own.get(uuid, {})} for uuid, each in before.items()}
            assert {request.action for request in a.sent()} == {"capture" if route == "capture" else "update"}
            sent = len(a.sent())
            assert (await a.run(plan)).exit_code == 0
            assert (await verify_job(a.client, plan, a.journal)).exit_code == 0
            assert len(a.sent()) == sent

    run_virtual(main())


@pytest.mark.parametrize("route", ROUTES)
async def test_a_person_with_the_values_of_another_row_is_not_done(arena: Any, axis: Any, route: str) -> None:
    """Verification compares each person with its own row."""
    async with arena(persons=40) as a:
        rows = rows_of(a, a.everybody)
        own = values_of(rows)
        a.server.world.set_properties(a.everybody[3], own[4])
        a.server.world.set_properties(a.everybody[5], own[5])
        plan = await plan_rows(a, rows, route=route)
        report = await a.run(plan)
        assert axis(report, "properties") == {"changed_confirmed": 39, "already_as_desired": 1}
        assert a.everybody[5] not in a.addressed()
        a.server.world.set_properties(a.everybody[7], own[8])
        report = await verify_job(a.client, plan, a.journal)
        assert axis(report, "properties")["contradicted"] == 1


@pytest.mark.parametrize("route", ROUTES)
async def test_the_journal_has_keys_and_no_value(arena: Any, route: str) -> None:
    async with arena(persons=30) as a:
        rows = [{**row, "plan": f"secret-{row['plan']}"} for row in rows_of(a, a.everybody)]
        plan = await plan_rows(a, rows, route=route)
        report = await a.run(plan)
        journal = a.journal.read_text()
        assert "secret" in plan.path.read_text()
        assert "secret" not in journal
        assert "secret" not in repr(report)
        assert '"keys":["plan","seats","tags"]' in journal
        assert all(row["distinct_id"] not in journal for row in rows)


@pytest.mark.parametrize("route", ROUTES)
async def test_cells_of_csv_are_typed_and_an_empty_one_is_left_alone_nulled_or_unset(
    arena: Any, tmp_path: Path, route: str
) -> None:
    async with arena(persons=30) as a:
        chosen = a.everybody[:3]
        for uuid in chosen:
            a.server.world.set_properties(uuid, {"plan": "old", "seats": 1, "vip": False, "extra": "stays"})
        before = a.properties()
        ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in chosen]
        file = tmp_path / "values.csv"
        lines = [f"{ids[0]},neu,3,true", f"{ids[1]},,4,", f'{ids[2]},"a,""b""",,false']
        file.write_text("\n".join(["user,plan,seats,vip", *lines]) + "\n")
        expected: dict[Any, list[dict[str, Any]]] = {
            None: [{"plan": "neu", "seats": 3, "vip": True}, {"seats": 4}, {"plan": 'a,"b"', "vip": False}],
            "null": [
                {"plan": "neu", "seats": 3, "vip": True},
                {"plan": None, "seats": 4, "vip": None},
                {"plan": 'a,"b"', "seats": None, "vip": False},
            ],
        }
        for number, empty_is in enumerate((None, "null", "unset")):
            for uuid in chosen:
                a.server.world.set_properties(uuid, before[uuid])
            rows = open_rows(
                file, id_column="distinct_id:user", types={"seats": "number", "vip": "boolean"}, empty_is=empty_is
            )
            a.journal = a.folder / f"{number}.journal.jsonl"
            operation = UpdateProperties.per_person(rows, route=route)
            plan = await make_plan(a.client, operation, rows, a.folder / f"{number}.plan.jsonl")
            assert (await a.run(plan)).exit_code == 0
            now = a.properties()
            if empty_is == "unset":
                own = expected[None]
                for uuid, values, gone in zip(chosen, own, ((), ("plan", "vip"), ("seats",)), strict=True):
                    kept = {key: value for key, value in before[uuid].items() if key not in gone}
                    assert now[uuid] == {**kept, **values}
            else:
                for uuid, values in zip(chosen, expected[empty_is], strict=True):
                    assert now[uuid] == {**before[uuid], **values}
            assert all(now[uuid] == before[uuid] for uuid in a.everybody[3:])


async def test_once_sets_what_a_person_lacks_and_keeps_what_it_has(arena: Any, axis: Any) -> None:
    async with arena(persons=40) as a:
        rows = rows_of(a, a.everybody)
        own = values_of(rows)
        a.server.world.set_properties(a.everybody[2], {"seats": "mine"})
        a.server.world.set_properties(a.everybody[3], {"plan": 1, "seats": None, "tags": 3})
        before = a.properties()
        plan = await plan_rows(a, rows, once=True)
        report = await a.run(plan)
        assert axis(report, "properties") == {"changed_confirmed": 39, "already_as_desired": 1}
        assert a.properties() == {uuid: {**own[n], **before[uuid]} for n, uuid in enumerate(a.everybody)}
        events = [event for request in a.sent() for event in request.body["batch"]]
        assert all("$set_once" in event["properties"] and "$set" not in event["properties"] for event in events)


async def test_once_for_all_persons_sets_what_they_lack(arena: Any) -> None:
    async with arena(persons=30) as a:
        a.server.world.set_properties(a.everybody[2], {"first": "mine"})
        before = a.properties()
        assert (await a.run(await a.plan(operation=UpdateProperties({"first": "new"}, once=True)))).exit_code == 0
        assert a.properties() == {uuid: {"first": "new", **each} for uuid, each in before.items()}


async def test_a_person_that_no_event_can_address_is_never_set_by_rest_instead_of_once(arena: Any, axis: Any) -> None:
    async with arena(persons=30) as a:
        uuid = a.server.world.add_person(["x" * 300], properties={})
        rows = open_rows([{"uuid": uuid, "plan": "x"}, {"uuid": a.everybody[0], "new": 1}], id_column="uuid")
        plan = await make_plan(a.client, UpdateProperties.per_person(rows, once=True), rows, a.folder / "p.plan.jsonl")
        report = await a.run(plan)
        assert (report.exit_code, axis(report, "properties")) == (1, {"changed_confirmed": 1, "failed": 1})
        assert {request.action for request in a.sent()} == {"capture"}
        assert "plan" not in a.properties()[uuid]


async def test_two_rows_of_one_person_are_refused_by_line_unless_they_are_equal(arena: Any) -> None:
    async with arena(persons=60) as a:
        person = next(p for p in map(a.server.world.person, a.everybody) if len(p.distinct_ids) > 1)
        first, second = person.distinct_ids[:2]
        other = a.server.world.person(next(u for u in a.everybody if u != person.uuid)).distinct_ids[0]
        equal = [{"distinct_id": first, "plan": "x", "n": 1}, {"n": 1, "plan": "x", "distinct_id": second}]
        same = {"distinct_id": other, "plan": "y"}
        plan = await plan_rows(a, [*equal, same, same], route="rest")
        assert plan.count == 2
        for rows, lines in (
            ([same, equal[0], {**equal[1], "n": 2}], "lines 2 and 3"),
            ([same, equal[0], {**same, "plan": "z"}], "lines 1 and 3"),
        ):
            with pytest.raises(Refused, match=lines) as refused:
                await plan_rows(a, rows, name="conflict.plan.jsonl")
            assert not (a.folder / "conflict.plan.jsonl").exists()
            assert first not in str(refused.value)
            assert "different values" in str(refused.value)


async def test_rows_that_cannot_be_used_are_named_and_not_covered(arena: Any, tmp_path: Path) -> None:
    async with arena(persons=30) as a:
        ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody[:4]]
        file = tmp_path / "values.csv"
        file.write_text(
            f"distinct_id,seats\n{ids[0]},1\n{ids[1]},one\n{ids[2]}\n{ids[3]},\n,5\nnobody,7\nundefined,8\n"
        )
        rows = open_rows(file, types={"seats": "number"})
        plan = await make_plan(a.client, UpdateProperties.per_person(rows), rows, a.folder / "p.plan.jsonl")
        found = {each["kind"]: each for each in plan.findings}
        assert {reason: each["lines"] for reason, each in found["refused"]["reasons"].items()} == {
            "not a number (column 'seats')": "3",
            "more or fewer cells than the header": "4",
            "no value to set": "5",
            "no ID (column 'distinct_id')": "6",
            "placeholder ID (column 'distinct_id')": "8",
        }
        assert found["unmatched"]["lines"] == "7"
        assert found["values"]["of"] == [{"key": "seats", "set": 1, "unset": 0}]
        report = await a.run(plan)
        assert report.input is not None
        assert json.loads(json.dumps(plan.findings)) == plan.findings


@pytest.mark.parametrize("layout", ["json", "csv", "stream"])
async def test_rows_are_read_from_every_kind_of_input(arena: Any, tmp_path: Path, layout: str) -> None:
    async with arena(persons=30) as a:
        chosen = a.everybody[:5]
        file = tmp_path / "values"
        if layout == "csv":
            file.write_text("person;plan\n" + "".join(f"{uuid};p{n}\n" for n, uuid in enumerate(chosen)))
        else:
            text = (json.dumps({"person": str(uuid), "plan": f"p{n}"}) for n, uuid in enumerate(chosen))
            file.write_text("\n".join(text))
        with file.open("rb") as stream:
            rows = open_rows(stream if layout == "stream" else file, id_column="uuid:person")
        plan = await make_plan(a.client, UpdateProperties.per_person(rows), rows, a.folder / "p.plan.jsonl")
        assert (await a.run(plan)).exit_code == 0
        assert [a.properties()[uuid]["plan"] for uuid in chosen] == [f"p{n}" for n in range(5)]


async def test_the_same_rows_reuse_a_plan_and_others_are_refused(arena: Any, tmp_path: Path) -> None:
    async with arena(persons=30) as a:
        distinct_id = a.server.world.person(a.everybody[0]).distinct_ids[0]
        file, path = tmp_path / "values.csv", a.folder / "p.plan.jsonl"
        file.write_text(f"distinct_id,plan\n{distinct_id},x\n")
        digests = set()
        for _ in range(2):
            rows = open_rows(file)
            with await make_plan(a.client, UpdateProperties.per_person(rows), rows, path, reuse=True) as plan:
                digests.add(plan.digest)
        assert len(digests) == 1
        file.write_text(f"distinct_id,plan\n{distinct_id},other\n")
        rows = open_rows(file)
        with pytest.raises(Refused, match="changed"):
            await make_plan(a.client, UpdateProperties.per_person(rows), rows, path, reuse=True)
