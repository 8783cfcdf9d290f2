"""Finds the job that a plan-and-run command resumes among those of the current folder, and says which one it is."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import click
import msgspec

from bulk.cli.approval import accepts_changed_input
from bulk.cli.job_paths import JobPaths
from bulk.cli.job_session import CommandOutput, show_long_reads
from bulk.cli.options.settings import Settings
from bulk.errors import FileTrouble, JobPlannedTwice, JournalBusy, Refused
from bulk.files.file_errors import as_file_trouble
from bulk.files.private_files import create_exclusive
from bulk.formatting import count_of, format_time
from bulk.jobs.job_choice import (
    AlreadyFinished,
    Choice,
    InputChanged,
    Resume,
    SeveralJobs,
    StartNew,
    UsePlan,
    choose_job,
)
from bulk.jobs.job_files import unreported_marker, was_published_first
from bulk.jobs.job_search import find_jobs
from bulk.jobs.job_summary import JobSummary
from bulk.jobs.next_run import progress_words, run_command
from bulk.operations import Operation
from bulk.plan.plan_file import Plan
from bulk.plan.plan_match import JobIdentity, describe_change, identity_of
from bulk.sanitize import file_word, plain
from bulk.selection.input_lines import read_content
from bulk.selection.selections import InputSelection, Selection
from bulk.selection.values.row_selection import ByRows

_NEW_NAME = "add --plan NAME.plan.jsonl with a name that is not in use"


class JobFiles(NamedTuple):
    """The files of the job that a command starts or resumes.

    `selection` is that of the command, with an input that can still be read. `is_found` tells whether there is a job
    to resume, or a plan to use. `identity` is that of a new job, and `known` are the plans beside it that have the
    same one.
    """

    paths: JobPaths
    selection: Selection
    is_found: bool
    identity: JobIdentity | None = None
    known: frozenset[Path | None] = frozenset()


def find_job_files(
    operation: Operation,
    selection: Selection,
    new: JobPaths,
    settings: Settings,
    output: CommandOutput,
    *,
    unattended: bool = False,
) -> JobFiles:
    """Return the files of the job to resume, or of a new one, and say which job is resumed.

    Arguments:
        operation: of the command.
        selection: of the command; a stream is copied if its content has to be compared.
        new: the files of a new job.
        settings: which server and project the command uses.
        output: where it is said.
        unattended: whether to refuse a changed input without asking.

    Raises:
        Refused: the job is finished, its input has changed, or several jobs match.
        FileTrouble: the folder, the input, or the journal of a matching job cannot be read.
    """
    client = settings.client()
    if not isinstance(client.project_id, int):
        return JobFiles(new, selection, is_found=False)  # the planner refuses it
    identity = identity_of(operation, selection, host=client.origin, project_id=client.project_id)
    with show_long_reads() as on_read:
        found = find_jobs(Path(), identity, on_read=on_read)
    content = None
    if found.jobs and isinstance(selection, InputSelection):
        selection = _rereadable(selection)
        content = read_content(selection)
        _rewind(selection)
    job = _job_of(choose_job(found.jobs, content, now=datetime.now(UTC)), output, unattended=unattended)
    if job is None:
        for problem in found.skipped:
            click.echo(f"posthog-bulk: not searched for an unfinished job: {plain(problem, limit=None)}", err=True)
    if job is None or job.plan is None:
        known = frozenset(each.plan for each in found.jobs)
        return JobFiles(new, selection, is_found=False, identity=identity, known=known)
    return JobFiles(JobPaths(plan=job.plan, journal=job.journal, is_generated=True), selection, is_found=True)


def refuse_second_job(plan: Plan, files: JobFiles) -> None:
    """Refuse a plan if another process has planned the same job since the folder was searched, and did so first.

    Of two processes that see each other's plan, the one whose plan was published first continues.

    Raises:
        JobPlannedTwice: there is such a plan; this one is removed.
    """
    if files.identity is None:
        return
    for other in find_jobs(Path(), files.identity).jobs:
        if other.plan is None or other.plan in files.known or other.content != plan.content:
            continue
        if other.plan.name != plan.path.name and was_published_first(other.plan, plan.path):
            plan.discard()
            raise JobPlannedTwice(other.plan)


@contextmanager
def mark_unreported(paths: JobPaths) -> Iterator[None]:
    """Mark the job as one whose result has not been shown, until the block ends.

    A process that is killed between the end of a job and the end of its command leaves the mark, and the same command
    line then shows the result and ends with its exit code, instead of refusing a finished job.
    """
    marker = unreported_marker(paths.plan)
    with suppress(FileTrouble):  # it exists already, or the folder cannot be written, which the journal will tell
        os.close(create_exclusive(marker))
    try:
        yield
    except JournalBusy:
        raise  # the mark is that of the other process
    except BaseException:
        marker.unlink(missing_ok=True)
        raise
    marker.unlink(missing_ok=True)


def _job_of(choice: Choice, output: CommandOutput, *, unattended: bool) -> JobSummary | None:
    """Return the job to resume or to start, and say which one it is; None for a new one."""
    match choice:
        case Resume(job):
            output.print(
                f"Resuming the job of {plain(job.plan)}: {progress_words(job)}, "
                f"last written {format_time(job.last_entry_at)}"
            )
            return job
        case UsePlan(job):
            output.print(f"Using the existing plan {plain(job.plan)}, made {format_time(job.planned_at)}")
            return job
        case AlreadyFinished(job):
            raise Refused(
                f"this job finished at {format_time(job.finished_at)} ({job.plan}): {_result(job)}",
                f"to start a new job, {_NEW_NAME}; for the report: posthog-bulk report {file_word(str(job.journal))}",
            )
        case InputChanged(job, now):
            change = describe_change(job.selection, job.content, now)
            if accepts_changed_input(f"{change} ({job.plan})", unattended=unattended):
                return _job_of(Resume(job), output, unattended=unattended)
            raise Refused(
                f"{change}; the job of {job.plan} is not finished ({progress_words(job)})",
                f"to finish it: {run_command(job)}; to start another job with the changed input, {_NEW_NAME}",
            )
        case SeveralJobs(jobs):
            names = ", ".join(str(job.plan) for job in jobs)
            raise Refused(
                f"{count_of(len(jobs), 'job')} for this are not finished: {names}",
                f"finish each of them, as in {run_command(jobs[0])}, or add --plan with one of these names",
            )
        case StartNew(outdated):
            for job in outdated:
                output.print(
                    f"Not used: the plan {plain(job.plan)}, made {format_time(job.planned_at)} and never started. "
                    f"To use it: {run_command(job)}"
                )
            return None


def _result(job: JobSummary) -> str:
    return (job.run_verdict or "").removeprefix("Done: ").removeprefix("Finished, but ").rstrip(".")


def _rereadable(selection: Selection) -> Selection:
    """Return the selection with a copy of its stream, in a file without a name, so that it can be read twice."""
    if not isinstance(selection, InputSelection) or not hasattr(selection.source, "read"):
        return selection
    if isinstance(selection, ByRows):
        return selection  # it has a copy already
    with as_file_trouble(Path("the copy of standard input"), "cannot be written"):
        copy = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - planning reads it
        click.get_current_context().call_on_close(copy.close)
        shutil.copyfileobj(cast("BinaryIO", selection.source), copy)
        copy.seek(0)
    return msgspec.structs.replace(selection, source=copy)


def _rewind(selection: Selection) -> None:
    if isinstance(selection, InputSelection) and hasattr(selection.source, "read"):
        cast("BinaryIO", selection.source).seek(0)
