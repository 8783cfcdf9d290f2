"""A run that loses its journal sends nothing more, and only the process that holds the file of that name sends."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncclient.testing.request_record import RequestLog
from bulk import DeletePersons, verify_job
from bulk.errors import JournalDamaged, WriteFailed
from bulk.events import JobStarted
from bulk.journal.records import Intent

EVENTS = DeletePersons(delete_events=True)


def _remove(journal: Path) -> None:
    journal.unlink()


def _rename(journal: Path) -> None:
    journal.rename(journal.with_name("kept"))


def _replace(journal: Path) -> None:
    journal.with_name("copy").write_bytes(journal.read_bytes())
    journal.with_name("copy").replace(journal)


def _empty(journal: Path) -> None:
    os.truncate(journal, 0)


def _cut(journal: Path) -> None:
    os.truncate(journal, journal.read_bytes().rindex(b"\n", 0, -1) + 1)


LOSSES: dict[Callable[[Path], None], str] = {
    _remove: "was removed or renamed during the run; put the file back",
    _rename: "was removed or renamed during the run; put the file back",
    _replace: "was replaced by another file during the run; put the file back",
    _empty: "was changed by another program to .* during the run; put the file back",
    _cut: "was changed by another program to .* during the run; put the file back",
}


def at_change(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> list[int]:
    """Act when the server gets the request of that number; return a list that grows with each later one."""
    arrived: list[int] = []
    add = RequestLog.add

    def counted(log: RequestLog, request: Any, **options: Any) -> None:
        add(log, request, **options)
        if request.action == "bulk_delete" and request.method == "POST":
            arrived.append(len(arrived) + 1)
            if len(arrived) == number:
                act()

    monkeypatch.setattr(RequestLog, "add", counted)
    return arrived


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("concurrency", [1, 4])
async def test_no_intent_is_written_after_the_journal_is_lost(
    arena: Any, monkeypatch: pytest.MonkeyPatch, loss: Callable[[Path], None], concurrency: int
) -> None:
    async with arena(persons=200) as a:
        plan = await a.plan(operation=EVENTS)
        arrived = at_change(monkeypatch, 6, lambda: loss(a.journal))
        with pytest.raises(WriteFailed, match=LOSSES[loss]):
            await a.run(plan, batch_size=10, concurrency=concurrency)
        assert 6 <= len(arrived) < 6 + concurrency  # and those of other workers whose intent was on disk before
        assert a.server.world.count() > 100


@pytest.mark.parametrize("loss", [_empty, _cut], ids=lambda loss: loss.__name__)
async def test_a_journal_cut_short_during_a_run_is_refused_later(
    arena: Any, monkeypatch: pytest.MonkeyPatch, loss: Callable[[Path], None]
) -> None:
    async with arena(persons=100) as a:
        plan = await a.plan(operation=EVENTS)
        at_change(monkeypatch, 4, lambda: loss(a.journal))
        with pytest.raises(WriteFailed):
            await a.run(plan, batch_size=10, concurrency=1)
        sent = len(a.sent())
        with pytest.raises(JournalDamaged):
            await a.run(plan)
        assert len(a.sent()) == sent


async def test_a_renamed_journal_resumes_once_it_is_put_back(arena: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with arena(persons=100) as a:
        plan = await a.plan(operation=EVENTS)
        at_change(monkeypatch, 4, lambda: _rename(a.journal))
        with pytest.raises(WriteFailed):
            await a.run(plan, batch_size=10, concurrency=1)
        a.journal.with_name("kept").rename(a.journal)
        assert (await a.run(plan)).exit_code == 0
        assert a.server.world.count() == 0


async def test_after_its_journal_was_replaced_a_run_sends_nothing_more(
    arena: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed, second_runs = anyio.Event(), anyio.Event()

    async with arena(persons=100) as a:
        plan = await a.plan(operation=EVENTS)
        persons = type(a.client.persons)
        bulk_delete = persons.bulk_delete

        async def responds_late(*args: Any, **options: Any) -> Any:
            response = await bulk_delete(*args, **options)
            if removed.is_set():
                await second_runs.wait()
            return response

        def remove() -> None:
            a.journal.unlink()
            removed.set()

        def begun(event: Any) -> None:
            if isinstance(event, JobStarted):
                second_runs.set()

        async def first() -> None:
            with pytest.raises(WriteFailed, match="was replaced by another file during the run"):
                await a.run(plan, batch_size=10, concurrency=1)

        monkeypatch.setattr(persons, "bulk_delete", responds_late)
        at_change(monkeypatch, 4, remove)
        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await removed.wait()
            await a.run(plan, batch_size=10, on_progress=begun)
        assert len(a.sent()) == 4 + len(a.of(Intent))
        assert a.server.world.count() == 0


@pytest.mark.slow
async def test_a_child_forked_during_a_run_neither_keeps_the_journal_nor_harms_it(arena: Any) -> None:
    read, write = os.pipe()
    children: list[int] = []

    def fork(event: Any) -> None:
        if children:
            return
        children.append(os.fork())
        if children[0] == 0:  # lives on, like a worker process of an application
            os.close(write)
            os.read(read, 1)
            os._exit(0)

    async with arena(persons=40) as a:
        plan = await a.plan(operation=EVENTS)
        try:
            assert (await a.run(plan, batch_size=10, on_progress=fork)).exit_code == 0
            assert (await verify_job(a.client, plan, a.journal)).exit_code is not None
        finally:
            os.close(write)
            os.close(read)
            await anyio.to_thread.run_sync(os.waitpid, children[0], 0)


async def test_a_thread_that_cannot_start_is_not_reported_as_a_disk_error(
    arena: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def no_thread(self: threading.Thread) -> None:
        if self.name == "journal-sync":
            raise RuntimeError("can't start new thread")
        start(self)

    async with arena(persons=20) as a:
        plan = await a.plan(operation=EVENTS)
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(WriteFailed, match="no thread could be started to sync it; end other programs"):
            await a.run(plan)
        assert a.sent() == []
        monkeypatch.undo()
        assert (await a.run(plan)).exit_code == 0
