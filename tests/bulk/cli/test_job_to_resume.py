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
from bulk.plan.plan_file import load_plan
from bulk.plan.plan_lines import encode_footer

Run = Callable[..., Any]

PEOPLE = 8
LINE = ("update", "plan=vip", "--distinct-ids", "leavers.txt")
GO = ("--yes", "--expect-count", PEOPLE)


@pytest.fixture(autouse=True)
def leavers(posthog: Any) -> Path:
    path = Path("leavers.txt")
    path.write_text("".join(f"user-{number}\n" for number in range(PEOPLE)))
    return path


def plans() -> list[Path]:
    return sorted(Path().glob("*.plan.jsonl"))


@pytest.fixture
def interrupted(run: Run, posthog: Any) -> Path:
    """A job that is approved and not finished, and its plan: the server fails after the test batch."""
    from asyncclient.testing import Fault

    posthog.server.faults.add(Fault("status", action="update", status=403, after=2))
    result = run(*LINE, *GO, "--batch-size", 2)
    assert result.code == 77, result.err
    posthog.server.faults.clear()
    (plan,) = plans()
    return plan


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


def test_a_changed_file_is_named_with_both_numbers_of_lines(
    run: Run, posthog: Any, interrupted: Path, leavers: Path
) -> None:
    leavers.write_text(leavers.read_text() + "user-20\nuser-21\n")
    sent = len(posthog.mutations)
    result = run(*LINE, *GO)
    assert result.code == 3
    assert result.sentence == (
        "posthog-bulk: leavers.txt changed since the plan was made: 2 lines added (8 then, 10 now); the job of "
        f"{interrupted} is not finished (2 of 8 persons done); to finish it: posthog-bulk run {interrupted}; to start "
        "another job with the changed input, add --plan NAME.plan.jsonl with a name that is not in use."
    )
    assert (len(posthog.mutations), plans()) == (sent, [interrupted])
    other = run(*LINE, "--yes", "--expect-count", PEOPLE + 2, "--plan", "other.plan.jsonl")
    assert other.code == 0, other.err
    assert run("run", interrupted).code == 0


def test_a_change_that_keeps_the_number_of_lines_is_noticed(
    run: Run, posthog: Any, interrupted: Path, leavers: Path
) -> None:
    leavers.write_text(leavers.read_text().replace("user-7", "user-9"))
    result = run(*LINE, *GO)
    assert (result.code, "1 line added and 1 line removed (8 then, 8 now)" in result.sentence) == (3, True)


def test_the_same_lines_in_another_order_are_a_change(run: Run, posthog: Any, interrupted: Path, leavers: Path) -> None:
    leavers.write_text("".join(reversed(leavers.read_text().splitlines(keepends=True))))
    result = run(*LINE, *GO)
    assert (result.code, "the same 8 lines in another order or format" in result.sentence) == (3, True)


@pytest.mark.parametrize(("typed", "code"), [("yes\n", 0), ("no\n", 3), ("", 3)])
def test_at_a_terminal_the_user_decides_whether_a_plan_is_used_although_its_input_has_changed(
    run: Run, posthog: Any, interrupted: Path, leavers: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    leavers.write_text(leavers.read_text() + "user-20\n")
    monkeypatch.setattr("bulk.cli.approval.can_prompt", lambda: True)
    monkeypatch.setattr("bulk.cli.approval.read_terminal", lambda: typed)
    sent = len(posthog.mutations)
    result = run(*LINE)
    assert result.code == code, result.err
    assert "leavers.txt changed since the plan was made: 1 line added (8 then, 9 now)" in result.err
    assert "Type yes to continue with it: " in result.err
    assert (len(posthog.mutations) > sent) is (code == 0)


def test_at_a_terminal_the_user_decides_about_a_named_plan_too(
    run: Run, posthog: Any, leavers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = (*LINE, "--plan", "x.plan.jsonl")
    assert run("plan", *LINE, "-o", "x.plan.jsonl").code == 0
    leavers.write_text("user-20\n")
    monkeypatch.setattr("bulk.cli.approval.can_prompt", lambda: True)
    monkeypatch.setattr("bulk.cli.approval.read_terminal", lambda: "yes\n")
    refused = run(*named, *GO)
    assert (refused.code, posthog.mutations) == (3, [])
    result = run(*named)
    assert "Using the existing plan x.plan.jsonl" in result.out
    assert "no number was typed, but the plan has 8 persons" in result.err  # that is another question


def test_a_changed_file_is_no_obstacle_once_the_job_is_finished(run: Run, posthog: Any, leavers: Path) -> None:
    assert run(*LINE, *GO).code == 0
    leavers.write_text("user-20\n")
    assert run(*LINE, "--yes", "--expect-count", 1).code == 0


def test_a_named_plan_is_not_used_for_a_changed_file(run: Run, posthog: Any, leavers: Path) -> None:
    assert run("plan", *LINE, "-o", "x.plan.jsonl").code == 0
    leavers.write_text("user-20\n")
    result = run(*LINE, "--plan", "x.plan.jsonl", *GO)
    assert result.code == 3
    assert (
        "leavers.txt changed since the plan was made: 1 line added and 8 lines removed (8 then, 1 now) (x.plan.jsonl)"
        in result.sentence
    )
    assert run("update", "plan=vip", "--plan", "x.plan.jsonl", *GO).code == 0


@pytest.mark.slow
def test_standard_input_is_recognized_by_its_content(run: Run, posthog: Any, leavers: Path) -> None:
    from asyncclient.testing import Fault

    line = ("update", "plan=vip", "--distinct-ids", "-", *GO)
    posthog.server.faults.add(Fault("status", action="update", status=403, after=2))
    first = run(*line, "--batch-size", 2, stdin=leavers)
    assert first.code == 77, first.err
    (plan,) = plans()
    assert f"If interrupted, resume with: posthog-bulk run {plan}\n" in first.out
    posthog.server.faults.clear()
    Path("others.txt").write_text("user-20\n")
    changed = run(*line, stdin=Path("others.txt"))
    assert changed.code == 3
    assert (
        "standard input changed since the plan was made: 1 line added and 8 lines removed (8 then, 1 now)"
        in changed.sentence
    )
    assert run(*line, stdin=leavers).code == 0
    assert plans() == [plan]
    other = run(*line[:-1], 1, stdin=Path("others.txt"))  # planned from the copy that was compared before
    assert other.code == 0, other.err
    assert len(plans()) == 2


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


def test_a_plan_of_an_earlier_version_is_not_taken_for_the_same_input(
    run: Run, posthog: Any, interrupted: Path, leavers: Path
) -> None:
    lines = interrupted.read_bytes().splitlines(keepends=True)
    lines[-1] = without_content(lines[-1])
    interrupted.write_bytes(b"".join(lines))
    with load_plan(interrupted) as plan:
        assert plan.content is None
    result = run(*LINE, *GO)
    assert (result.code, "made by an earlier version" in result.sentence) == (3, True)
    assert run(*LINE, *GO, "--plan", interrupted).code == 0


def without_content(footer: bytes) -> bytes:
    import msgspec

    from bulk.plan.plan_lines import decode_footer, encode_footer

    decoded = decode_footer(footer)
    assert decoded is not None
    return encode_footer(msgspec.structs.replace(decoded, input=None))


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
