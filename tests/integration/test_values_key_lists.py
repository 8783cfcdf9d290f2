"""Values per person that remove several properties: one call removes them, if one person shows that the server does
(guarantees 11, 12, 35)."""

from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from virtual_time import run_virtual

from asyncclient import RateLimits
from bulk import UpdateProperties, make_plan, open_rows, run_job
from bulk.events import KeyListTested
from bulk.journal import records
from bulk.plan.value_counts import value_totals
from bulk.posthog.request_costs import ValueTotals, estimate, rest_calls
from bulk.undo.revert import plan_revert

KEYS = ("one", "two", "three")
SERVERS: dict[str, dict[str, Any]] = {
    "current": {},
    "nests": {"delete_property_lists": False},
    "joins": {"delete_property_lists": False, "nested_keys_joined": True},
    "refuses": {"delete_property_list_status": 400},
    "fails": {"delete_property_list_status": 500},
}
PERSONS = 90


def rows(a: Any) -> BytesIO:
    """Return CSV in which each third person gets one value and loses two, loses all properties, or gets values."""
    cells = ["new,,", ",,", "1,2,3"]
    ids = (a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody)
    lines = [f"{each},{cells[number % 3]}" for number, each in enumerate(ids)]
    return BytesIO("\n".join(["distinct_id,one,two,three", *lines]).encode())


async def plan_rows(a: Any, **options: Any) -> Any:
    for uuid in a.everybody:
        a.server.world.set_properties(uuid, {**dict.fromkeys(KEYS, 0), "kept": 1})
    opened = open_rows(rows(a), empty_is="unset")
    return await make_plan(
        a.client, UpdateProperties.per_person(opened, **options), opened, a.folder / "job.plan.jsonl"
    )


def expected() -> Iterator[dict[str, Any]]:
    for number in range(PERSONS):
        yield {**[{"one": "new"}, {}, {"one": "1", "two": "2", "three": "3"}][number % 3], "kept": 1}


def owned(a: Any) -> list[dict[str, Any]]:
    every = a.properties()
    return [{key: every[uuid][key] for key in (*KEYS, "kept") if key in every[uuid]} for uuid in a.everybody]


def removals(a: Any) -> Counter[int]:
    """Return how many calls name how many properties."""
    named = (request.body["$unset"] for request in a.sent() if request.action == "delete_property")
    return Counter(len(each) if isinstance(each, list) else 1 for each in named)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("lag_s", [0.0, 20.0])
@pytest.mark.parametrize("name", SERVERS)
def test_each_server_gets_as_few_calls_as_it_takes(virtual: Any, axis: Any, name: str, lag_s: float) -> None:
    async def main() -> None:
        async with virtual(persons=PERSONS, capture_lag_s=lag_s, **SERVERS[name]) as a:
            plan = await plan_rows(a, route="rest")
            events: list[Any] = []
            report = await a.run(plan, on_progress=events.append)
            counts = axis(report, "properties")
            assert (report.exit_code, sum(counts.values())) == (0, PERSONS)
            assert counts.keys() <= {"changed_confirmed", "found_changed"}
            assert owned(a) == list(expected())
            # the first person loses two: by the list, and by its first key alone
            takes = name == "current"
            assert removals(a) == ({3: 30, 2: 30, 1: 1} if takes else {2: 1, 1: 30 * 3 + 30 * 2})
            assert [each for each in events if isinstance(each, KeyListTested)] == [KeyListTested(taken=takes)]
            assert [each.taken for each in a.of(records.KeyListTested)] == [takes]
            sets = [request for request in a.sent() if request.action == "update"]
            # where the list is refused, a value that the server has not applied yet is sent once more
            assert len(sets) == 60 + (lag_s > 0 and name in ("refuses", "fails"))

    run_virtual(main())


def test_a_revert_removes_what_was_added_in_one_call(virtual: Any) -> None:
    async def main() -> None:
        async with virtual(persons=PERSONS) as a:
            before = a.properties()
            operation = UpdateProperties(dict.fromkeys(KEYS, 1), route="capture", keep_before=str(a.folder / "before"))
            assert (await a.run(await a.plan(operation=operation))).exit_code == 0
            back = await plan_revert(a.client, a.folder / "before", a.folder / "back.plan.jsonl", route="rest")
            assert value_totals(back.findings) == ValueTotals(setting=0, losing=PERSONS, removals=3 * PERSONS)
            report = await run_job(a.client, back, a.folder / "back.journal.jsonl", approve=back.digest)
            assert report.exit_code == 0
            assert a.properties() == before
            assert removals(a) == {3: PERSONS, 1: 1}

    run_virtual(main())


def test_no_trial_is_made_where_no_person_loses_several(virtual: Any) -> None:
    async def main() -> None:
        async with virtual(persons=4) as a:
            for uuid in a.everybody:
                a.server.world.set_properties(uuid, dict.fromkeys(KEYS, 0))
            ids = [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody]
            text = f"distinct_id,one,two\n{ids[0]},,1\n{ids[1]},1,\n{ids[2]},,1\n{ids[3]},1,\n"
            opened = open_rows(BytesIO(text.encode()), empty_is="unset")
            operation = UpdateProperties.per_person(opened, route="rest")
            plan = await make_plan(a.client, operation, opened, a.folder / "job.plan.jsonl")
            assert (await a.run(plan)).exit_code == 0
            assert (removals(a), a.of(records.KeyListTested)) == ({1: 4}, [])

    run_virtual(main())


def test_the_estimate_counts_what_the_rows_say(virtual: Any) -> None:
    async def main() -> None:
        async with virtual(persons=PERSONS) as a:
            plan = await plan_rows(a)
            totals = value_totals(plan.findings)
            assert totals == ValueTotals(setting=60, losing=60, removals=150)
            opened = open_rows(rows(a), empty_is="unset")
            operation = UpdateProperties.per_person(opened)
            assert rest_calls(operation, PERSONS, in_one_call=True, totals=totals) == 120
            assert rest_calls(operation, PERSONS, in_one_call=False, totals=totals) == 210
            assert rest_calls(operation, PERSONS, in_one_call=False) == PERSONS * 4
            cost = estimate(
                operation,
                PERSONS,
                batch_size=250,
                rates=RateLimits.off(),
                route="rest",
                in_one_call=True,
                totals=totals,
            )
            assert cost.changes == 120
            events: list[Any] = []
            assert (await a.run(plan, on_progress=events.append)).exit_code == 0
            assert any("at most 210 calls" in str(getattr(each, "why", "")) for each in events)

    run_virtual(main())


def test_a_plan_of_an_earlier_version_has_no_totals() -> None:
    assert value_totals([{"kind": "values", "of": [{"key": "a", "set": 1, "unset": 1}]}, "x"]) is None
    assert value_totals([]) is None
