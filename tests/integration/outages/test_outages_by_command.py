"""A server that is away for a while, in each way of selecting persons and in each command besides runs: what waits ends
as without the outage, and what gave up ends as well when it is repeated (guarantee 12)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from outages import go_away
from virtual_time import run_virtual

from asyncclient import PropertyFilter, Unreachable
from bulk import (
    ByActivity,
    ByDistinctIds,
    ByEmails,
    ByFilter,
    ByQuery,
    ByRequests,
    DeletePersons,
    NotFinished,
    UpdateProperties,
    make_plan,
    open_rows,
    plan_revert,
    verify_job,
)
from bulk.events import Activity, ServerReachable, WaitKind
from bulk.execution.splitting.person_split import read_split, send_split
from bulk.jobs.plan_copy import PlanPersons, export_plan
from bulk.selection.inputs.line_checks import Line

LENGTHS = [1.0, 30.0, 300.0]
TOO_LONG_S = 1200.0


def names(a: Any, count: int = 210) -> list[str]:
    return [a.server.world.person(uuid).distinct_ids[0] for uuid in a.everybody[:count]]


def file_of(a: Any, lines: list[str]) -> Path:
    path: Path = a.folder / "input"
    path.write_text("\n".join(lines) + "\n")
    return path


def a_cohort(a: Any) -> Any:
    a.server.world.add_cohort(7, a.everybody[:210])
    return ByFilter(properties=[PropertyFilter("id", 7, type="cohort")])


def some_rows(a: Any) -> Any:
    file = file_of(a, ["distinct_id,plan", *(f"{name},vip" for name in names(a))])
    return open_rows(file)


SELECTIONS: dict[str, tuple[Callable[[Any], Any], str, int]] = {
    "a file": (lambda a: ByDistinctIds(file_of(a, names(a))), "batch_by_distinct_ids", 2),
    "emails": (lambda a: ByEmails(file_of(a, [f"user{n}@example.com" for n in range(20)])), "list", 2),
    "requests": (
        lambda a: ByRequests(file_of(a, ["distinct_id,reference,received", *(f"{n},R,2026-01-31" for n in names(a))])),
        "batch_by_distinct_ids",
        2,
    ),
    "a filter": (lambda _: ByFilter(properties=[PropertyFilter("plan", "free")]), "list", 1),
    "a cohort": (a_cohort, "list", 1),
    "an activity": (lambda _: ByActivity(created_after="2001-01-01", everyone=True), "query", 1),
    "a query": (lambda _: ByQuery(query="SELECT id FROM persons WHERE properties.plan = 'free'"), "query", 1),
    "values": (some_rows, "batch_by_distinct_ids", 2),
}


def operation_for(kind: str, selection: Any) -> Any:
    return UpdateProperties.per_person(selection) if kind == "values" else DeletePersons()


async def planned(a: Any, kind: str, name: str, **options: Any) -> list[Any]:
    selection = SELECTIONS[kind][0](a)
    with await make_plan(a.client, operation_for(kind, selection), selection, a.folder / name, **options) as plan:
        return [target.uuid for target in plan.targets(0, plan.count)]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("away_s", LENGTHS)
@pytest.mark.parametrize("kind", SELECTIONS)
def test_planning_waits_for_the_server_in_each_way_of_selecting(open_arena: Any, kind: str, away_s: float) -> None:
    async def main() -> None:
        async with open_arena(persons=250) as a:
            expected = await planned(a, kind, "without")
            assert expected
            _, action, number = SELECTIONS[kind]
            events: list[Any] = []
            go_away(a.server, action, for_s=away_s, number=number)
            assert await planned(a, kind, "with", on_progress=events.append) == expected
            assert [round(each.away_s) >= away_s for each in events if isinstance(each, ServerReachable)] == [True]

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("kind", SELECTIONS)
def test_planning_that_gave_up_leaves_nothing_and_the_same_call_ends_as_without_the_outage(
    open_arena: Any, kind: str
) -> None:
    async def main() -> None:
        async with open_arena(persons=250) as a:
            expected = await planned(a, kind, "without")
            _, action, number = SELECTIONS[kind]
            go_away(a.server, action, for_s=TOO_LONG_S, number=number)
            began = anyio.current_time()
            with pytest.raises((Unreachable, NotFinished), match="did not respond for 15 min"):
                await planned(a, kind, "with")
            assert 900.0 <= anyio.current_time() - began < 940.0
            assert not (a.folder / "with").exists()
            await anyio.sleep(TOO_LONG_S - 900.0)
            assert await planned(a, kind, "with") == expected

    run_virtual(main())


async def a_split(a: Any, retry_for_s: float, events: list[Any]) -> None:
    if "ada" not in a.made:
        a.made["ada"] = a.server.world.add_person(["ada", "stranger-1", "stranger-2"], {})
    lines = [Line(number=1, value="stranger-1"), Line(number=2, value="stranger-2")]
    options: Any = {"retry_for_s": retry_for_s, "on_progress": events.append}
    split = await read_split(a.client, a.made["ada"], main=None, lines=lines, **options)
    if split.distinct_ids:
        assert await send_split(a.client, split, wait_s=60.0, **options)
    assert [a.server.world.uuid_of(f"stranger-{n}") == a.made["ada"] for n in (1, 2)] == [False, False]
    assert len([each for each in a.server.requests if each.action == "split"]) == 1


async def a_copy(a: Any, retry_for_s: float, events: list[Any]) -> None:
    if "plan" not in a.made:
        a.made["plan"] = await a.plan(operation=DeletePersons())
        a.prepared()
    found = PlanPersons()
    options: Any = {"retry_for_s": retry_for_s, "on_progress": events.append}
    lines = [line async for line in export_plan(a.client, a.made["plan"], found, **options)]
    assert (len(lines), found.persons, found.missing, found.unread) == (600, 600, [], [])


async def a_revert(a: Any, retry_for_s: float, events: list[Any]) -> None:
    keep = a.folder / "before.jsonl"
    if "job" not in a.made:
        a.made["job"] = await a.run(await a.plan(operation=UpdateProperties({"plan": "vip"}, keep_before=str(keep))))
        a.prepared()
    path = a.folder / "revert.plan.jsonl"
    with await plan_revert(a.client, keep, path, retry_for_s=retry_for_s, on_progress=events.append) as plan:
        assert plan.count == 600


async def a_verification(a: Any, retry_for_s: float, events: list[Any]) -> None:
    if "plan" not in a.made:
        a.made["plan"] = await a.plan(operation=DeletePersons())
        await a.run(a.made["plan"])
        a.prepared()
    options: Any = {"retry_for_s": retry_for_s, "on_progress": events.append}
    assert (await verify_job(a.client, a.made["plan"], a.journal, **options)).exit_code == 0


COMMANDS: list[tuple[Any, str, int]] = [
    (a_split, "retrieve", 1),
    (a_split, "split", 1),
    (a_copy, "batch_by_uuids", 1),
    (a_copy, "batch_by_uuids", 3),
    (a_revert, "projects", 1),
    (a_revert, "batch_by_uuids", 2),
    (a_verification, "projects", 1),
    (a_verification, "batch_by_distinct_ids", 2),
]


def ready(a: Any, action: str, number: int, for_s: float) -> None:
    """Make the server go away at that request, counted from when the test calls `prepared`."""
    a.made, a.prepared = {}, lambda: go_away(a.server, action, for_s=for_s, number=number)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("away_s", LENGTHS)
@pytest.mark.parametrize(
    ("command", "action", "number"), COMMANDS, ids=lambda each: getattr(each, "__name__", str(each))
)
def test_each_command_waits_for_the_server(
    open_arena: Any, command: Any, action: str, number: int, away_s: float
) -> None:
    async def main() -> None:
        async with open_arena(persons=600) as a:
            ready(a, action, number, away_s)
            if command is a_split:
                a.prepared()
            events: list[Any] = []
            await command(a, 900.0, events)
            assert [round(each.away_s) >= away_s for each in events if isinstance(each, ServerReachable)] == [True]

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("command", "action", "number"), COMMANDS, ids=lambda each: getattr(each, "__name__", str(each))
)
def test_each_command_that_gave_up_ends_well_when_it_is_repeated(
    open_arena: Any, command: Any, action: str, number: int
) -> None:
    async def main() -> None:
        async with open_arena(persons=600) as a:
            ready(a, action, number, TOO_LONG_S)
            if command is a_split:
                a.prepared()
            with pytest.raises((Unreachable, NotFinished), match="did not respond for 15 min"):
                await command(a, 900.0, [])
            await anyio.sleep(TOO_LONG_S - 900.0)
            await command(a, 900.0, [])

    run_virtual(main())


def test_a_split_that_certainly_did_not_reach_the_server_is_sent_when_it_is_back(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=5) as a:
            uuid = a.server.world.add_person(["ada", "stranger"], {})
            split = await read_split(a.client, uuid, main="ada", lines=())
            a.server._wanted_port = a.server._port
            await a.server.close()

            async def start_again() -> None:
                await anyio.sleep(300.0)
                await a.server.start()

            async with anyio.create_task_group() as group:
                group.start_soon(start_again)
                assert await send_split(a.client, split, wait_s=60.0)
            assert a.server.world.uuid_of("stranger") != uuid
            assert len([each for each in a.server.requests if each.action == "split"]) == 1

    run_virtual(main())


def test_a_split_shows_that_it_waits_until_the_server_has_applied_it(open_arena: Any) -> None:
    async def main() -> None:
        async with open_arena(persons=5, split_lag_s=25.0) as a:
            ready(a, "retrieve", 1, 0.0)
            events: list[Any] = []
            await a_split(a, 900.0, events)
            waits = [each.wait for each in events if isinstance(each, Activity) and each.wait is not None]
            assert waits
            assert {wait.kind for wait in waits} == {WaitKind.CATCHING_UP}
            assert all(wait.left_s is not None and wait.gives_up_in_s is not None for wait in waits)

    run_virtual(main())
