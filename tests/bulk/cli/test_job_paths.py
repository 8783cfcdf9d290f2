"""The names of plan and journal."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bulk.cli.job_paths import choose_job_paths
from bulk.jobs.job_files import journal_of, plan_of

NOW = datetime(2026, 11, 23, 4, 5, 6, tzinfo=UTC)


def files(plan: str | None, journal: str | None) -> tuple[str, str, bool]:
    found = choose_job_paths(
        Path(plan) if plan else None,
        Path(journal) if journal else None,
        operation="delete",
        project="42",
        now=NOW,
    )
    return str(found.plan), str(found.journal), found.is_generated


@pytest.mark.parametrize(
    ("plan", "journal", "expected"),
    [
        ("x.plan.jsonl", None, ("x.plan.jsonl", "x.journal.jsonl", False)),
        (None, "d/x.journal.jsonl", ("d/x.plan.jsonl", "d/x.journal.jsonl", False)),
        ("a/x.plan.jsonl", "b/y", ("a/x.plan.jsonl", "b/y", False)),
        ("erase", None, ("erase", "erase.journal.jsonl", False)),
        ("erase.jsonl", None, ("erase.jsonl", "erase.journal.jsonl", False)),
        (
            None,
            None,
            ("delete-42-20261123T040506Z.plan.jsonl", "delete-42-20261123T040506Z.journal.jsonl", True),
        ),
    ],
)
def test_a_file_that_is_not_given_is_named_after_the_other(
    plan: str | None, journal: str | None, expected: tuple[str, str, bool]
) -> None:
    assert files(plan, journal) == expected


@pytest.mark.parametrize("name", ["x.plan.jsonl", "x", "x.jsonl", ".plan.jsonl", "x.journal.jsonl"])
def test_a_journal_is_never_its_plan(name: str) -> None:
    assert journal_of(Path(name)) != Path(name)
    assert plan_of(journal_of(Path("x.plan.jsonl"))) == Path("x.plan.jsonl")


@pytest.mark.parametrize("project", ["@current", "../x", "a b"])
def test_a_generated_name_is_a_file_in_the_current_folder(project: str) -> None:
    made = choose_job_paths(None, None, operation="delete", project=project, now=NOW)
    assert made.plan.parent == Path()
    assert made.plan.name.startswith("delete-")
