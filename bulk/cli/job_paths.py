"""Which plan belongs to which journal: one stem, two endings."""

from datetime import datetime
from pathlib import Path

import click
import msgspec

from bulk.cli.streams.output_file import is_same_file
from bulk.sanitize import plain

PLAN = ".plan.jsonl"
JOURNAL = ".journal.jsonl"


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """The two files of a job. `made_up` says that nobody named either."""

    plan: Path
    journal: Path
    made_up: bool = False


def job_files(plan: Path | None, journal: Path | None, *, operation: str, project: str, now: datetime) -> Files:
    """Return the files of a one-go command.

    Args:
        plan: as given.
        journal: as given.
        operation: for a name where neither is given.
        project: likewise.
        now: likewise, in UTC.
    """
    if plan is not None:
        return Files(plan=plan, journal=journal or journal_of(plan))
    if journal is not None:
        return Files(plan=plan_of(journal), journal=journal)
    safe = "".join(character if character.isascii() and character.isalnum() else "_" for character in project)
    stem = f"{operation}-{safe}-{now:%Y%m%dT%H%M%SZ}"
    return Files(plan=Path(stem + PLAN), journal=Path(stem + JOURNAL), made_up=True)


def check_apart(plan: Path, journal: Path) -> None:
    """A plan and its journal are two files, however they are called.

    Raises:
        UsageError: they are one.
    """
    if is_same_file(plan, journal):
        raise click.UsageError(f"plan and journal are one file, {plain(plan)}: name another file for the journal")


def journal_of(plan: Path) -> Path:
    """The journal that goes with a plan: its stem's."""
    return plan.with_name(_stem(plan.name, PLAN) + JOURNAL)


def plan_of(journal: Path) -> Path:
    """The plan that goes with a journal: its stem's."""
    return journal.with_name(_stem(journal.name, JOURNAL) + PLAN)


def _stem(name: str, ending: str) -> str:
    return name.removesuffix(ending).removesuffix(".jsonl") or name
