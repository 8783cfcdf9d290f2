"""A plan given in place of a journal, and the reverse, is recognized, and the message names the right file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def job(run: Run, posthog: Any) -> None:
    """A job with the plan x.plan.jsonl and the journal x.journal.jsonl."""
    made = ("--plan", "x.plan.jsonl", "--yes", "--expect-count", "3")
    Path("ids").write_text("user-1\nuser-2\nuser-3\n")
    assert run("delete", "--distinct-ids", "ids", *made).code == 0


@pytest.mark.usefixtures("job")
@pytest.mark.parametrize("command", ["status", "verify", "report"])
def test_a_plan_is_no_journal(run: Run, command: str) -> None:
    result = run(command, "x.plan.jsonl")
    assert result.code == 74
    assert result.sentence == "posthog-bulk: x.plan.jsonl is a plan, not a journal; give x.journal.jsonl."


@pytest.mark.usefixtures("job")
@pytest.mark.parametrize("command", ["status", "verify", "report"])
def test_receipts_or_the_input_are_no_journal(run: Run, command: str) -> None:
    for name, words in (
        ("x.receipts", "x.receipts is the receipts of a job, not a journal; give x.journal.jsonl."),
        ("ids", "ids is not a journal; give the journal of the job, whose name usually ends with .journal.jsonl."),
    ):
        before = Path(name).read_bytes()
        result = run(command, name)
        assert (result.code, result.sentence) == (74, f"posthog-bulk: {words}")
        assert Path(name).read_bytes() == before


@pytest.mark.usefixtures("posthog")
def test_a_file_of_keep_before_is_no_journal(run: Run) -> None:
    Path("ids").write_text("user-1\n")
    line = (
        "update",
        "plan=x",
        "--distinct-ids",
        "ids",
        "--keep-before",
        "x.before.jsonl",
        "--yes",
        "--expect-count",
        1,
    )
    assert run(*line).code == 0
    result = run("status", "x.before.jsonl")
    assert result.code == 74
    assert "x.before.jsonl is a file of --keep-before, not a journal; give the journal of the job, " in result.sentence


@pytest.mark.usefixtures("job")
def test_a_plan_with_another_name_is_recognized(run: Run) -> None:
    Path("x.plan.jsonl").rename("mine")
    result = run("status", "mine")
    assert result.code == 74
    assert "mine is a plan, not a journal; give the journal of the job, whose name usually ends" in result.sentence


@pytest.mark.usefixtures("job")
def test_a_journal_is_no_plan(run: Run) -> None:
    result = run("run", "x.journal.jsonl")
    assert result.code == 74
    assert result.sentence == "posthog-bulk: x.journal.jsonl is a journal, not a plan; give x.plan.jsonl."


@pytest.mark.usefixtures("posthog")
def test_a_file_that_is_no_plan_is_named_as_the_subject(run: Run) -> None:
    Path("leavers.txt").write_text("user-1\n")
    result = run("run", "leavers.txt")
    assert result.code == 74
    assert result.sentence.startswith("posthog-bulk: leavers.txt is not a plan: line 1 is not a plan header; name ")


def test_a_new_plan_is_not_given_the_name_of_a_journal(run: Run, posthog: Any) -> None:
    for line in (("plan", "delete", "--everyone", "-o"), ("delete", "--everyone", "--plan")):
        result = run(*line, "x.journal.jsonl")
        assert (result.code, result.err.count("\n")) == (2, 1)
        expected = "x.journal.jsonl is the name of a journal: give the plan another name, such as x.plan.jsonl."
        assert result.sentence.startswith(f"posthog-bulk: {expected}")
    assert list(Path().iterdir()) == []
    assert len(posthog.server.requests) == 0


def test_a_new_journal_is_not_given_the_name_of_a_plan(run: Run, posthog: Any) -> None:
    assert run("plan", "delete", "--everyone", "-o", "x.plan.jsonl").code == 0
    requests = len(posthog.server.requests)
    for line in (("run", "x.plan.jsonl"), ("delete", "--plan", "x.plan.jsonl"), ("delete", "--everyone")):
        result = run(*line, "--journal", "y.plan.jsonl")
        assert (result.code, result.err.count("\n")) == (2, 1)
        expected = "y.plan.jsonl is the name of a plan: give the journal another name, such as y.journal.jsonl."
        assert result.sentence.startswith(f"posthog-bulk: {expected}")
    assert sorted(path.name for path in Path().iterdir()) == ["x.plan.jsonl", "x.receipts"]
    assert len(posthog.server.requests) == requests


@pytest.mark.usefixtures("job")
def test_a_plan_that_was_renamed_to_any_name_is_used(run: Run) -> None:
    Path("x.plan.jsonl").rename("y.journal.jsonl")
    assert run("run", "y.journal.jsonl", "--journal", "x.journal.jsonl").code == 0
