"""A file whose syncs the test completes one by one."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bulk.journal.framing import Clean, Framing
from bulk.journal.locked_file import LockedFile
from bulk.journal.storage import Journal
from bulk.journal.writer import JournalWriter
from tests.bulk.journal.numbered_notes import FRAMING


class Disk:
    """A real file whose syncs wait until the test lets them pass or fail; counts writes and syncs."""

    def __init__(self, path: Path, framing: Framing[Any]) -> None:
        self.path = path
        self.framing = framing
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.gate = threading.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.syncs: list[int] = []  # the size of the file at each that was begun
        self.synced = 0  # the size of the file at the last that went well
        self.writes = 0
        self.sync_error: Exception | None = None
        self.write_error: OSError | None = None
        self.short_by = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def writer(self) -> JournalWriter[Any]:
        self._loop = asyncio.get_running_loop()
        file = LockedFile(self.path, self.fd)
        return JournalWriter(file, self.framing, Clean(0, None, 0), fdatasync=self._sync, write=self._write)

    def _sync(self, fd: int) -> None:
        assert threading.current_thread() is not threading.main_thread()
        assert self._loop is not None
        size = os.fstat(fd).st_size
        self.syncs.append(size)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.begun.set)
        assert self.gate.wait(30)
        if self.sync_error:
            raise self.sync_error
        self.synced = size

    def _write(self, fd: int, data: bytes) -> int:
        assert threading.current_thread() is threading.main_thread()
        self.writes += 1
        if self.write_error:
            raise self.write_error
        return os.write(fd, data[: len(data) - self.short_by])

    def numbers(self) -> list[int]:
        """Return what the notes in the file say, which are all records but the first."""
        found: list[Any] = []
        Journal.read(self.path, self.framing, found.append)
        return [record.number for record in found[1:]]

    def lines_synced(self) -> int:
        """Return how many lines the last good sync found in the file."""
        return self.path.read_bytes()[: self.synced].count(b"\n")

    async def held(self, writer: JournalWriter[Any], record: Any) -> "asyncio.Task[None]":
        """Close the gate and return when a sync of one more record waits in front of it."""
        self.gate.clear()
        self.begun.clear()
        writer.append(record)
        task = asyncio.create_task(writer.durable())
        await self.begun.wait()
        return task


@pytest.fixture(scope="session")
def make_disk() -> type[Disk]:
    """Return the class, for tests that need another disk: `make_disk(path, framing)`."""
    return Disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk with a journal of numbered notes."""
    disk = Disk(tmp_path / "x.journal.jsonl", FRAMING)
    yield disk
    disk.gate.set()
