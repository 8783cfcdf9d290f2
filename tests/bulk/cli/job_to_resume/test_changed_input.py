"""A command line whose input has changed since its job was planned."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bulk.plan.plan_file import load_plan
from bulk.plan.plan_lines import encode_footer
from tests.bulk.cli.job_to_resume.job_line import GO, LINE, PEOPLE, plans

Run = Callable[..., Any]


@pytest.mark.slow
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


@pytest.mark.quick_cases(1)
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

    from bulk.plan.plan_lines import decode_footer

    decoded = decode_footer(footer)
    assert decoded is not None
    return encode_footer(msgspec.structs.replace(decoded, input=None))
