"""The plan file: round trips, whole or not at all, and no byte of it changes unseen."""

import hashlib
import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.errors import FileTrouble, PlanError
from bulk.plan import BLOCK, Plan, PlanHeader, PlanWriter, Target, digest_matches, load_plan, short_digest
from bulk.plan_lines import PlanFooter, encode_footer

CREATED = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
HEADER = PlanHeader(
    format=1,
    project_id=42,
    project_name="Größe \u2028",
    host="https://eu.posthog.com",
    operation={"kind": "delete", "delete_events": True},
    selection={"kind": "distinct_ids"},
    created_at="2026-11-23T12:00:00Z",
    version="0.1.0",
)


def _uuid(number: int) -> UUID:
    return UUID(int=number * 0x1_0000_0001 + 7)


def _write(path: Path, count: int, **extra: Any) -> Plan:
    with PlanWriter.create(path, HEADER) as writer:
        for number in range(count):
            writer.add(_uuid(number), CREATED + timedelta(seconds=number), f"id-{number}" if number % 3 else None)
        return writer.finish(**extra)


def _target(number: int) -> Target:
    return Target(
        number=number,
        uuid=_uuid(number),
        created_at=CREATED + timedelta(seconds=number),
        distinct_id=f"id-{number}" if number % 3 else None,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "plans"
    folder.mkdir()
    return folder / "erase.plan.jsonl"


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_plan_comes_back_as_it_was_written(path: Path, count: int) -> None:
    made = _write(path, count, spent={"persons": [1.5, 2.25]}, findings=[{"unmatched": 3}, "line 7"])
    with made, load_plan(path) as plan:
        for each in (made, plan):
            assert each.path == path
            assert each.header == HEADER
            assert each.count == count
            assert each.digest == made.digest
            assert each.spent == {"persons": [1.5, 2.25]}
            assert each.findings == [{"unmatched": 3}, "line 7"]
            assert list(each.iter()) == [_target(number) for number in range(count)]


@settings(deadline=None)
@given(st.integers(0, 3 * BLOCK + 9), st.integers(0, 3 * BLOCK + 9))
def test_any_range_of_targets_can_be_read(one: int, other: int) -> None:
    start, stop = sorted((one, other))
    with TemporaryDirectory() as folder, _write(Path(folder) / "p", 3 * BLOCK + 5) as plan:
        assert plan.targets(start, stop) == [_target(n) for n in range(3 * BLOCK + 5)][start:stop]


def test_ranges_that_are_none_are_refused(path: Path) -> None:
    with _write(path, 3) as plan:
        for start, stop in ((-1, 2), (2, 1)):
            with pytest.raises(ValueError, match="no range of them"):
                plan.targets(start, stop)


text = st.text(st.characters() | st.sampled_from('\ud800\udfff\u2028\u2029\x85\n\r\x00"\\é😀'))


@settings(deadline=None)
@given(st.lists(st.tuples(st.uuids(), st.datetimes(timezones=st.timezones()), st.none() | text), max_size=6))
def test_any_distinct_id_survives(people: list[tuple[UUID, datetime, str | None]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p"
        with PlanWriter.create(path, HEADER) as writer:
            expected = []
            for uuid, created_at, distinct_id in people:
                try:
                    writer.add(uuid, created_at, distinct_id)
                except OverflowError:  # 31 December 9999 west of Greenwich
                    continue
                expected.append((uuid, created_at.astimezone(UTC), distinct_id))
            writer.finish().close()
        with load_plan(path) as plan:
            assert [(t.uuid, t.created_at, t.distinct_id) for t in plan.iter()] == expected
        data = path.read_bytes()
        assert data.isascii()
        assert data.count(b"\n") == len(expected) + 2


def test_lines_are_json_for_anybody(path: Path) -> None:
    _write(path, 2).close()
    header, first, second, footer = [json.loads(line) for line in path.read_text().splitlines()]
    assert header["project_name"] == "Größe \u2028"
    assert first == {"number": 0, "uuid": str(_uuid(0)), "created_at": "2026-05-04T03:02:01.123456Z"}
    assert second["distinct_id"] == "id-1"
    assert footer["count"] == 2


def test_digest_is_the_sha256_of_all_before_the_footer(path: Path) -> None:
    with _write(path, 3) as plan:
        before = path.read_bytes()
        before = before[: before.rindex(b"\n", 0, -1) + 1]
        assert plan.digest == "sha256:" + hashlib.sha256(before).hexdigest()


def test_time_zone_is_needed_and_kept_as_the_same_instant(path: Path) -> None:
    with PlanWriter.create(path, HEADER) as writer:
        with pytest.raises(ValueError, match="time zone"):
            writer.add(_uuid(0), datetime(2026, 1, 1))  # noqa: DTZ001
        writer.add(_uuid(0), datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))))
        with writer.finish() as plan:
            assert plan.targets(0, 1)[0].created_at == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_plan_is_private_and_replaces_nothing(path: Path) -> None:
    before = os.umask(0)
    try:
        _write(path, 1).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    data = path.read_bytes()
    with pytest.raises(FileTrouble, match="it exists already"):
        PlanWriter.create(path, HEADER)
    assert path.read_bytes() == data


