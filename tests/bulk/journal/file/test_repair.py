"""A torn tail is copied aside and cut off, damage is refused, and reading changes nothing."""

import errno
import fcntl
import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.errors import JournalDamaged, JournalError
from bulk.journal.framing import Clean, TornTail
from bulk.journal.storage import Journal
from tests.bulk.journal.file.four_records import (
    FRAMING,
    LINES,
    RECORDS,
    SEED,
    WHOLE,
    Line,
    Note,
    OpenedJob,
    files_in,
    put,
    replayed,
)

tails = st.one_of(
    st.integers(0, len(WHOLE) - 1).map(lambda at: (WHOLE[:at], WHOLE[:at].count(b"\n"))),
    st.binary(min_size=1, max_size=300).map(lambda tail: (WHOLE + tail, 4)),
    st.integers(1, 9000).map(lambda size: (WHOLE + bytes(size), 4)),
)


@pytest.mark.slow
@settings(deadline=None)
@given(tails)
def test_a_torn_tail_is_copied_aside_and_cut_off_once(torn: tuple[bytes, int]) -> None:
    data, stand = torn
    with TemporaryDirectory() as name:
        path = Path(name) / "x.journal.jsonl"
        put(path, data)
        kept = b"".join(LINES[:stand])
        aside = path.with_name(f"x.journal.jsonl.torn-{len(kept)}") if data != kept else None
        assert replayed(path) == (RECORDS[:stand], stand, aside)
        expected = {path.name: kept}
        if aside:
            expected[aside.name] = data[len(kept) :]
            assert stat.S_IMODE(aside.stat().st_mode) == 0o600
        assert files_in(path.parent) == expected
        assert replayed(path) == (RECORDS[:stand], stand, None)
        assert files_in(path.parent) == expected


async def test_nothing_is_appended_to_a_broken_line(path: Path) -> None:
    put(path, WHOLE[:-5])
    async with Journal.open(path, FRAMING, lambda record: None).writer() as writer:
        writer.append(RECORDS[3])
    assert files_in(path.parent)[path.name] == WHOLE


def test_the_torn_tail_is_copied_to_disk_before_the_journal_is_cut(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, WHOLE[:-5])
    aside = path.with_name(f"{path.name}.torn-{len(WHOLE) - len(LINES[3])}")
    seen: list[tuple[str, bool, int]] = []
    real = os.ftruncate

    def synced(fd: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"
        seen.append((kind, aside.exists(), path.stat().st_size))

    def cut(fd: int, size: int) -> None:
        seen.append(("cut", aside.exists(), path.stat().st_size))
        real(fd, size)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "ftruncate", cut)
    replayed(path)
    torn, whole = len(WHOLE) - 5, len(WHOLE) - len(LINES[3])
    assert seen == [
        ("file", False, torn),
        ("folder", True, torn),
        ("cut", True, torn),
        ("file", True, whole),
        ("folder", True, whole),
    ]


def test_an_existing_identical_copy_of_the_tail_is_used(path: Path) -> None:
    put(path, WHOLE[:-5])
    aside = path.with_name(f"{path.name}.torn-{len(WHOLE) - len(LINES[3])}")
    put(aside, LINES[3][:-5])
    inode = aside.stat().st_ino
    assert replayed(path)[2] == aside
    assert aside.stat().st_ino == inode
    assert sorted(files_in(path.parent)) == [path.name, aside.name]


def test_an_existing_copy_of_the_tail_is_synced_before_the_cut(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, WHOLE[:-5])
    aside = path.with_name(f"{path.name}.torn-{len(WHOLE) - len(LINES[3])}")
    put(aside, LINES[3][:-5])
    seen: list[int] = []
    real = os.ftruncate

    def cut(fd: int, size: int) -> None:
        seen.append(0)
        real(fd, size)

    monkeypatch.setattr(os, "fsync", lambda fd: seen.append(os.fstat(fd).st_ino))
    monkeypatch.setattr(os, "ftruncate", cut)
    replayed(path)
    assert seen[:3] == [aside.stat().st_ino, path.parent.stat().st_ino, 0]


@pytest.mark.parametrize("other", [b"", LINES[3][:-6], LINES[3][:-4], b"x" * (len(LINES[3]) - 5), b"y" * 200_000])
def test_a_different_tail_at_the_same_offset_gets_another_file(path: Path, other: bytes) -> None:
    put(path, WHOLE[:-5])
    aside = path.with_name(f"{path.name}.torn-{len(WHOLE) - len(LINES[3])}")
    put(aside, other)
    second = path.with_name(f"{aside.name}-1")
    assert replayed(path)[2] == second
    assert aside.read_bytes() == other
    assert second.read_bytes() == LINES[3][:-5]


