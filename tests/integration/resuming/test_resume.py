"""Interrupting and resuming jobs: targets in flight are read first, and the result is that of an uninterrupted run
(guarantees 2, 5 to 8, 16, 23)."""

import errno
import os
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from asyncclient import ClientEvent, PostHogClient, RequestFinished
from asyncclient.testing import Fault
from bulk import DeletePersons, FileTrouble, JournalBusy, Refused, read_report
from bulk.errors import WriteFailed
from bulk.events import JobStarted
from bulk.journal.records import Intent, RunEnded, RunStarted

EVENTS = DeletePersons(delete_events=True)


class Interrupted(BaseException):
    """An exception that stands in for a kill of the process."""


async def cancelled_at(a: Any, plan: Any, request: int, **options: Any) -> None:
    """Run the job and cancel it after a number of requests."""
    seen = 0
    with anyio.CancelScope() as scope:

        def count(event: ClientEvent) -> None:
            nonlocal seen
            if isinstance(event, RequestFinished):
                seen += 1
                if seen == request:
                    scope.cancel()

        client = a.client
        a.client = client.observed(count)
        try:
            await a.run(plan, **options)
        finally:
            a.client = client


@pytest.mark.slow
@pytest.mark.parametrize("era", ["summary", "queued"])
async def test_a_job_cancelled_after_any_request_converges(
    arena: Any, axis: Any, case_count: Callable[[int, int], int], era: str
) -> None:
    step = case_count(2, 1)  # by default the odd ones in one era, and the even ones in the other
    for request in range(step if era == "queued" else 1, 34, step):
        async with arena(persons=60, era=era) as a:
            plan = await a.plan()
            await cancelled_at(a, plan, request, batch_size=10, concurrency=3)
            report = await a.run(plan, batch_size=10, concurrency=3)
            assert report.exit_code == 0
            assert a.server.world.count() == 0
            assert a.server.world.events_orphaned() == set()
            for name in ("person", "events", "recordings"):
                assert sum(axis(report, name).values()) == 60
                assert max(a.times_intended("person").values()) <= 2
            a.remove_files()


@pytest.mark.slow
async def test_a_job_interrupted_many_times_still_converges(arena: Any, axis: Any) -> None:
    async with arena(persons=120) as a:
        plan = await a.plan()
        for _ in range(60):
            await cancelled_at(a, plan, 9, batch_size=10, concurrency=2)
        report = await a.run(plan)
        assert report.exit_code == 0
        assert a.server.world.count() == 0


async def test_a_stop_awaits_requests_in_flight_and_sends_no_more(arena: Any) -> None:
    async with arena(persons=400, latency_s=0.01) as a:
        plan, stop = await a.plan(operation=EVENTS), anyio.Event()

        def halt(event: object) -> None:
            if type(event).__name__ == "TestBatchDone":
                stop.set()

        report = await a.run(plan, batch_size=10, concurrency=4, stop=stop, on_progress=halt)
        assert report.exit_code == 75
        records = a.records()
        assert isinstance(records[-1], RunEnded)
        ended = {record.attempt for record in records if type(record).__name__ == "AttemptEnded"}
        assert {record.attempt for record in records if isinstance(record, Intent)} == ended
        sent = len(a.sent())
        assert sent < 10
        assert (await a.run(plan)).exit_code == 0


