"""Real processes with real journals: killed at every system call, with a failing disk, competing for one file."""

import asyncio
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bulk.errors import JournalBusy
from bulk.journal.framing import Framing
from bulk.journal.storage import Journal

PREAMBLE = """
import asyncio, sys
import msgspec
from bulk.errors import FileTrouble, JournalBusy, WriteFailed
from bulk.journal.framing import Framing
from bulk.journal.storage import Journal
class Opened(msgspec.Struct, frozen=True, tag="opened", tag_field="k"):
    job: str
class Note(msgspec.Struct, frozen=True, tag="note", tag_field="k"):
    number: int
FRAMING = Framing(Opened | Note, job=lambda record: record.job if isinstance(record, Opened) else None)
path = sys.argv[1]
def open_journal():
    return Journal.open(path, FRAMING, lambda record: None)
"""
# appends the numbers from where the journal ends, and says each one when it is on disk
APPEND = (
    PREAMBLE
    + """
async def main():
    async with open_journal().writer() as writer:
        if writer.next_n == 0:
            writer.append(Opened("job-1"))
        for _ in range(int(sys.argv[2])):
            number = writer.next_n
            writer.append(Note(number))
            await writer.durable()
            print(number, flush=True)
try:
    asyncio.run(main())
except WriteFailed as error:
    print(error, file=sys.stderr)
    sys.exit(74)
"""
)
OPEN = PREAMBLE + "open_journal().close()\n"
HOLD = (
    PREAMBLE
    + """
try:
    journal = open_journal()
except JournalBusy:
    print("busy", flush=True)
else:
    print("held", flush=True)
    sys.stdin.read()
"""
)


class OpenedJob(msgspec.Struct, frozen=True, tag="opened", tag_field="k"):
    job: str


class Note(msgspec.Struct, frozen=True, tag="note", tag_field="k"):
    number: int


Line = OpenedJob | Note
FRAMING: Framing[Line] = Framing(Line, job=lambda record: record.job if isinstance(record, OpenedJob) else None)
SEED = FRAMING.seed(OpenedJob("job-1"))
LINES = [FRAMING.encode(OpenedJob("job-1"), 0, SEED), *(FRAMING.encode(Note(n), n, SEED) for n in range(1, 4))]

Faulty = Callable[..., "subprocess.CompletedProcess[str]"]
Child = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.slow


def _notes(path: Path) -> list[int]:
    """Open the journal as the next process would; return the numbers in it, which must have no gap."""
    records: list[Line] = []
    Journal.open(path, FRAMING, records.append).close()
    numbers = [record.number for record in records if isinstance(record, Note)]
    assert numbers == list(range(1, len(numbers) + 1))
    return numbers


async def _append(path: Path, count: int) -> None:
    """Append notes as `APPEND` does, without its process."""
    async with Journal.open(path, FRAMING, lambda _: None).writer() as writer:
        if writer.next_n == 0:
            writer.append(OpenedJob("job-1"))
        for _ in range(count):
            writer.append(Note(writer.next_n))
            await writer.durable()


@pytest.mark.parametrize(
    ("call", "when"),
    [
        ("fchmod", 1),
        *(("fsync", n) for n in (1, 2)),
        *(("write", n) for n in (1, 2, 3)),
        *(("fdatasync", n) for n in (1, 3)),
    ],
)
def test_a_kill_while_creating_or_appending_loses_no_confirmed_record(
    path: Path, faulty: Faulty, call: str, when: int
) -> None:
    done = faulty(APPEND, path, 4, call=call, when=when, fault="SIGKILL", only=path if call == "write" else None)
    assert done.returncode == -9, done.stderr
    confirmed = [int(line) for line in done.stdout.split()]
    assert _notes(path)[: len(confirmed)] == confirmed
    assert len(confirmed) == (when - 1 if call in ("write", "fdatasync") else 0)
    asyncio.run(_append(path, 4))
    assert len(_notes(path)) >= len(confirmed) + 4


