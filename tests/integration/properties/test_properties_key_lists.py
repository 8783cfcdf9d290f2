"""Removing all properties of a person in one call: one person shows whether the server does, and nothing depends on it
(guarantees 1, 2, 7, 11, 12, 24)."""

from collections import Counter
from typing import Any
from uuid import UUID

import anyio
import msgspec
import pytest
from virtual_time import run_virtual

from asyncclient.testing import Fault
from bulk import UnsetProperties, run_job
from bulk.events import KeyListTested
from bulk.journal import records
from bulk.journal.records import Intent, RunStarted
from bulk.number_ranges import expand

KEYS = ("plan", "country", "logins", "email", "name")
CURRENT: dict[str, Any] = {}
NESTING: dict[str, Any] = {"delete_property_lists": False}
JOINING: dict[str, Any] = {"delete_property_lists": False, "nested_keys_joined": True}
REFUSING: dict[str, Any] = {"delete_property_list_status": 400}
FAILING: dict[str, Any] = {"delete_property_list_status": 500}
OLDER = [NESTING, JOINING, REFUSING, FAILING]


def unset(keys: tuple[str, ...] = KEYS) -> UnsetProperties:
    return UnsetProperties(keys, route="rest")


def give_all(a: Any, keys: tuple[str, ...] = KEYS) -> None:
    """Give every person all properties, and one that no job removes."""
    for uuid in a.everybody:
        a.server.world.set_properties(uuid, {**dict.fromkeys(keys, 1), "kept": 1})


def calls(a: Any) -> list[int]:
    """Return how many properties each call names."""
    wanted = [request.body["$unset"] for request in a.sent()]
    return [len(each) if isinstance(each, list) else 1 for each in wanted]


def results(a: Any) -> list[bool]:
    return [record.taken for record in a.of(records.KeyListTested)]


def done(a: Any, keys: tuple[str, ...] = KEYS) -> int:
    """Return how many persons lost the properties, and no other."""
    return sum(not {*keys} & each.keys() and each.get("kept") == 1 for each in a.properties().values())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("lag_s", [0.0, 20.0])
def test_a_current_server_gets_one_call_per_person(virtual: Any, axis: Any, lag_s: float) -> None:
    async def main() -> None:
        async with virtual(persons=100, capture_lag_s=lag_s) as a:
            give_all(a)
            events: list[Any] = []
            report = await a.run(await a.plan(operation=unset()), on_progress=events.append)
            assert axis(report, "properties") == {"changed_confirmed": 100}
            assert done(a) == 100
            assert Counter(calls(a)) == {5: 100, 1: 1}  # and the first key of the first person alone
            assert calls(a)[:2] == [5, 1]
            assert results(a) == [True]
            assert [each for each in events if isinstance(each, KeyListTested)] == [KeyListTested(taken=True)]

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("lag_s", [0.0, 20.0])
@pytest.mark.parametrize("server", OLDER, ids=["nests", "joins", "400", "500"])
def test_an_older_server_gets_one_call_per_person_and_property(
    virtual: Any, axis: Any, server: dict[str, Any], lag_s: float
) -> None:
    async def main() -> None:
        async with virtual(persons=40, capture_lag_s=lag_s, **server) as a:
            give_all(a)
            events: list[Any] = []
            report = await a.run(await a.plan(operation=unset()), on_progress=events.append)
            counts = axis(report, "properties")
            assert (report.exit_code, sum(counts.values())) == (0, 40)
            assert counts.keys() <= {"changed_confirmed", "found_changed"}
            assert done(a) == 40
            assert Counter(calls(a)) == {5: 1, 1: 200}
            assert results(a) == [False]
            assert KeyListTested(taken=False) in events

    run_virtual(main())


def test_a_property_whose_name_is_the_joined_keys_is_not_removed(virtual: Any, axis: Any) -> None:
    """An older server would remove `plan,country` in place of the two keys: such a person is not tried."""

    async def main() -> None:
        async with virtual(persons=30, **JOINING) as a:
            for uuid in a.everybody:
                a.server.world.set_properties(uuid, {"plan": 1, "country": 1, "kept": 1})
            for uuid in a.everybody[:-1]:
                a.server.world.set_properties(uuid, {"plan,country": "kept"})
            report = await a.run(await a.plan(operation=unset(("plan", "country"))))
            assert axis(report, "properties") == {"changed_confirmed": 30}
            assert calls(a) == [1] * 60
            left = Counter(each.get("plan,country") for each in a.properties().values())
            assert left == {"kept": 29, None: 1}

    run_virtual(main())