def test_plan_that_appears_meanwhile_is_not_replaced(path: Path) -> None:
    with PlanWriter.create(path, HEADER) as writer:
        path.write_text("theirs")
        with pytest.raises(FileTrouble, match="it exists already"):
            writer.finish()
    assert path.read_text() == "theirs"


def test_leaving_without_finish_leaves_no_file(path: Path) -> None:
    with PlanWriter.create(path, HEADER) as writer:
        writer.add(_uuid(0), CREATED)
    with suppress(KeyboardInterrupt), PlanWriter.create(path, HEADER) as writer:
        writer.add(_uuid(0), CREATED)
        raise KeyboardInterrupt
    assert list(path.parent.iterdir()) == []


def test_what_json_cannot_hold_is_refused_before_the_plan_has_a_name(path: Path) -> None:
    with PlanWriter.create(path, HEADER) as writer, pytest.raises(ValueError, match="finite"):
        writer.finish(spent={"a": [float("nan")]})
    with PlanWriter.create(path, HEADER) as writer, pytest.raises(ValueError, match="at most"):
        writer.finish(findings=["x" * (17 << 20)])
    assert list(path.parent.iterdir()) == []


def test_writer_makes_only_its_own_format(path: Path) -> None:
    with pytest.raises(ValueError, match="plan format 1, not 2"):
        PlanWriter.create(path, msgspec.structs.replace(HEADER, format=2))


@settings(deadline=None)
@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p"
        _write(path, 5, spent={"persons": [1.0]}, findings=[1]).close()
        whole = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(whole)
        with pytest.raises(PlanError):
            load_plan(path)


@settings(deadline=None)
@given(st.data())
def test_any_cut_or_addition_is_refused(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p"
        _write(path, 5).close()
        whole = path.read_bytes()
        at = data.draw(st.integers(0, len(whole) - 1))
        for changed in (
            whole[:at],
            whole[:at] + whole[at + 1 :],
            whole + data.draw(st.binary(min_size=1, max_size=9)),
            whole + whole[whole.rindex(b"\n", 0, -1) + 1 :],
            whole + whole,
        ):
            path.write_bytes(changed)
            with pytest.raises(PlanError):
                load_plan(path)


def test_changed_target_is_told_with_both_digests(path: Path) -> None:
    with _write(path, 5) as plan:
        digest = plan.digest
    path.write_bytes(path.read_bytes().replace(b"id-4", b"id-5"))
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    words = rf"{path}: was changed after it was made: digest "
    assert str(caught.value).startswith(words)
    assert str(caught.value).endswith(f", expected {short_digest(digest)}; make a new plan.")


def test_count_that_does_not_fit_is_refused(path: Path) -> None:
    with _write(path, 5) as plan:
        footer = PlanFooter(count=6, digest=plan.digest, spent={}, findings=[])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1] + encode_footer(footer))
    with pytest.raises(PlanError, match="has 5 targets where its footer says 6"):
        load_plan(path)


def _forged(path: Path, *lines: bytes) -> Path:
    """Write a plan whose digest and footer are right and whose lines need not be."""
    body = b"".join(line + b"\n" for line in lines)
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    footer = PlanFooter(count=len(lines) - 1, digest=digest, spent={}, findings=[])
    path.write_bytes(body + encode_footer(footer))
    return path


def test_lines_that_are_no_targets_are_named(path: Path) -> None:
    _write(path, 3).close()
    header, *targets, _ = path.read_bytes().splitlines()
    for lines, words in (
        ((targets[0], targets[2]), "line 3 is not target 1"),
        ((targets[0], b'{"number":1}'), "line 3 is not a target"),
        ((targets[1],), "line 2 is not target 0"),
        ((b"\xff",), "line 2 is not a target"),
    ):
        with load_plan(_forged(path, header, *lines)) as plan, pytest.raises(PlanError, match=words):
            list(plan.iter())


def test_no_text_of_a_plan_is_in_what_is_raised_or_shown(path: Path) -> None:
    _write(path, 3).close()
    header, first, *_ = path.read_bytes().splitlines()
    bad = first.replace(b'"created_at":"', b'"distinct_id":"secret@example.com","created_at":"x')
    with load_plan(_forged(path, header, bad)) as plan, pytest.raises(PlanError) as caught:
        list(plan.iter())
    shown = str(caught.value) + repr(caught.value) + repr(plan) + repr(plan.header)
    shown += repr(Target(number=1, uuid=_uuid(1), created_at=CREATED, distinct_id="secret@example.com"))
    assert "secret" not in shown
    assert str(_uuid(1)) not in shown