@pytest.mark.parametrize(
    ("call", "when"),
    [("write", 1), ("fsync", 1), ("link", 1), ("fsync", 2), ("ftruncate", 1), ("fsync", 3), ("fsync", 4)],
)
@pytest.mark.parametrize("fault", ["SIGKILL", "EIO"])
def test_a_repair_killed_anywhere_can_be_repeated(path: Path, faulty: Faulty, call: str, when: int, fault: str) -> None:
    whole, tail = b"".join(LINES), LINES[3][:-7]
    path.write_bytes(whole + tail.replace(b'"n":3', b'"n":4'))
    path.chmod(0o600)
    torn = path.read_bytes()[len(whole) :]
    aside = path.with_name(f"{path.name}.torn-{len(whole)}")
    done = faulty(OPEN, path, call=call, when=when, fault=fault)
    assert done.returncode == (-9 if fault == "SIGKILL" else 1), done.stderr
    assert path.read_bytes()[: len(whole)] == whole
    assert path.stat().st_size == len(whole) or path.read_bytes() == whole + torn
    for _ in range(2):
        assert _notes(path) == [1, 2, 3]
        assert path.read_bytes() == whole
        assert aside.read_bytes() == torn
        assert sorted(os.listdir(path.parent)) == sorted([path.name, aside.name])


@pytest.mark.parametrize(
    ("call", "when", "fault", "words"),
    [
        ("fdatasync", 2, "EIO", "a sync failed: Input/output error"),
        ("write", 2, "ENOSPC", "a write failed: No space left on device"),
        ("write", 2, "short", "a write was short: 3 of "),
    ],
)
def test_a_failing_disk_ends_the_run_and_is_never_reported_as_success(
    path: Path, faulty: Faulty, tmp_path: Path, call: str, when: int, fault: str, words: str
) -> None:
    done = faulty(APPEND, path, 4, call=call, when=when, fault=fault, only=path)
    assert done.returncode == 74
    assert done.stdout == "1\n"
    assert f"{path}: {words}" in done.stderr
    log = tmp_path / "strace.log"
    if log.exists():
        assert log.read_text().count(f"{call}(") == 2
    assert _notes(path)[:1] == [1]


LIMITED = (
    PREAMBLE
    + """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
async def main():
    async with open_journal().writer() as writer:
        writer.append(Opened("job-1"))
        await writer.durable()
        for number in range(1, 20):
            writer.append(Note(number))
        await writer.durable()
try:
    asyncio.run(main())
except WriteFailed as error:
    print(error)
"""
)


def test_a_short_write_ends_the_writing_and_leaves_a_torn_tail(path: Path, child: Child) -> None:
    output, errors = child(LIMITED, path).communicate(timeout=60)
    assert "a write was short: " in output, errors
    assert path.stat().st_size == 300
    assert 0 < len(_notes(path)) < 19
    assert path.stat().st_size < 300


def test_a_writer_killed_at_any_moment_keeps_every_confirmed_record(path: Path, child: Child) -> None:
    moments = random.Random(7)
    confirmed = 0
    for _ in range(10):
        process = child(APPEND, path, 1_000_000)
        assert process.stdout is not None
        for _ in range(moments.randint(1, 200)):
            confirmed = int(process.stdout.readline())
        process.kill()
        rest, _ = process.communicate(timeout=60)
        confirmed = int(rest.split("\n")[-2]) if "\n" in rest else confirmed
        assert len(_notes(path)) >= confirmed
    assert confirmed > 100


def test_one_of_two_processes_continues_and_the_other_exits(path: Path, child: Child) -> None:
    owner = child(HOLD, path)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "held\n"
    output, _ = child(HOLD, path).communicate(timeout=60)
    assert output == "busy\n"
    with pytest.raises(JournalBusy):
        _notes(path)
    assert owner.poll() is None
    owner.kill()
    owner.communicate(timeout=60)
    assert _notes(path) == []


def test_exactly_one_of_many_processes_that_start_together_continues(path: Path, child: Child) -> None:
    processes = [child(HOLD, path) for _ in range(6)]
    said = [process.stdout.readline() for process in processes if process.stdout is not None]
    assert sorted(said) == ["busy\n"] * 5 + ["held\n"]


HUGE = (
    PREAMBLE
    + """
import resource
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
open_journal().close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
)


def test_a_huge_tail_without_line_ends_is_repaired_in_constant_memory(path: Path, child: Child) -> None:
    path.write_bytes(b"".join(LINES))
    path.chmod(0o600)
    os.truncate(path, 300_000_000)
    output, errors = child(HUGE, path).communicate(timeout=120)
    assert int(output) < 80_000, errors
    assert _notes(path) == [1, 2, 3]


def test_replaying_many_records_takes_constant_memory(path: Path, child: Child) -> None:
    with path.open("wb") as file:
        file.write(LINES[0])
        file.writelines(FRAMING.encode(Note(n), n, SEED) for n in range(1, 300_000))
    path.chmod(0o600)
    output: Any
    output, errors = child(HUGE, path).communicate(timeout=120)
    assert int(output) < 20_000, errors