def test_a_symbolic_link_in_place_of_the_copy_is_not_followed(path: Path) -> None:
    put(path, WHOLE[:-5])
    aside = path.with_name(f"{path.name}.torn-{len(WHOLE) - len(LINES[3])}")
    aside.symlink_to(path.parent / "elsewhere")
    assert replayed(path)[2] == path.with_name(f"{aside.name}-1")
    assert not (path.parent / "elsewhere").exists()


def test_a_journal_whose_tail_cannot_be_cut_is_not_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, WHOLE[:-5])

    def fails(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "")

    monkeypatch.setattr(os, "ftruncate", fails)
    with pytest.raises(JournalError, match="its incomplete end cannot be cut off: Input/output error"):
        replayed(path)
    monkeypatch.undo()
    assert replayed(path)[1] == 3


@pytest.mark.slow
@settings(deadline=None)
@given(st.data())
def test_damage_is_refused_with_its_line_and_changes_nothing(data: st.DataObject) -> None:
    lines = list(LINES)
    kind = data.draw(st.sampled_from(["flip", "missing", "doubled", "swapped", "foreign", "zeros"]))
    at = data.draw(st.integers(0, len(lines) - 2))
    wrong = at + 1
    if kind == "flip":
        line = bytearray(lines[at])
        line[data.draw(st.integers(0, len(line) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        lines[at] = bytes(line)
    elif kind == "missing":
        del lines[at]
    elif kind == "doubled":
        lines.insert(at, lines[at])
        wrong = at + 2
    elif kind == "swapped":
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    elif kind == "foreign":
        other = FRAMING.encode(Note("x"), at + 1, SEED + 1)
        lines.insert(at + 1, other)
        wrong = at + 2
    else:
        lines[at] = bytes(len(lines[at]))
    with TemporaryDirectory() as name:
        path = Path(name) / "x.journal.jsonl"
        put(path, b"".join(lines))
        before = files_in(path.parent)
        for read in (Journal.open, Journal.read):
            with pytest.raises(JournalDamaged, match=f"{path}: line {wrong} ") as caught:
                read(path, FRAMING, lambda record: None)
            assert caught.value.line == wrong
        assert files_in(path.parent) == before


def test_a_damaged_journal_is_unlocked_afterwards(path: Path) -> None:
    put(path, LINES[1])
    for _ in range(2):
        with pytest.raises(JournalDamaged):
            replayed(path)


@pytest.mark.slow
@settings(deadline=None)
@given(tails)
def test_reading_changes_nothing_and_needs_no_lock(torn: tuple[bytes, int]) -> None:
    data, stand = torn
    with TemporaryDirectory() as name:
        path = Path(name) / "x.journal.jsonl"
        put(path, data)
        before = files_in(path.parent)
        with path.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            records: list[Line] = []
            end = Journal.read(path, FRAMING, records.append)
        assert records == RECORDS[:stand]
        assert end.next_n == stand
        assert isinstance(end, Clean) == (data == b"".join(LINES[:stand]))
        assert files_in(path.parent) == before


def test_reading_needs_an_existing_file_but_no_write_permission(path: Path) -> None:
    put(path, WHOLE)
    path.chmod(0o444)
    assert isinstance(Journal.read(path, FRAMING, lambda record: None), Clean)
    with pytest.raises(JournalError, match="no such file: "):
        Journal.read(path.with_name("none"), FRAMING, lambda record: None)
    assert not path.with_name("none").exists()


def test_reading_stops_where_the_file_ended_when_it_began(path: Path) -> None:
    put(path, WHOLE)
    count = 0

    def appends(record: Line) -> None:
        nonlocal count
        count += 1
        with path.open("ab") as file:
            file.write(b'{"n":4,"k":"half')

    assert isinstance(Journal.read(path, FRAMING, appends), Clean)
    assert count == 4


def test_a_large_journal_is_read_in_pieces(path: Path) -> None:
    records: list[Line] = [OpenedJob("job-1"), *(Note("x" * (number % 700)) for number in range(2_000))]
    data = b"".join(FRAMING.encode(record, n, SEED) for n, record in enumerate(records))
    put(path, data + b"torn" * 50_000)
    found, next_n, aside = replayed(path)
    assert found == records
    assert next_n == 2_001
    assert aside is not None
    assert aside.read_bytes() == b"torn" * 50_000
    assert path.read_bytes() == data


def test_reading_reports_a_torn_tail(path: Path) -> None:
    put(path, WHOLE + bytes(5))
    end = Journal.read(path, FRAMING, lambda record: None)
    assert end == TornTail(4, SEED, len(WHOLE), "consists of NUL bytes")
