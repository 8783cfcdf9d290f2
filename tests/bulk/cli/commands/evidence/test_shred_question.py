"""When `shred` asks, and what it names: only what it is about to destroy, and only if nothing refuses it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
JOB = ("--yes", "--expect-count", "60", "--plan", "x.plan.jsonl")


@pytest.fixture
def asked(posthog: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions, which nobody agrees to."""
    questions: list[str] = []

    def ask(about: str, question: str) -> str:
        questions.append(about)
        return "no"

    monkeypatch.setattr("bulk.cli.approval.can_prompt", lambda: True)
    monkeypatch.setattr("bulk.cli.approval.ask_at_terminal", ask)
    return questions


def test_it_names_the_files_that_exist(run: Run, asked: list[str]) -> None:
    assert run("update", "plan=x", "--everyone", "--keep-before", "x.before.jsonl", *JOB).code == 0
    before = Path("x.journal.jsonl").read_bytes(), sorted(Path().iterdir())
    for options in ((), ("--receipts",)):
        refused = run("shred", "x.journal.jsonl", *options)
        assert (refused.code, "not confirmed" in refused.sentence) == (3, True)
    image = Path("x.before.jsonl").absolute()
    assert asked == [
        f"About to destroy the before-image {image} and the plan x.plan.jsonl.",
        f"About to destroy the before-image {image}, the plan x.plan.jsonl and the receipts x.receipts.",
    ]
    assert (Path("x.journal.jsonl").read_bytes(), sorted(Path().iterdir())) == before


def test_a_job_without_a_before_image_has_none_to_destroy(run: Run, asked: list[str]) -> None:
    assert run("delete", "--everyone", *JOB).code == 0
    assert run("shred", "x.journal.jsonl").code == 3
    assert asked == ["About to destroy the plan x.plan.jsonl."]


def test_it_asks_nothing_where_it_refuses_or_nothing_is_left(run: Run, asked: list[str]) -> None:
    assert run("delete", "--everyone", "--delete-events", *JOB).code == 0
    waits = run("shred", "x.journal.jsonl")
    assert (waits.code, "still waits for PostHog" in waits.sentence, asked) == (3, True, [])
    assert run("shred", "x.journal.jsonl", "--unfinished", "--yes").code == 0
    gone = run("shred", "x.journal.jsonl", "--unfinished")
    assert (gone.code, "Nothing to remove" in gone.out, asked) == (0, True, [])


def test_a_plan_that_was_never_run_goes_with_its_receipts(run: Run, asked: list[str]) -> None:
    assert run("plan", "delete", "--everyone", "-o", "x.plan.jsonl").code == 0
    assert run("shred", "x.plan.jsonl").code == 3
    assert asked == ["About to destroy the receipts x.receipts and the plan x.plan.jsonl."]
    assert Path("x.plan.jsonl").exists()
