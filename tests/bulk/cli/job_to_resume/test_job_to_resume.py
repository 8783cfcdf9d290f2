"""Which job a plan-and-run command continues when it is run again without names of files, and what it says."""

import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from bulk.cli import job_session, plan_and_run
from bulk.jobs.job_files import journal_of, unreported_marker
from bulk.journal.locked_file import LockedFile
from bulk.plan.plan_ends import read_footer
from bulk.plan.plan_lines import encode_footer
from tests.bulk.cli.job_to_resume.job_line import GO, LINE, PEOPLE, plans

Run = Callable[..., Any]


def test_an_unfinished_job_is_resumed_and_its_plan_is_used(run: Run, posthog: Any, interrupted: Path) -> None:
    lists = posthog.server.request_counts["batch_by_distinct_ids"]
    result = run(*LINE, *GO)
    assert result.code == 0, result.err
    assert re.search(
        rf"^Resuming the job of {interrupted}: 2 of 8 persons done, last written 20", result.out, re.MULTILINE
    )
    assert posthog.server.request_counts["batch_by_distinct_ids"] == lists
    assert plans() == [interrupted]


def test_the_approval_of_an_unfinished_job_is_not_requested_again(run: Run, posthog: Any, interrupted: Path) -> None:
    assert run(*LINE).code == 0


def test_expect_count_is_the_count_of_the_plan(run: Run, posthog: Any, interrupted: Path) -> None:
    result = run(*LINE, "--yes", "--expect-count", PEOPLE - 2)
    assert (result.code, "has 8 persons, but --expect-count says 6" in result.sentence) == (3, True)
    assert plans() == [interrupted]
    assert run(*LINE, *GO).code == 0


def test_a_finished_job_is_not_run_again_by_accident(run: Run, posthog: Any) -> None:
    assert run(*LINE, *GO).code == 0
    sent, (plan,) = len(posthog.mutations), plans()
    result = run(*LINE, *GO)
    assert result.code == 3
    assert re.match(
        rf"posthog-bulk: this job finished at \d{{4}}-\d\d-\d\d \d\d:\d\d UTC \({plan}\): 8 of 8 persons changed "
        r"\(confirmed by reading back\); to start a new job, add --plan NAME\.plan\.jsonl with a name that is not in "
        rf"use; for the report: posthog-bulk report {plan.name.replace('plan', 'journal')}\.$",
        result.sentence,
    )
    assert (len(posthog.mutations), plans()) == (sent, [plan])
    assert run(*LINE, *GO, "--plan", "again.plan.jsonl").code == 0
    assert len(plans()) == 2


def test_a_result_that_was_not_shown_is_shown_by_the_same_line(run: Run, posthog: Any) -> None:
    """The process was killed after it recorded the end of the job and before it told the user."""
    assert run(*LINE, *GO).code == 0
    sent, (plan,) = len(posthog.mutations), plans()
    unreported_marker(plan).touch()
    result = run(*LINE, *GO)
    assert result.code == 0
    assert "Complete: 8 persons as requested (confirmed by reading back)." in result.out
    assert len(posthog.mutations) == sent
    assert run(*LINE, *GO).code == 3
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


def test_another_process_that_finds_the_job_busy_leaves_its_mark(run: Run, posthog: Any, interrupted: Path) -> None:
    unreported_marker(interrupted).touch()
    file = LockedFile.take(journal_of(interrupted))
    assert run(*LINE, *GO).code == 75
    file.close()
    assert unreported_marker(interrupted).exists()


def test_a_job_that_needs_attention_is_finished_too(run: Run, posthog: Any) -> None:
    from asyncclient.testing import Fault

    posthog.server.faults.add(Fault("status", action="update", status=400, times=1, after=3))
    assert run(*LINE, *GO).code == 1
    result = run(*LINE, *GO)
    assert result.code == 3
    assert "): 1 of 8 needs attention: 7 of 8 persons changed" in result.sentence


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    "changed",
    [
        ("update", "plan=free", "--distinct-ids", "leavers.txt"),
        ("update", "plan=vip", "--distinct-ids", "copy.txt"),
        ("unset", "plan", "--distinct-ids", "leavers.txt"),
        ("update", "plan=vip", "--where", "plan exact free"),
    ],
)
def test_another_operation_or_selection_is_another_job(
    run: Run, posthog: Any, interrupted: Path, leavers: Path, changed: tuple[str, ...]
) -> None:
    Path("copy.txt").write_bytes(leavers.read_bytes())
    result = run(*changed)
    assert (result.code, "is not approved" in result.sentence) == (3, True)
    assert "Resuming" not in result.out