async def test_no_request_arrives_before_its_intent_is_in_the_journal(
    arena: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asyncclient.testing.request_record import RequestLog

    async with arena(persons=100) as a:
        plan = await a.plan()
        late: list[str] = []
        arrived = 0
        add = RequestLog.add

        def checked(log: RequestLog, request: Any, **options: Any) -> None:
            nonlocal arrived
            if request.action == "bulk_delete" and request.method == "POST":
                arrived += 1
                if a.journal.read_bytes().count(b'"type":"intent"') < arrived:
                    late.append(request.path)
            add(log, request, **options)

        monkeypatch.setattr(RequestLog, "add", checked)
        a.server.faults.add(Fault("status", action="bulk_delete", status=500, every=3))
        await a.run(plan, batch_size=10, concurrency=3)
        assert arrived > 20
        assert late == []


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("call", ["write", "fdatasync"])
@pytest.mark.parametrize("after", [1, 2, 5, 9])
async def test_a_failing_disk_ends_the_run_and_no_request_follows(
    arena: Any, monkeypatch: pytest.MonkeyPatch, call: str, after: int
) -> None:
    from bulk.journal import writer

    calls = 0

    def failing(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == after:
            raise OSError(errno.ENOSPC, "")
        if calls > after:
            raise AssertionError("the descriptor was used after it had failed")
        return getattr(os, call)(*args)

    defaults = dict(writer.JournalWriter.__init__.__kwdefaults__ or {})
    monkeypatch.setattr(writer.JournalWriter.__init__, "__kwdefaults__", {**defaults, call: failing})
    async with arena(persons=200) as a:
        plan = await a.plan(operation=EVENTS)
        with pytest.raises(WriteFailed):
            await a.run(plan, batch_size=10, concurrency=3)
        monkeypatch.undo()
        assert len(a.sent()) <= len([r for r in a.records() if isinstance(r, Intent)])
        report = await a.run(plan)
        assert report.exit_code == 0
        assert a.server.world.count() == 0


async def test_a_second_run_of_the_same_job_ends_at_once(arena: Any) -> None:
    async with arena(persons=100, latency_s=0.02) as a:
        plan = await a.plan(operation=EVENTS)
        started = anyio.Event()

        def on_progress(event: object) -> None:
            if isinstance(event, JobStarted):
                started.set()

        async def first() -> None:
            await a.run(plan, batch_size=10, on_progress=on_progress)

        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await started.wait()
            sent = len(a.sent())
            with pytest.raises(JournalBusy):
                await a.run(plan)
            assert len(a.sent()) <= sent + 8
        assert a.server.world.count() == 0


async def test_the_journal_of_another_job_is_refused(arena: Any) -> None:
    async with arena(persons=40) as a:
        plan = await a.plan(a.everybody[:20])
        await a.run(plan)
        other = await a.plan(a.everybody[20:], name="other")
        with pytest.raises(Refused, match="another job"):
            await a.run(other)
        assert len(a.left()) == 20


async def test_a_damaged_journal_is_refused_with_its_line(arena: Any) -> None:
    async with arena(persons=40) as a:
        plan = await a.plan()
        await a.run(plan, batch_size=10)
        lines = a.journal.read_bytes().split(b"\n")
        at = next(number for number, line in enumerate(lines) if b'"type":"intent"' in line)
        lines[at] = lines[at].replace(b"intent", b"intend")
        a.journal.write_bytes(b"\n".join(lines))
        sent = len(a.sent())
        with pytest.raises(FileTrouble, match=f"line {at + 1} "):
            await a.run(plan)
        assert len(a.sent()) == sent


async def test_an_incomplete_last_record_is_set_aside_and_the_job_resumes(arena: Any, axis: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan()
        await cancelled_at(a, plan, 12, batch_size=10, concurrency=2)
        whole = a.journal.read_bytes()
        a.journal.write_bytes(whole[:-17])
        report = await a.run(plan, batch_size=10)
        assert report.exit_code == 0
        assert a.server.world.count() == 0
        assert list(a.folder.glob("*.torn-*"))


async def test_the_report_is_the_same_bytes_again_and_holds_without_the_plan(arena: Any) -> None:
    from bulk.report.rendering import render_json, render_markdown

    async with arena(persons=40) as a:
        plan = await a.plan()
        first = await a.run(plan)
        for render in (render_json, render_markdown):  # Markdown has times to the minute, JSON to the millisecond
            assert render(first) == render(read_report(a.journal, plan))
        alone = read_report(a.journal)
        assert alone.plan is None
        assert alone.axes == first.axes
        text = a.journal.read_text() + render_markdown(first)
        people = [a.server.world.person(uuid) for uuid in a.everybody]
        assert people == [None] * 40
        for target in plan.targets(0, 40):
            assert str(target.uuid) not in text


async def test_settings_may_change_between_runs(arena: Any) -> None:
    async with arena(persons=60) as a:
        plan = await a.plan()
        await cancelled_at(a, plan, 10, batch_size=10, concurrency=1)
        assert (await a.run(plan, batch_size=7, concurrency=5, wait_s=30.0)).exit_code == 0
        assert [record.batch_size for record in a.records() if isinstance(record, RunStarted)] == [10, 7]


async def test_a_client_of_another_project_is_refused(arena: Any) -> None:
    async with arena(persons=10) as a:
        plan = await a.plan()
        async with PostHogClient(host=a.server.url, project_id=2, personal_api_key=a.server.personal_api_key) as other:
            a.client = other
            with pytest.raises(Refused, match="project 1"):
                await a.run(plan)
        assert a.sent() == []


@pytest.mark.parametrize(
    "options", [{"concurrency": 0}, {"batch_size": 0}, {"batch_size": 1001}, {"wait_s": -1.0}, {"wait_s": float("nan")}]
)
async def test_settings_out_of_range_are_refused_before_any_request(arena: Any, options: dict[str, Any]) -> None:
    async with arena(persons=10) as a:
        plan = await a.plan()
        requests = len(a.server.requests)
        with pytest.raises(ValueError):
            await a.run(plan, **options)
        assert len(a.server.requests) == requests