def test_other_formats_and_files_are_told_apart(path: Path) -> None:
    path.write_bytes(b'{"format":2,"anything":1}\n{}\n')
    with pytest.raises(PlanError, match="has plan format 2 where this version reads 1; make a new plan"):
        load_plan(path)
    for other in (b"", b"\n", b"distinct_id\nalice\n", b'{"format":1}\n', b"\x00" * 4096, b"[" * 99_999):
        path.write_bytes(other)
        with pytest.raises(PlanError, match="is not a plan: line 1 is no header; name a"):
            load_plan(path)


def test_header_alone_is_no_plan(path: Path) -> None:
    _write(path, 3).close()
    lines = path.read_bytes().splitlines(keepends=True)
    for part in (lines[:1], lines[:3]):
        path.write_bytes(b"".join(part))
        with pytest.raises(PlanError, match="has no footer: it is cut short, or was added to"):
            load_plan(path)


def test_only_a_regular_file_is_loaded(path: Path) -> None:
    _write(path, 1).close()
    (path.parent / "link").symlink_to(path)
    os.mkfifo(path.parent / "fifo")
    for name, words in (
        ("link", "it is a symbolic link"),
        ("fifo", "is not a regular file"),
        (".", "it is a directory"),
        ("none", "does not exist"),
    ):
        with pytest.raises(PlanError, match=words):
            load_plan(path.parent / name)


def test_swapping_the_file_later_changes_no_target(path: Path) -> None:
    with _write(path, 3) as plan:
        path.unlink()
        path.write_text("another")
        assert plan.targets(0, 3) == [_target(0), _target(1), _target(2)]


def test_editing_the_file_in_place_later_is_noticed(path: Path) -> None:
    with _write(path, 2 * BLOCK) as plan:
        data = path.read_bytes()
        with path.open("r+b") as file:
            file.seek(data.index(b"id-400"))
            file.write(b"id-401")
        assert plan.targets(0, BLOCK) == [_target(number) for number in range(BLOCK)]
        with pytest.raises(PlanError, match="was changed after it was made and opened"):
            plan.targets(BLOCK, BLOCK + 1)
        os.truncate(path, 1000)
        with pytest.raises(PlanError, match="became shorter"):
            plan.targets(BLOCK, BLOCK + 1)


def test_closed_plan_says_so_and_keeps_no_file_open(path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    plan = _write(path, 1)
    plan.close()
    plan.close()
    with pytest.raises(ValueError, match="closed"):
        plan.targets(0, 1)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PlanError):
        load_plan(path)
    assert set(os.listdir("/proc/self/fd")) == before


def test_digest_is_matched_whole_or_by_twelve_digits() -> None:
    full = "sha256:" + "0123456789abcdef" * 4
    assert short_digest(full) == "0123456789ab"
    for typed in (full, full[7:], full[7:19], full[:19], full.upper(), f" {full[7:30]}\n"):
        assert digest_matches(full, typed)
    for typed in ("", "sha256:", full[7:18], "0123456789ac", full + "0", full[7:] + "00", "123456789abc"):
        assert not digest_matches(full, typed)


MAKE = """
import sys
from datetime import UTC, datetime
from uuid import UUID
from bulk.errors import FileTrouble
from bulk.plan import PlanHeader, PlanWriter
text = dict.fromkeys(("project_name", "host", "created_at", "version"), "")
header = PlanHeader(format=1, project_id=1, operation={}, selection={}, **text)
try:
    with PlanWriter.create(sys.argv[1], header) as writer:
        for number in range(20_000):
            writer.add(UUID(int=number), datetime(2026, 1, 1, tzinfo=UTC), f"person-{number}@example.com")
        writer.finish()
except FileTrouble as error:
    print(error)
    sys.exit(74)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("call", "when"), [("write", 2), ("fsync", 1), ("link", 1)])
def test_killed_planning_leaves_nothing(path: Path, faulty: Callable[..., Any], call: str, when: int) -> None:
    done = faulty(MAKE, path, call=call, when=when, fault="SIGKILL")
    assert done.returncode == -9, done.stderr
    assert list(path.parent.iterdir()) == []


@pytest.mark.slow
def test_killed_after_publishing_leaves_a_whole_plan(path: Path, faulty: Callable[..., Any]) -> None:
    done = faulty(MAKE, path, call="fsync", when=2, fault="SIGKILL")
    assert done.returncode == -9, done.stderr
    with load_plan(path) as plan:
        assert plan.count == 20_000
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "when", "fault", "words"),
    [
        ("write", 2, "ENOSPC", "cannot be written: the disk is full; free some space, then run again."),
        ("fsync", 1, "EIO", "cannot be put in its place: Input/output error"),
        ("fsync", 2, "EIO", "cannot be put in its place: Input/output error"),
        ("link", 1, "EROFS", "cannot be put in its place: the disk is read-only"),
    ],
)
def test_failed_planning_leaves_nothing(
    path: Path, faulty: Callable[..., Any], call: str, when: int, fault: str, words: str
) -> None:
    done = faulty(MAKE, path, call=call, when=when, fault=fault)
    assert done.returncode == 74, done.stderr
    assert f"{path}: {words}" in done.stdout
    assert list(path.parent.iterdir()) == []