def test_only_a_person_with_several_of_the_properties_shows_it(virtual: Any, axis: Any) -> None:
    async def main() -> None:
        async with virtual(persons=60) as a:
            give_all(a)
            for uuid in a.everybody[:40]:
                a.server.world.unset_properties(uuid, KEYS[1:])
            report = await a.run(await a.plan(operation=unset()))
            assert axis(report, "properties") == {"changed_confirmed": 60}
            assert Counter(calls(a)) == {5: 20, 1: 41}
            assert a.sent()[0].path.split("/persons/")[1].startswith(str(a.everybody[40]))

    run_virtual(main())


@pytest.mark.parametrize(("persons", "keys"), [(1, KEYS), (40, KEYS[:1])])
def test_no_trial_is_made_where_it_saves_nothing(virtual: Any, persons: int, keys: tuple[str, ...]) -> None:
    async def main() -> None:
        async with virtual(persons=persons) as a:
            give_all(a)
            assert (await a.run(await a.plan(operation=unset(keys)))).exit_code == 0
            assert calls(a) == [1] * persons * len(keys)
            assert results(a) == []

    run_virtual(main())


@pytest.mark.slow
def test_a_later_run_makes_no_trial_again(virtual: Any) -> None:
    async def main() -> None:
        for server in (CURRENT, NESTING):
            async with virtual(persons=60, **server) as a:
                give_all(a)
                plan, stop = await a.plan(operation=unset()), anyio.Event()

                async def halt(a: Any = a, stop: anyio.Event = stop) -> None:
                    await a.server.arrived(30, action="delete_property")
                    stop.set()

                async with anyio.create_task_group() as group:
                    group.start_soon(halt)
                    await a.run(plan, stop=stop, concurrency=1)
                assert results(a) == [server is CURRENT]
                before = len(a.sent())
                assert (await a.run(plan)).exit_code == 0
                assert len(a.of(RunStarted)) == 2
                assert len(results(a)) == 1
                assert set(calls(a)[before:]) == ({5} if server is CURRENT else {1})
                assert done(a) == 60
                a.remove_files()

    run_virtual(main())


@pytest.mark.slow
@pytest.mark.parametrize("server", [CURRENT, *OLDER], ids=["takes", "nests", "joins", "400", "500"])
def test_a_run_that_is_killed_at_any_request_of_the_trial_converges(
    virtual: Any, axis: Any, server: dict[str, Any]
) -> None:
    """At each request in turn the process dies: its journal ends there, and the next run starts from that."""

    async def main() -> None:
        for number in range(1, 13):
            async with virtual(persons=12, latency_s=0.05, capture_lag_s=2.0, **server) as a:
                give_all(a)
                plan, already = await a.plan(operation=unset()), len(a.server.requests)
                killed = b""
                with anyio.CancelScope() as scope:
                    async with anyio.create_task_group() as group:

                        async def kill(a: Any = a, at: int = already + number, scope: Any = scope) -> None:
                            nonlocal killed
                            await a.server.arrived(at)
                            killed = a.journal.read_bytes() if a.journal.exists() else b""
                            scope.cancel()

                        group.start_soon(kill)
                        await a.run(plan)
                a.journal.unlink(missing_ok=True)
                if killed:
                    a.journal.write_bytes(killed)
                    a.journal.chmod(0o600)
                report = await a.run(plan)
                assert (report.exit_code, sum(axis(report, "properties").values())) == (0, 12)
                assert done(a) == 12
                lists = [request for request, size in zip(a.sent(), calls(a), strict=True) if size > 1]
                if server is not CURRENT:
                    assert len(lists) <= 2  # the trial, and once more if the kill caught it in flight
                intended = sum(record.requests for record in a.of(Intent))
                assert len(a.sent()) <= intended
                a.remove_files()

    run_virtual(main())


