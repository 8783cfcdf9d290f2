"""Every changed byte of a plan file is detected, and interrupted planning leaves nothing behind."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.errors import PlanError
from bulk.plan.plan_file import BLOCK, Target, load_plan, short_digest
from bulk.plan.plan_lines import PlanFooter, encode_footer
from tests.bulk.plan.small_plans import CREATED, target_of, uuid_of, write_plan


@pytest.mark.slow
@settings(deadline=None)
@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p"
        write_plan(path, 5, spent={"persons": [1.0]}, findings=[1]).close()
        whole = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] ^= 1 << data.draw(st.integers(0, 7))
        line = whole.count(b"\n", 0, at) + 1
        path.write_bytes(whole)
        with pytest.raises(PlanError) as caught:
            load_plan(path)
        # the seventh line is the footer, and a changed end of the sixth one changes it too
        assert any(place in str(caught.value) for place in (f"line {line} ", f"line {line}:", "footer", "plan format"))
        assert line in (1, 6, 7) or f"in line {line}:" in str(caught.value)


@pytest.mark.slow
@settings(deadline=None)
@given(st.data())
def test_every_truncation_or_addition_is_refused(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p"
        write_plan(path, 5).close()
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


def test_a_changed_target_is_reported_with_both_digests(path: Path) -> None:
    with write_plan(path, 5) as plan:
        digest = plan.digest
    path.write_bytes(path.read_bytes().replace(b"id-4", b"id-5"))
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    words = rf"{path} was changed after it was created, in line 6: digest "
    assert str(caught.value).startswith(words)
    assert str(caught.value).endswith(f", expected {short_digest(digest)}; make a new plan.")


def test_a_changed_plan_of_an_earlier_version_is_refused_without_the_place(path: Path) -> None:
    with write_plan(path, 5) as plan:
        footer = PlanFooter(count=5, digest=plan.digest, spent={}, findings=[])
    whole = path.read_bytes().replace(b"id-4", b"id-5")
    path.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1] + encode_footer(footer))
    with pytest.raises(PlanError, match="was changed after it was created: digest "):
        load_plan(path)


def test_a_wrong_count_is_refused(path: Path) -> None:
    with write_plan(path, 5) as plan:
        footer = PlanFooter(count=6, digest=plan.digest, spent={}, findings=[])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1] + encode_footer(footer))
    with pytest.raises(PlanError, match="has 5 targets, but its footer says 6"):
        load_plan(path)


def _forged(path: Path, *lines: bytes) -> Path:
    """Write a plan whose digest and footer are right and whose lines need not be."""
    body = b"".join(line + b"\n" for line in lines)
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    footer = PlanFooter(count=len(lines) - 1, digest=digest, spent={}, findings=[])
    path.write_bytes(body + encode_footer(footer))
    return path


def test_lines_that_are_not_targets_are_reported_by_number(path: Path) -> None:
    write_plan(path, 3).close()
    header, *targets, _ = path.read_bytes().splitlines()
    for lines, words in (
        ((targets[0], targets[2]), "line 3 is not target 1"),
        ((targets[0], b'{"number":1}'), "line 3 is not a target"),
        ((targets[1],), "line 2 is not target 0"),
        ((b"\xff",), "line 2 is not a target"),
    ):
        with load_plan(_forged(path, header, *lines)) as plan, pytest.raises(PlanError, match=words):
            list(plan.iter())


def test_exceptions_and_reprs_show_no_text_of_a_plan(path: Path) -> None:
    write_plan(path, 3).close()
    header, first, *_ = path.read_bytes().splitlines()
    bad = first.replace(b'"created_at":"', b'"distinct_id":"secret@example.com","created_at":"x')
    with load_plan(_forged(path, header, bad)) as plan, pytest.raises(PlanError) as caught:
        list(plan.iter())
    shown = str(caught.value) + repr(caught.value) + repr(plan) + repr(plan.header)
    shown += repr(Target(number=1, uuid=uuid_of(1), created_at=CREATED, distinct_id="secret@example.com"))
    assert "secret" not in shown
    assert str(uuid_of(1)) not in shown


def test_another_format_and_another_file_have_different_errors(path: Path) -> None:
    path.write_bytes(b'{"format":2,"anything":1}\n{}\n')
    with pytest.raises(PlanError, match="has plan format 2, but this version reads format 1; make a new plan"):
        load_plan(path)
    for other in (b"", b"\n", b"distinct_id\nalice\n", b'{"format":1}\n', b"\x00" * 4096, b"[" * 99_999):
        path.write_bytes(other)
        with pytest.raises(PlanError, match="is not a plan: line 1 is not a plan header; name a"):
            load_plan(path)


def test_a_header_alone_is_not_a_plan(path: Path) -> None:
    write_plan(path, 3).close()
    lines = path.read_bytes().splitlines(keepends=True)
    for part in (lines[:1], lines[:3]):
        path.write_bytes(b"".join(part))
        with pytest.raises(PlanError, match="has no footer: the end is missing, or lines were added"):
            load_plan(path)


def test_only_a_regular_file_is_loaded(path: Path) -> None:
    write_plan(path, 1).close()
    (path.parent / "link").symlink_to(path)
    os.mkfifo(path.parent / "fifo")
    for name, words in (
        ("link", "it is a symbolic link"),
        ("fifo", "is not a regular file"),
        (".", "it is a directory"),
        ("none", "no such file"),
    ):
        with pytest.raises(PlanError, match=words):
            load_plan(path.parent / name)


def test_swapping_the_file_later_changes_no_target(path: Path) -> None:
    with write_plan(path, 3) as plan:
        path.unlink()
        path.write_text("another")
        assert plan.targets(0, 3) == [target_of(0), target_of(1), target_of(2)]


def test_editing_the_file_in_place_later_is_detected(path: Path) -> None:
    with write_plan(path, 2 * BLOCK) as plan:
        data = path.read_bytes()
        with path.open("r+b") as file:
            file.seek(data.index(b"id-400"))
            file.write(b"id-401")
        assert plan.targets(0, BLOCK) == [target_of(number) for number in range(BLOCK)]
        with pytest.raises(PlanError, match="was changed while it was open"):
            plan.targets(BLOCK, BLOCK + 1)
        os.truncate(path, 1000)
        with pytest.raises(PlanError, match="became shorter"):
            plan.targets(BLOCK, BLOCK + 1)


def test_a_closed_plan_raises_an_error_and_keeps_no_file_open(path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    plan = write_plan(path, 1)
    plan.close()
    plan.close()
    with pytest.raises(ValueError, match="closed"):
        plan.targets(0, 1)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PlanError):
        load_plan(path)
    assert set(os.listdir("/proc/self/fd")) == before


MAKE = """
import sys
from datetime import UTC, datetime
from uuid import UUID
from bulk.errors import FileTrouble
from bulk.plan.plan_file import PlanHeader
from bulk.plan.plan_writer import PlanWriter
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
def test_a_kill_while_planning_leaves_no_file(path: Path, faulty: Callable[..., Any], call: str, when: int) -> None:
    done = faulty(MAKE, path, call=call, when=when, fault="SIGKILL")
    assert done.returncode == -9, done.stderr
    assert list(path.parent.iterdir()) == []


@pytest.mark.slow
def test_a_kill_after_publishing_leaves_a_complete_plan(path: Path, faulty: Callable[..., Any]) -> None:
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
def test_a_failure_while_planning_leaves_no_file(
    path: Path, faulty: Callable[..., Any], call: str, when: int, fault: str, words: str
) -> None:
    done = faulty(MAKE, path, call=call, when=when, fault=fault)
    assert done.returncode == 74, done.stderr
    assert f"{path} {words}" in done.stdout
    assert list(path.parent.iterdir()) == []