def test_another_host_or_project_is_another_job(
    run: Run, posthog: Any, interrupted: Path, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in serve(60).env.items():
        monkeypatch.setenv(name, value)
    result = run(*LINE, *GO)
    assert result.code == 0, result.err
    assert len(plans()) == 2


def test_a_plan_that_was_never_started_is_used_for_a_day(run: Run, posthog: Any) -> None:
    assert run("plan", *LINE, "-o", "x.plan.jsonl").code == 0
    result = run(*LINE, *GO)
    assert result.code == 0, result.err
    assert re.search("^Using the existing plan x.plan.jsonl, made 20.* UTC$", result.out, re.MULTILINE)
    assert [path.name for path in plans()] == ["x.plan.jsonl"]


def test_an_older_plan_that_was_never_started_is_named_and_not_used(run: Run, posthog: Any) -> None:
    assert run("plan", *LINE, "-o", "x.plan.jsonl").code == 0
    path = Path("x.plan.jsonl")
    older = msgspec.structs.replace(read_footer(path), created_at="2020-01-01T00:00:00+00:00")
    path.write_bytes(b"".join([*path.read_bytes().splitlines(keepends=True)[:-1], encode_footer(older)]))
    result = run(*LINE, *GO)
    assert result.code == 0, result.err
    assert re.search(
        r"^Not used: the plan x\.plan\.jsonl, made 2020-.* UTC and never started\. "
        r"To use it: posthog-bulk run x\.plan\.jsonl$",
        result.out,
        re.MULTILINE,
    )
    assert len(plans()) == 2


@pytest.mark.parametrize("count", [PEOPLE + 1, None])
@pytest.mark.parametrize("named", [(), ("--plan", "x.plan.jsonl")])
def test_a_plan_of_a_refused_approval_is_removed(
    run: Run, posthog: Any, count: int | None, named: tuple[str, ...]
) -> None:
    result = run(*LINE, *named, *(("--yes", "--expect-count", count) if count else ()))
    assert result.code == 3
    assert not list(Path().glob("*.jsonl"))


def test_a_plan_of_another_command_survives_a_refused_approval(run: Run, posthog: Any) -> None:
    assert run("plan", *LINE, "-o", "x.plan.jsonl").code == 0
    assert run(*LINE).code == 3
    assert run(*LINE, "--plan", "x.plan.jsonl").code == 3
    assert [path.name for path in plans()] == ["x.plan.jsonl"]


def test_only_the_first_of_two_commands_to_finish_planning_starts_a_job(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_plan_file = job_session.make_plan_file
    first = []

    def overtaken(*given: Any, **options: Any) -> Any:
        monkeypatch.undo()
        first.append(run(*LINE, *GO))  # another process, from its start to its end
        return make_plan_file(*given, **options)

    with monkeypatch.context() as earlier:
        earlier.setattr(job_session, "make_plan_file", overtaken)
        earlier.setattr(plan_and_run, "datetime", SimpleNamespace(now=lambda _: datetime(2026, 1, 1, tzinfo=UTC)))
        monkeypatch = earlier
        second = run(*LINE, *GO)
    assert [result.code for result in first] == [0]
    assert second.code == 75
    assert f"another process has just planned the same job: {plans()[0]}; run the same command" in second.sentence
    assert len(plans()) == 1
    assert run(*LINE, *GO).code == 3  # it is finished


def test_a_plan_that_was_made_later_does_not_keep_a_job_from_starting(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_plan_file = job_session.make_plan_file

    def followed(*given: Any, **options: Any) -> Any:
        plan = make_plan_file(*given, **options)
        shutil.copy(plan.path, "later.plan.jsonl")
        os.utime("later.plan.jsonl")
        return plan

    monkeypatch.setattr(job_session, "make_plan_file", followed)
    assert run(*LINE, *GO).code == 0
