"""Cancelled waiters lose nothing, and nothing is written after the first failed write or sync."""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bulk.errors import JournalDamaged, WriteFailed
from bulk.journal.framing import Clean
from bulk.journal.locked_file import LockedFile
from bulk.journal.storage import Journal
from bulk.journal.writer import JournalWriter
from tests.bulk.journal.numbered_notes import FRAMING, OPENED, Note, turns


async def test_a_cancelled_waiter_affects_no_other_and_loses_nothing(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        first = await disk.held(writer, Note(1))
        others = []
        for number in (2, 3, 4):
            writer.append(Note(number))
            others.append(asyncio.create_task(writer.durable()))
        await turns()
        first.cancel()
        others[1].cancel()
        await turns()
        assert first.cancelled()
        assert others[1].cancelled()
        disk.gate.set()
        await asyncio.gather(others[0], others[2])
        assert disk.numbers() == [1, 2, 3, 4]


async def test_a_record_whose_only_waiter_is_cancelled_is_still_written(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        writer.append(Note(1))
        task = asyncio.create_task(writer.durable())
        await asyncio.sleep(0)
        task.cancel()
        await disk.begun.wait()
        assert disk.numbers() == [1]


async def test_a_cancelled_close_still_closes_and_keeps_all_records(disk: Any) -> None:
    writer = disk.writer()
    writer.append(OPENED)
    first = await disk.held(writer, Note(1))
    writer.append(Note(2))
    waiting = asyncio.create_task(writer.durable())
    closing = asyncio.create_task(writer.aclose())
    await turns()
    closing.cancel()
    disk.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(disk.fd)
    assert disk.numbers() == [1, 2]
    assert len(disk.syncs) == 1
    with pytest.raises(WriteFailed, match="the journal is closed"):
        await waiting
    with suppress(WriteFailed):  # its sync came through, but was heard of too late
        await first


Failing = Callable[[Any], None]


def _sync_fails(disk: Any) -> None:
    disk.sync_error = OSError(errno.EIO, "")


def _sync_breaks(disk: Any) -> None:
    disk.sync_error = RuntimeError("secret")


def _disk_full(disk: Any) -> None:
    disk.write_error = OSError(errno.ENOSPC, "")


def _short(disk: Any) -> None:
    disk.short_by = 1


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (_sync_fails, "a sync failed: Input/output error"),
        (_sync_breaks, "a sync failed: no cause is known;"),
        (_disk_full, "a write failed: No space left on device"),
        (_short, r"a write was short: \d+ of \d+ bytes"),
    ],
)
async def test_nothing_is_written_after_the_first_failure(disk: Any, fails: Failing, words: str) -> None:
    writer = disk.writer()
    writer.append(OPENED)
    await writer.durable()
    fails(disk)
    for number in range(3):
        writer.append(Note(number))
    waiting = [asyncio.create_task(writer.durable()) for _ in range(3)]
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(outcome, WriteFailed)
    writes, syncs = disk.writes, list(disk.syncs)
    disk.sync_error, disk.write_error, disk.short_by = None, None, 0
    with pytest.raises(WriteFailed, match=words):
        writer.append(Note(9))
    with pytest.raises(WriteFailed, match=words):
        writer.flush()
    for _ in range(2):
        with pytest.raises(WriteFailed, match=words):
            await writer.durable()
    with pytest.raises(WriteFailed, match=words):
        await writer.aclose()
    await writer.aclose()
    assert (disk.writes, disk.syncs) == (writes, syncs)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(disk.fd)


