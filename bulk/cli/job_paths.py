"""Names the files of a job: a plan NAME.plan.jsonl belongs to a journal NAME.journal.jsonl."""

import os
from datetime import datetime
from pathlib import Path

import click
import msgspec

from bulk.cli.streams.output_file import is_same_file
from bulk.files.job_file_kinds import JOURNAL_SUFFIX, PLAN_SUFFIX
from bulk.files.private_files import open_regular, refuse_existing
from bulk.jobs.job_files import journal_of, plan_of
from bulk.sanitize import plain


class JobPaths(msgspec.Struct, frozen=True, kw_only=True):
    """The two files of a job. `is_generated` if the user named neither."""

    plan: Path
    journal: Path
    is_generated: bool = False


def choose_job_paths(
    plan: Path | None, journal: Path | None, *, operation: str, project: str, now: datetime
) -> JobPaths:
    """Return the files of a plan-and-run command; generated names are not in use.

    Arguments:
        plan: the plan as given, if any.
        journal: the journal as given, if any.
        operation: the operation, for the name if neither is given.
        project: the project ID, for the name if neither is given.
        now: the time in UTC, for the name if neither is given.
    """
    if plan is not None:
        return JobPaths(plan=plan, journal=journal or journal_of(plan))
    if journal is not None:
        return JobPaths(plan=plan_of(journal), journal=journal)
    safe = "".join(character if character.isascii() and character.isalnum() else "_" for character in project)
    stem = f"{operation}-{safe}-{now:%Y%m%dT%H%M%SZ}"
    paths, number = _generated(stem), 1
    while os.path.lexists(paths.plan) or os.path.lexists(paths.journal):
        number += 1  # another job started in the same second
        paths = _generated(f"{stem}-{number}")
    return paths


def _generated(stem: str) -> JobPaths:
    return JobPaths(plan=Path(stem + PLAN_SUFFIX), journal=Path(stem + JOURNAL_SUFFIX), is_generated=True)


def check_places(paths: JobPaths) -> None:
    """Check before a long planning that plan and journal can be opened, or that their folders exist.

    Raises:
        FileTrouble: one is no regular file, or its folder does not exist.
    """
    for path in (paths.plan, paths.journal):
        if os.path.lexists(path):
            os.close(open_regular(path, os.O_RDONLY))
        else:
            refuse_existing(path)


def check_new_plan(plan: Path) -> None:
    """Check that a plan that is to be created has not the name of a journal, as which `jobs` would list it.

    Raises:
        UsageError: it has.
    """
    if plan.name.endswith(JOURNAL_SUFFIX) and not os.path.lexists(plan):
        raise click.UsageError(
            f"{plain(plan)} is the name of a journal: give the plan another name, such as {plain(plan_of(plan))}"
        )


def check_job_files(plan: Path, journal: Path) -> None:
    """Check that plan and journal are not the same file, and that a new one has not the name of the other kind.

    Raises:
        UsageError: they are the same file, whatever their paths are, or a name is that of the other kind.
    """
    check_new_plan(plan)
    if journal.name.endswith(PLAN_SUFFIX) and not os.path.lexists(journal):
        raise click.UsageError(
            f"{plain(journal)} is the name of a plan: give the journal another name, such as "
            f"{plain(journal_of(journal))}"
        )
    if is_same_file(plan, journal):
        raise click.UsageError(
            f"plan and journal are the same file, {plain(plan)}: choose another file for the journal"
        )