@pytest.mark.slow
def test_a_server_that_takes_no_list_any_more_gets_one_call_per_property(virtual: Any, axis: Any) -> None:
    """Another server of the same host answers after the trial: what it ignores or refuses is done without a list."""

    async def main() -> None:
        for server in (NESTING, REFUSING):
            async with virtual(persons=60) as a:
                give_all(a)
                plan = await a.plan(operation=unset())

                async def replace(a: Any = a, server: dict[str, Any] = server) -> None:
                    await a.server.arrived(30, action="delete_property")
                    for name, value in server.items():
                        msgspec.structs.force_setattr(a.server.options, name, value)

                async with anyio.create_task_group() as group:
                    group.start_soon(replace)
                    report = await a.run(plan, concurrency=1)
                assert (report.exit_code, sum(axis(report, "properties").values())) == (0, 60)
                assert done(a) == 60
                assert results(a) == ([True] if server is NESTING else [True, False])
                a.remove_files()

    run_virtual(main())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset", action="delete_property", times=1),
        Fault("reset_after", action="delete_property", times=1),
        Fault("status", action="delete_property", status=503, body="html", times=1),
        Fault("status", action="delete_property", status=429, retry_after="3", times=1),
        Fault("swallow", action="delete_property", times=1),
        Fault("reset_after", action="delete_property", after=1, times=1),
        Fault("status", action="retrieve", status=500, times=20),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.action}-{fault.status}-{fault.after}",
)
def test_a_trial_that_fails_leads_to_no_wrong_result(virtual: Any, axis: Any, fault: Fault) -> None:
    async def main() -> None:
        for server in (CURRENT, NESTING):
            async with virtual(persons=15, **server) as a:
                give_all(a)
                plan = await a.plan(operation=unset())
                a.server.faults.add(fault)
                report = await a.run(plan)
                assert (report.exit_code, sum(axis(report, "properties").values())) == (0, 15)
                assert done(a) == 15
                assert True not in results(a) or server is CURRENT
                a.remove_files()

    run_virtual(main())


def test_a_person_that_is_gone_shows_nothing(virtual: Any, axis: Any) -> None:
    """The person of the trial is deleted before its calls leave: the next one is tried."""

    async def main() -> None:
        async with virtual(persons=40) as a:
            give_all(a)
            plan = await a.plan(operation=unset())
            first: UUID = a.everybody[0]

            async def delete() -> None:
                await a.server.arrived(1, action="retrieve")
                a.server.world.remove_person(first)

            async with anyio.create_task_group() as group:
                group.start_soon(delete)
                report = await run_job(a.client, plan, a.journal, approve=plan.digest)
            assert axis(report, "properties") == {"gone_with_person": 1, "changed_confirmed": 39}
            assert results(a) == [True]
            assert Counter(calls(a)) == {5: 39, 1: 1}

    run_virtual(main())


def test_every_call_of_a_trial_has_its_intent(virtual: Any) -> None:
    async def main() -> None:
        async with virtual(persons=30) as a:
            give_all(a)
            await a.run(await a.plan(operation=unset()))
            first, *others = a.of(Intent)
            assert (first.route, first.requests, expand(first.targets)) == ("delete_property", 2, [0])
            assert sum(each.requests for each in others) == 29

    run_virtual(main())


@pytest.mark.slow
def test_a_person_that_others_change_before_its_calls_shows_nothing(virtual: Any, axis: Any) -> None:
    """Others remove all but one of its properties: it gets one call with one key, which shows nothing about lists."""

    async def main() -> None:
        async with virtual(persons=40, **NESTING) as a:
            give_all(a)
            plan = await a.plan(operation=unset())

            async def change() -> None:
                await a.server.arrived(1, action="retrieve")
                a.server.world.unset_properties(a.everybody[0], KEYS[1:])

            async with anyio.create_task_group() as group:
                group.start_soon(change)
                report = await a.run(plan)
            assert axis(report, "properties") == {"changed_confirmed": 40}
            assert results(a) == [False]
            assert calls(a)[:3] == [1, 5, 1]
            assert done(a) == 40

    run_virtual(main())
