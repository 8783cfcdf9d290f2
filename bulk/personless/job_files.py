"""The files of jobs for events without a person: finds a job by its distinct IDs, lists a folder's, destroys a plan."""

import os
from collections.abc import Iterator
from pathlib import Path

from bulk.errors import FileTrouble, PlanError, Refused
from bulk.files.job_file_kinds import JOURNAL_SUFFIX, PLAN_SUFFIX, is_submissions_plan
from bulk.files.private_files import head_of
from bulk.jobs.destruction import destroy, is_overwritten
from bulk.jobs.job_files import files_named, journal_of, plan_of
from bulk.jobs.shred import Shredded
from bulk.personless.plan import read_plan, read_submissions_header
from bulk.personless.records import (
    PlanShredded,
    SubmissionStates,
    is_journal_of_submissions,
    open_submissions,
    read_submissions,
)
from bulk.personless.report import SubmissionsReport, iso, submissions_report
from bulk.progress.file_reading import OnOverwrite
from bulk.sanitize import file_word


def find_plans(folder: Path, host: str, project_id: int, ids_digest: str) -> list[Path]:
    """Return the plans of a folder for these distinct IDs in this project.

    Raises:
        FileTrouble: the folder or such a plan cannot be read.
    """
    return [
        path
        for path in files_named(folder, PLAN_SUFFIX)
        if is_submissions_plan(head_of(path)) and read_submissions_header(path).is_for(host, project_id, ids_digest)
    ]


def find_job(named: Path, plan: Path | None) -> tuple[Path, Path] | None:
    """Return journal and plan of such a job; None if these are files of another kind of job.

    Arguments:
        named: the journal, or the plan.
        plan: the plan, if it is given too.
    """
    if is_submissions_plan(head_of(named)):
        return journal_of(named), named
    plan = plan or plan_of(named)
    is_such = is_journal_of_submissions(named) or (not os.path.lexists(named) and is_submissions_plan(head_of(plan)))
    return (named, plan) if is_such else None


def list_submissions(folder: Path) -> Iterator[tuple[Path, SubmissionsReport | str]]:
    """Yield the journals of such jobs in a folder, each with its report, or with why there is none.

    The plan of a job that was never run takes the place of its journal.
    """
    for path in files_named(folder, PLAN_SUFFIX):
        if is_submissions_plan(head_of(path)) and not os.path.lexists(journal_of(path)):
            yield path, f"{path} is a plan for events without a person that was never run"
    for path in files_named(folder, JOURNAL_SUFFIX):
        if is_journal_of_submissions(path):
            try:
                yield path, submissions_report(read_submissions(path))
            except FileTrouble as error:
                yield path, str(error)


async def shred_submissions(
    journal: Path, plan: Path, *, unfinished: bool, now: float, on_overwrite: OnOverwrite | None = None
) -> Shredded:
    """Overwrite and remove the plan of a job, and record that in its journal, before and after.

    Arguments:
        journal: of the job; nothing is recorded if it was never run and has none.
        plan: its plan.
        unfinished: also accept a job that is not complete.
        now: seconds since the epoch.
        on_overwrite: called while the plan is overwritten.

    Raises:
        JournalBusy: another process works on the job.
        Refused: the job is not complete, or the plan is another job's.
        FileTrouble: a file cannot be read, overwritten or removed.
    """
    if not os.path.lexists(journal):  # noqa: ASYNC240 - nothing else runs meanwhile
        destroy(plan, on_overwrite)
        return Shredded(removed=(plan,), kept=(), shredded_at=iso(now))
    states = SubmissionStates()
    opened = open_submissions(journal, states)
    async with opened.writer() as writer:
        found = _has_plan(journal, plan, states, unfinished=unfinished)
        if found or _is_begun(states):
            writer.append(PlanShredded(at=now))
            await writer.durable()
            if found:
                destroy(plan, on_overwrite)
            states.apply(record := PlanShredded(at=now, done=True))
            writer.append(record)
            await writer.durable()
    at = submissions_report(states).shredded_at
    return Shredded(removed=(plan,) if found else (), kept=(journal,), shredded_at=at or "")


def submission_files_to_shred(journal: Path, plan: Path, *, unfinished: bool) -> tuple[Path, ...]:
    """Return the files that `shred_submissions` with the same arguments destroys; changes nothing.

    Raises:
        JournalBusy, Refused, FileTrouble: as `shred_submissions` does.
    """
    if not os.path.lexists(journal):
        return (plan,)
    states = SubmissionStates()
    opened = open_submissions(journal, states)
    try:
        return (plan,) if _has_plan(journal, plan, states, unfinished=unfinished) else ()
    finally:
        opened.close()


def _has_plan(journal: Path, plan: Path, states: SubmissionStates, *, unfinished: bool) -> bool:
    """Return whether the plan of a job is there, after a check that it may be destroyed."""
    report, found = submissions_report(states), os.path.lexists(plan)
    if report.exit_code and not unfinished:
        raise Refused(
            f"the job of {journal} is not complete: {report.verdict}",
            f"run posthog-bulk verify {file_word(str(journal))} first, once that is over, or give --unfinished",
        )
    is_known = _is_begun(states) and found and is_overwritten(plan)
    if found and not is_known and read_plan(plan).digest != report.plan_digest:
        raise Refused(f"{plan} is the plan of another job", "name the plan of this job with --plan")
    if not found and states.shredded is None:
        raise PlanError(plan, "no such file", "name the plan of the job with --plan")
    return found


def _is_begun(states: SubmissionStates) -> bool:
    """Return whether a process began to destroy the plan and did not record that it is gone."""
    return states.shredded is not None and not states.shredded.done