async def test_a_failed_sync_also_reaches_waiters_for_the_next_one(disk: Any) -> None:
    writer = disk.writer()
    writer.append(OPENED)
    first = await disk.held(writer, Note(1))
    writer.append(Note(2))
    second = asyncio.create_task(writer.durable())
    cancelled = asyncio.create_task(writer.durable())
    await turns()
    cancelled.cancel()
    _sync_fails(disk)
    disk.gate.set()
    outcomes = await asyncio.gather(first, second, cancelled, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [WriteFailed, WriteFailed, asyncio.CancelledError]
    assert disk.writes == 1
    assert len(disk.syncs) == 1
    with pytest.raises(WriteFailed):
        await writer.aclose()


async def test_a_failed_write_during_a_sync_starts_no_other_sync(disk: Any) -> None:
    writer = disk.writer()
    writer.append(OPENED)
    first = await disk.held(writer, Note(1))
    _disk_full(disk)
    writer.append(Note(2))
    with pytest.raises(WriteFailed, match="No space left"):
        writer.flush()
    second = asyncio.create_task(writer.durable())
    await turns()
    disk.gate.set()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [WriteFailed, WriteFailed]
    with pytest.raises(WriteFailed):
        await writer.aclose()
    assert len(disk.syncs) == 1
    assert disk.writes == 2


async def test_a_full_device_ends_the_writing() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    writer: JournalWriter[Any] = JournalWriter(LockedFile(Path("/dev/full"), fd), FRAMING, Clean(0, None, 0))
    writer.append(OPENED)
    with pytest.raises(WriteFailed, match=r"/dev/full: a write failed: No space left on device; put the disk right"):
        await writer.durable()
    with pytest.raises(WriteFailed):
        await writer.aclose()


async def test_if_no_thread_can_start_nothing_waits_forever(disk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    writer = disk.writer()
    writer.append(OPENED)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(WriteFailed, match=r"no thread could be started to sync it; end other .* \(ulimit -u\)"):
        await writer.durable()
    monkeypatch.undo()
    with pytest.raises(WriteFailed):
        await writer.aclose()


def _remove(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    path.with_name("other").write_bytes(path.read_bytes())
    path.with_name("other").replace(path)


def _truncate(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize(
    ("lose", "words"),
    [
        (_remove, "was removed or renamed during the run; put the file back"),
        (_replace, "was replaced by another file during the run; put the file back"),
        (_truncate, r"was changed by another program to \d+ bytes instead of \d+ during the run; put the file back"),
    ],
)
@pytest.mark.parametrize("when", ["before the write", "during the sync"])
async def test_records_in_a_lost_file_are_not_durable(
    disk: Any, lose: Callable[[Path], None], words: str, when: str
) -> None:
    writer = disk.writer()
    writer.append(OPENED)
    await writer.durable()
    if when == "during the sync":
        waiting = await disk.held(writer, Note(1))
        lose(disk.path)
        disk.gate.set()
    else:
        lose(disk.path)
        writer.append(Note(1))
        waiting = asyncio.create_task(writer.durable())
    with pytest.raises(WriteFailed, match=words):
        await waiting
    with pytest.raises(WriteFailed, match=words):
        writer.append(Note(2))
    with pytest.raises(WriteFailed, match=words):
        await writer.aclose()
    assert len(disk.syncs) == 2


async def test_a_journal_cut_short_during_the_run_is_damaged(disk: Any) -> None:
    writer = disk.writer()
    for record in (OPENED, Note(1), Note(2)):
        writer.append(record)
    await writer.durable()
    os.truncate(disk.path, disk.path.read_bytes().index(b"\n") + 1)
    writer.append(Note(3))
    with pytest.raises(WriteFailed):
        await writer.aclose()
    with pytest.raises(JournalDamaged, match="line 2 has number 3 instead of 1"):
        Journal.read(disk.path, FRAMING, lambda record: None)


def _exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


async def test_a_forked_child_writes_nothing_into_the_journal(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        pid = os.fork()
        if pid == 0:
            try:
                writer.append(Note(1))
            except WriteFailed as error:
                os._exit(0 if "open in the process that this one was forked from" in str(error) else 1)
            finally:
                os._exit(2)
        assert _exit_code(pid) == 0
        writer.append(Note(2))
        await writer.durable()
    assert disk.numbers() == [2]


async def test_a_forked_child_that_closes_leaves_the_journal_as_it_is(disk: Any) -> None:
    async with disk.writer() as writer:
        writer.append(OPENED)
        await writer.durable()
        writer.append(Note(1))
        pid = os.fork()
        if pid == 0:
            writer._close()  # what closing comes to where no loop runs
            os._exit(0)
        assert _exit_code(pid) == 0
        assert disk.path.read_bytes().count(b"\n") == 1
    assert disk.numbers() == [1]
