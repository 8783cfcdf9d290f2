"""Plans and journals in the folder that are damaged, foreign, or of several jobs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bulk.cli.job_to_resume.job_line import GO, LINE, plans

Run = Callable[..., Any]


def test_unreadable_and_foreign_files_do_not_matter_to_a_job_that_is_found(
    run: Run, posthog: Any, interrupted: Path
) -> None:
    Path("a.plan.jsonl").write_text("something else\n")
    Path("b.plan.jsonl").mkdir()
    Path("c.plan.jsonl").symlink_to("leavers.txt")
    result = run(*LINE, *GO)
    assert (result.code, result.err.count("not searched")) == (0, 0)


def test_a_plan_that_cannot_be_read_is_named_before_a_new_job_starts(run: Run, posthog: Any) -> None:
    Path("a.plan.jsonl").write_text("something else\n")
    Path("b.plan.jsonl").symlink_to("leavers.txt")
    Path("c.plan.jsonl").write_text('{"format":9}\n')
    result = run(*LINE, *GO)
    assert result.code == 0, result.err
    notices = [line for line in result.err.splitlines() if "not searched" in line]
    assert [re.search(r"\w\.plan\.jsonl", line)[0] for line in notices] == ["b.plan.jsonl", "c.plan.jsonl"]  # type: ignore[index]


def test_a_damaged_journal_of_the_job_is_an_error(run: Run, posthog: Any, interrupted: Path) -> None:
    journal = Path(interrupted.name.replace("plan", "journal"))
    data = journal.read_bytes()
    journal.write_bytes(data[:40] + b"?" + data[41:])
    assert run(*LINE, *GO).code == 74
    assert plans() == [interrupted]


def test_a_damaged_plan_of_the_job_is_an_error(run: Run, posthog: Any, interrupted: Path) -> None:
    interrupted.write_bytes(interrupted.read_bytes()[:-20])
    result = run(*LINE, *GO)
    assert (result.code, "has no footer" in result.sentence) == (74, True)
    assert plans() == [interrupted]


@pytest.mark.parametrize("left", [b"", b'{"n":0,"type":"job_op'])
def test_a_journal_without_a_job_counts_as_not_started(run: Run, posthog: Any, left: bytes) -> None:
    """The process was killed while it created the journal, or while it wrote the first record."""
    assert run("plan", *LINE, "-o", "x.plan.jsonl").code == 0
    Path("x.journal.jsonl").write_bytes(left)
    Path("x.journal.jsonl").chmod(0o600)
    result = run(*LINE, *GO)
    assert result.code == 0, result.err
    assert "Using the existing plan x.plan.jsonl" in result.out


@pytest.mark.slow
def test_a_plan_whose_journal_name_is_taken_is_named(run: Run, posthog: Any) -> None:
    assert run("plan", *LINE, "-o", "x.plan.jsonl").code == 0
    assert run("update", "seats:=1", *LINE[2:], *GO, "--plan", "y.plan.jsonl").code == 0
    Path("y.journal.jsonl").rename("x.journal.jsonl")
    result = run(*LINE, *GO)
    assert result.code == 0, result.err
    assert "x.plan.jsonl: its journal x.journal.jsonl is that of another plan" in result.err


def test_several_unfinished_jobs_are_named(run: Run, posthog: Any, interrupted: Path) -> None:
    from asyncclient.testing import Fault

    posthog.server.faults.add(Fault("status", action="update", status=403, after=2))
    assert run(*LINE[:-1], "leavers.txt", *GO, "--batch-size", 2, "--plan", "x.plan.jsonl").code == 77
    posthog.server.faults.clear()
    result = run(*LINE, *GO)
    assert result.code == 3
    assert f"2 jobs for this are not finished: {interrupted}, x.plan.jsonl" in result.sentence


def test_a_job_with_a_journal_of_another_name_is_found(run: Run, posthog: Any, interrupted: Path) -> None:
    usual = Path(interrupted.name.replace("plan", "journal"))
    usual.rename("other.journal.jsonl")
    assert run(*LINE, *GO).code == 0
    assert not usual.exists()
