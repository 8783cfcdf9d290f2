"""Group commit: durable means on disk, one sync serves many records, and closing syncs everything."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.errors import JournalBusy, WriteFailed
from bulk.journal.framing import Clean
from bulk.journal.storage import Journal
from tests.bulk.journal.numbered_notes import FRAMING, OPENED, Note, turns


async def test_durable_returns_only_after_the_sync(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        task = await disk.held(writer, Note(1))
        await turns()
        assert not task.done()
        disk.gate.set()
        await task
        assert disk.syncs == [disk.path.stat().st_size]
        assert disk.numbers() == [1]


async def test_records_appended_during_a_sync_share_the_next_one(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        first = await disk.held(writer, Note(0))

        async def one(number: int) -> None:
            writer.append(Note(number))
            await writer.durable()

        others = [asyncio.create_task(one(number)) for number in range(1, 33)]
        await turns()
        assert len(disk.syncs) == 1
        assert disk.numbers() == [0]
        disk.gate.set()
        await asyncio.gather(first, *others)
        assert len(disk.syncs) == 2
        assert disk.writes == 2
        assert disk.numbers() == list(range(33))


async def test_tasks_that_are_ready_together_share_a_sync(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)

        async def worker(number: int) -> None:
            for turn in range(3):
                writer.append(Note(number * 10 + turn))
                await writer.durable()

        await asyncio.gather(*(worker(number) for number in range(32)))
        assert len(disk.syncs) == 3


async def test_a_record_written_during_a_sync_does_not_count_as_synced(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        first = await disk.held(writer, Note(1))
        writer.append(Note(2))
        writer.flush()
        second = asyncio.create_task(writer.durable())
        await turns()
        disk.begun.clear()
        disk.gate.set()
        await first
        await second
        assert len(disk.syncs) == 2


async def test_a_record_flushed_during_a_sync_needs_another_sync(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        first = await disk.held(writer, Note(1))
        writer.append(Note(2))
        writer.flush()
        disk.gate.set()
        await first
        assert len(disk.syncs) == 1
        await writer.durable()
        assert len(disk.syncs) == 2


async def test_a_waiter_whose_records_a_running_sync_covers_needs_no_other_sync(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        first = await disk.held(writer, Note(1))
        second = asyncio.create_task(writer.durable())
        await turns()
        disk.gate.set()
        await asyncio.gather(first, second)
        assert len(disk.syncs) == 1


async def test_without_new_records_there_is_no_sync(disk: Any) -> None:
    async with disk.writer() as writer:
        await writer.durable()
        writer.append(OPENED)
        await writer.durable()
        await writer.durable()
        assert len(disk.syncs) == 1


async def test_flush_writes_without_a_sync(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        writer.append(Note(1))
        assert disk.writes == 0
        writer.flush()
        writer.flush()
        assert disk.numbers() == [1]
        assert disk.writes == 1
        assert disk.syncs == []
        await writer.durable()
        assert disk.writes == 1
        assert len(disk.syncs) == 1


async def test_many_unsynced_records_are_not_kept_in_memory(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        for number in range(30):
            writer.append(Note(number, "x" * 100_000))
        assert disk.path.stat().st_size > 2_000_000


async def test_closing_writes_syncs_and_releases(disk: Any) -> None:
    threads = threading.active_count()
    tasks = asyncio.all_tasks()
    writer = disk.writer()
    writer.append(OPENED)
    writer.append(Note(1))
    await writer.aclose()
    await writer.aclose()
    assert disk.numbers() == [1]
    assert disk.syncs == [disk.path.stat().st_size]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(disk.fd)
    assert threading.active_count() == threads
    assert asyncio.all_tasks() == tasks
    for late in (lambda: writer.append(Note(2)), writer.flush):
        with pytest.raises(WriteFailed, match="the journal is closed"):
            late()
    with pytest.raises(WriteFailed, match="the journal is closed"):
        await writer.durable()


async def test_closing_waits_for_the_running_sync_and_for_all_appended_records(disk: Any) -> None:
    writer = disk.writer()
    writer.append(OPENED)
    first = await disk.held(writer, Note(1))
    writer.append(Note(2))
    closing = asyncio.create_task(writer.aclose())
    await turns()
    assert not closing.done()
    with pytest.raises(WriteFailed, match="the journal is closed"):
        writer.append(Note(3))
    disk.gate.set()
    await asyncio.gather(first, closing)
    assert len(disk.syncs) == 2
    assert disk.numbers() == [1, 2]


async def test_first_record_must_name_the_job(disk: Any) -> None:
    async with disk.writer() as writer:
        with pytest.raises(ValueError, match="must name its job"):
            writer.append(Note(1))
        writer.append(OPENED)
        assert writer.next_n == 1


async def test_the_journal_is_unlocked_after_its_writer_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "x.journal.jsonl"
    for _ in range(2):
        async with Journal.open(path, FRAMING, lambda record: None).writer() as writer:
            writer.append(OPENED if writer.next_n == 0 else Note(1))
            with pytest.raises(JournalBusy):
                Journal.open(path, FRAMING, lambda record: None)
    end = Journal.read(path, FRAMING, lambda record: None)
    assert isinstance(end, Clean)
    assert end.next_n == 2


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_writer_works_on_any_event_loop(tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def main() -> None:
        async with Journal.open(tmp_path / "x", FRAMING, lambda record: None).writer() as writer:
            writer.append(OPENED)
            await writer.durable()

            async def worker(number: int) -> None:
                for _ in range(20):
                    writer.append(Note(number))
                    await writer.durable()

            await asyncio.gather(*(worker(number) for number in range(8)))

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
    end = Journal.read(tmp_path / "x", FRAMING, lambda record: None)
    assert isinstance(end, Clean)
    assert end.next_n == 161


def test_an_event_loop_that_ends_during_a_sync_causes_no_error(tmp_path: Path, make_disk: Callable[..., Any]) -> None:
    disk = make_disk(tmp_path / "x", FRAMING)

    async def main() -> None:
        writer = disk.writer()
        writer.append(OPENED)
        await disk.held(writer, Note(1))

    asyncio.run(main())
    disk.gate.set()
    os.close(disk.fd)


steps = st.lists(st.sampled_from(["append", "durable", "flush", "cancel", "turn", "open", "shut"]), max_size=40)


@pytest.mark.slow
@settings(deadline=None)
@given(steps)
def test_confirmed_records_are_on_disk_in_any_order_of_calls(make_disk: Callable[..., Any], steps: list[str]) -> None:
    async def main(path: Path) -> None:
        disk = make_disk(path, FRAMING)
        writer = disk.writer()
        writer.append(OPENED)
        number = 0
        waiters: list[tuple[int, asyncio.Task[None]]] = []
        for step in steps:
            if step == "append":
                writer.append(Note(number))
                number += 1
            elif step == "durable":
                waiters.append((number, asyncio.create_task(writer.durable())))
            elif step == "flush":
                writer.flush()
            elif step == "cancel" and waiters:
                waiters[-1][1].cancel()
            elif step == "turn":
                await asyncio.sleep(0)
            elif step == "open":
                disk.gate.set()
            elif step == "shut":
                disk.gate.clear()
            for count, task in waiters:
                if task.done() and not task.cancelled():
                    task.result()
                    assert disk.lines_synced() >= count + 1
        disk.gate.set()
        await writer.aclose()
        await asyncio.gather(*(task for _, task in waiters), return_exceptions=True)
        assert disk.numbers() == list(range(number))
        assert disk.lines_synced() == number + 1

    with TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "x"))
