"""A before-image is on disk before each change, and reverting brings persons back to what they had (guarantee 36)."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncclient import RequestFinished
from asyncclient.testing import Fault
from bulk import (
    FileTrouble,
    Refused,
    UnsetProperties,
    UpdateProperties,
    make_plan,
    open_rows,
    plan_revert,
    run_job,
)
from bulk.errors import WriteFailed
from bulk.journal.records import Intent
from bulk.journal.storage import Journal
from bulk.journal.writer import JournalWriter
from bulk.number_ranges import expand
from bulk.undo.before_records import Before, before_framing

ROUTES = ["rest", "capture"]
NEW = {"plan": "archived", "score": 2.5, "note": None}
OLD = {"plan": "old", "email": "old@example.com", "score": 1}


def before_entries(path: Path) -> list[Before]:
    found: list[Any] = []
    Journal.read(path, before_framing(), found.append)
    return [each for each in found if isinstance(each, Before)]


def operations(route: str, keep: Path) -> list[Any]:
    return [
        UpdateProperties(NEW, route=route, keep_before=str(keep)),
        UnsetProperties(("plan", "email", "none_has_it"), route=route, keep_before=str(keep)),
    ]


async def run_revert(a: Any, keep: Path, **options: Any) -> Any:
    plan = await plan_revert(a.client, keep, a.folder / "revert.plan.jsonl", **options)
    report = await run_job(a.client, plan, a.folder / "revert.journal.jsonl", approve=plan.digest)
    return plan, report


def finding(plan: Any) -> dict[str, Any]:
    return next(each for each in plan.findings if each["kind"] == "revert")


def vary(a: Any) -> None:
    """Give every third person one of the properties, so that some have them and some do not."""
    for number, uuid in enumerate(a.everybody):
        if number % 3 == 0:
            a.server.world.set_properties(uuid, {"plan": f"own {number}", "note": [number]})
        elif number % 3 == 1:
            a.server.world.unset_properties(uuid, ("plan", "email"))


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("route", ROUTES)
async def test_an_update_or_unset_and_its_revert_leave_all_persons_as_before(
    arena: Any, axis: Any, route: str, kind: int
) -> None:
    async with arena(persons=150) as a:
        vary(a)
        before, keep = a.properties(), a.folder / "before.jsonl"
        report = await a.run(await a.plan(a.everybody[:100], operations(route, keep)[kind]))
        assert report.exit_code == 0
        assert a.properties() != before
        assert stat.S_IMODE(keep.stat().st_mode) == 0o600
        plan, reverted = await run_revert(a, keep, route=route)
        assert reverted.exit_code == 0
        assert plan.count == finding(plan)["count"] - finding(plan)["as_before"]["count"]
        assert a.properties() == before


@pytest.mark.parametrize("route", ROUTES)
async def test_values_per_person_are_reverted(arena: Any, route: str) -> None:
    async with arena(persons=90) as a:
        vary(a)
        before, keep = a.properties(), a.folder / "before.jsonl"
        rows = open_rows(
            [{"uuid": uuid, "plan": f"p {n}", "own": n} for n, uuid in enumerate(a.everybody)], id_column="uuid"
        )
        operation = UpdateProperties.per_person(rows, route=route, keep_before=str(keep))
        plan = await make_plan(a.client, operation, rows, a.folder / "job.plan.jsonl")
        assert (await a.run(plan)).exit_code == 0
        _, report = await run_revert(a, keep)
        assert report.exit_code == 0
        assert a.properties() == before


async def test_a_job_that_sets_once_is_reverted_where_it_set_something(arena: Any) -> None:
    async with arena(persons=60) as a:
        vary(a)
        before, keep = a.properties(), a.folder / "before.jsonl"
        operation = UpdateProperties({"plan": "x", "first": 1}, once=True, keep_before=str(keep))
        assert (await a.run(await a.plan(operation=operation))).exit_code == 0
        assert a.properties() != before
        await run_revert(a, keep)
        assert a.properties() == before


async def test_persons_that_others_changed_since_are_left_and_named_and_gone_ones_stay_gone(arena: Any) -> None:
    async with arena(persons=60) as a:
        vary(a)
        before, keep = a.properties(), a.folder / "before.jsonl"
        await a.run(await a.plan(operation=operations("rest", keep)[0]))
        by_others, gone = a.everybody[10], a.everybody[20]
        a.server.world.set_properties(by_others, {"score": 99})
        a.server.world.remove_person(gone)
        plan, report = await run_revert(a, keep)
        assert report.exit_code == 0
        assert finding(plan)["changed"] == {"count": 1, "targets": "10"}
        assert finding(plan)["gone"] == {"count": 1, "targets": "20"}
        now = a.properties()
        assert now[by_others] == {**before[by_others], **NEW, "score": 99}
        assert gone not in now
        assert {u: p for u, p in now.items() if u != by_others} == {
            u: p for u, p in before.items() if u not in (by_others, gone)
        }
        with pytest.raises(Refused, match=r"1 was changed by others since \(10\), 58 are .*, 1 is gone \(20\)"):
            await plan_revert(a.client, keep, a.folder / "again.plan.jsonl")
        assert not (a.folder / "again.plan.jsonl").exists()


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("route", ROUTES)
async def test_each_entry_is_synced_before_the_intent_of_its_change(
    arena: Any, monkeypatch: pytest.MonkeyPatch, route: str, kind: int
) -> None:
    """When the record of an intent is appended, the entries of all its targets are on disk."""
    async with arena(persons=120) as a:
        keep = a.folder / "before.jsonl"
        synced: list[set[int]] = [set()]
        durable, append = JournalWriter.durable, JournalWriter.append

        async def noting_durable(self: Any) -> None:
            await durable(self)
            if self.path == keep:
                synced.append({entry.target for entry in before_entries(keep)})

        def checking_append(self: Any, record: Any) -> None:
            if isinstance(record, Intent):
                assert {*expand(record.targets)} <= synced[-1]
                checked.append(record)
            append(self, record)

        checked: list[Intent] = []
        monkeypatch.setattr(JournalWriter, "durable", noting_durable)
        monkeypatch.setattr(JournalWriter, "append", checking_append)
        await a.run(await a.plan(operation=operations(route, keep)[kind]), batch_size=25)
        assert checked


async def plan_of_several_calls(a: Any, keep: Path) -> Any:
    """Plan changes that take an older server three calls per person: a read between them shows a part of the change."""
    for uuid in a.everybody:
        a.server.world.set_properties(uuid, OLD)
    file = a.folder / "values.csv"
    file.write_text("uuid,plan,email,score\n" + "".join(f"{uuid},p{n},,\n" for n, uuid in enumerate(a.everybody)))
    rows = open_rows(file, id_column="uuid", empty_is="unset")
    operation = UpdateProperties.per_person(rows, route="rest", keep_before=str(keep))
    return await make_plan(a.client, operation, rows, a.folder / "job.plan.jsonl")


def check_first_entries(keep: Path, persons: int) -> None:
    entries = {entry.target: entry for entry in before_entries(keep)}
    assert len(entries) == persons
    assert all(entry.had == OLD for entry in entries.values())


async def test_the_entry_of_a_person_is_what_it_had_before_the_first_change_was_sent(arena: Any) -> None:
    """A change that is sent again is read first, and that read shows a part of the change."""
    async with arena(persons=30, delete_property_lists=False) as a:
        keep = a.folder / "before.jsonl"
        plan = await plan_of_several_calls(a, keep)
        before = a.properties()
        a.server.faults.add(Fault("status", action="delete_property", status=500, when="after", every=4, times=9))
        assert (await a.run(plan)).exit_code == 0
        assert max(a.times_intended("properties").values()) > 1
        check_first_entries(keep, 30)
        await run_revert(a, keep)
        assert a.properties() == before


@pytest.mark.parametrize("request_number", [9, 10, 11])
async def test_a_resume_keeps_the_entries_of_changes_that_were_sent_in_part(arena: Any, request_number: int) -> None:
    async with arena(persons=20, delete_property_lists=False) as a:
        keep = a.folder / "before.jsonl"
        plan = await plan_of_several_calls(a, keep)
        await cancelled_at(a, plan, request_number, concurrency=1)
        assert (await a.run(plan)).exit_code == 0
        check_first_entries(keep, 20)


async def test_an_existing_file_is_never_overwritten(arena: Any) -> None:
    async with arena(persons=30) as a:
        keep = a.folder / "before.jsonl"
        keep.write_text("mine")
        with pytest.raises(FileTrouble, match="exists"):
            await a.plan(operation=operations("rest", keep)[0])
        keep.unlink()
        plan = await a.plan(operation=operations("rest", keep)[0])
        keep.write_text("mine\n")
        with pytest.raises(FileTrouble, match="not a before-image of this job"):
            await a.run(plan)
        assert keep.read_text() == "mine\n"
        assert not a.journal.exists()
        assert not a.sent()


async def test_a_before_image_is_neither_the_plan_nor_the_journal(arena: Any) -> None:
    async with arena(persons=30) as a:
        plan_path, keep = a.folder / "same.plan.jsonl", a.folder / "before.jsonl"
        with pytest.raises(FileTrouble, match="is the plan and cannot be the before-image too"):
            await a.plan(operation=operations("rest", plan_path)[0], name="same")
        assert not a.server.requests
        with pytest.raises(FileTrouble, match="is the journal and cannot be the before-image too"):
            await a.run(await a.plan(operation=operations("rest", a.journal)[0]))
        assert not a.journal.exists()
        assert not a.sent()
        await a.run(await a.plan(operation=operations("rest", keep)[0], name="kept"))
        with pytest.raises(FileTrouble, match="is the plan and cannot be the before-image too"):
            await plan_revert(a.client, keep, plan_path, keep_before=str(plan_path))
        assert not plan_path.exists()


async def test_a_before_image_that_is_gone_stops_the_job(arena: Any) -> None:
    async with arena(persons=30) as a:
        keep = a.folder / "before.jsonl"
        plan = await a.plan(operation=operations("rest", keep)[0])
        await a.run(plan)
        sent = len(a.sent())
        keep.rename(a.folder / "elsewhere")
        with pytest.raises(FileTrouble, match="is missing"):
            await a.run(plan)
        assert len(a.sent()) == sent


async def test_the_journal_names_neither_the_file_nor_a_value(arena: Any) -> None:
    async with arena(persons=30) as a:
        keep = a.folder / "before-of-jane.jsonl"
        plan = await a.plan(operation=operations("rest", keep)[0])
        await a.run(plan)
        assert "jane" not in a.journal.read_text()
        assert '"keep_before":true' in a.journal.read_text()


async def test_another_file_is_refused_before_any_request(arena: Any) -> None:
    async with arena(persons=30) as a:
        keep, path = a.folder / "before.jsonl", a.folder / "revert.plan.jsonl"
        plan = await a.plan(operation=operations("rest", keep)[0])
        await a.run(plan)
        for other in (plan.path, a.journal):
            with pytest.raises(FileTrouble, match="not a before-image"):
                await plan_revert(a.client, other, path)
        requests = len(a.server.requests)
        assert len(a.server.requests) == requests


async def cancelled_at(a: Any, plan: Any, request: int, **options: Any) -> None:
    """Run the job, and end it after a number of requests as a killed process ends."""
    seen = 0
    with anyio.CancelScope() as scope:

        def count(event: object) -> None:
            nonlocal seen
            seen += isinstance(event, RequestFinished)
            if seen == request:
                scope.cancel()

        await run_job(a.client.observed(count), plan, a.journal, approve=plan.digest, **options)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("route", ROUTES)
async def test_a_job_killed_after_any_request_is_resumed_and_reverted(
    arena: Any, case_count: Callable[[int, int], int], route: str, kind: int
) -> None:
    for request in range(2 + 2 * kind, 22, case_count(4, 1)):
        async with arena(persons=40) as a:
            vary(a)
            before, keep = a.properties(), a.folder / "before.jsonl"
            plan = await a.plan(operation=operations(route, keep)[kind])
            await cancelled_at(a, plan, request, batch_size=10, concurrency=2)
            assert (await a.run(plan, batch_size=10, concurrency=2)).exit_code == 0
            _, report = await run_revert(a, keep)
            assert report.exit_code == 0
            assert a.properties() == before
            for path in (plan.path, a.journal, keep, *a.folder.glob("revert*"), *a.folder.glob("*.receipts")):
                path.unlink(missing_ok=True)


async def test_an_entry_that_a_kill_left_incomplete_is_cut_off_and_written_again(arena: Any) -> None:
    async with arena(persons=60) as a:
        vary(a)
        before, keep = a.properties(), a.folder / "before.jsonl"
        plan = await a.plan(operation=operations("rest", keep)[1])
        await cancelled_at(a, plan, 12, batch_size=10)
        whole = keep.read_bytes()
        assert whole.count(b"\n") > 2
        keep.write_bytes(whole + whole.splitlines()[-1][:40])  # an entry whose change was never sent
        assert (await a.run(plan)).exit_code == 0
        assert keep.read_bytes().startswith(whole)
        await run_revert(a, keep)
        assert a.properties() == before


async def test_a_damaged_before_image_is_refused_with_its_line(arena: Any) -> None:
    async with arena(persons=40) as a:
        keep = a.folder / "before.jsonl"
        plan = await a.plan(operation=operations("rest", keep)[0])
        await cancelled_at(a, plan, 20, batch_size=10)
        lines = keep.read_bytes().splitlines(keepends=True)
        keep.write_bytes(b"".join([*lines[:2], lines[2].replace(b"e", b"f", 1), *lines[3:]]))
        sent = len(a.sent())
        for attempt in (a.run(plan), plan_revert(a.client, keep, a.folder / "revert.plan.jsonl")):
            with pytest.raises(FileTrouble, match="line 3"):
                await attempt
        assert len(a.sent()) == sent


async def test_an_entry_that_cannot_be_synced_stops_the_job_before_its_change(
    arena: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with arena(persons=40) as a:
        keep = a.folder / "before.jsonl"
        plan = await a.plan(operation=operations("rest", keep)[0])
        durable = JournalWriter.durable

        async def failing(self: Any) -> None:
            if self.path == keep and self.next_n > 1:
                raise WriteFailed(keep, "a sync failed: No space left on device")
            await durable(self)

        monkeypatch.setattr(JournalWriter, "durable", failing)
        with pytest.raises(FileTrouble, match="No space left"):
            await a.run(plan)
        assert not a.sent()
