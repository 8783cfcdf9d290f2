"""Finds the jobs of a folder: all of them, or those with one identity. Reads files only."""

import os
from pathlib import Path

import msgspec

from bulk.errors import FileTrouble
from bulk.files.job_file_kinds import JOURNAL_SUFFIX, PLAN_SUFFIX, is_without_person_journal, is_without_person_plan
from bulk.files.private_files import head_of
from bulk.jobs.job_files import FolderJournals, PlanIdentity, files_named, journal_of, plan_of
from bulk.jobs.job_summary import JobState, JobSummary, summarize_job, summarize_journal
from bulk.plan.plan_ends import NotAPlan, read_footer, read_header
from bulk.plan.plan_lines import with_time
from bulk.plan.plan_match import JobIdentity, has_identity
from bulk.progress.file_reading import OnRead


class FoundJobs(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs that were found, and why further plans could not be looked at."""

    jobs: list[JobSummary]
    skipped: list[str]


def find_jobs(folder: Path, identity: JobIdentity, *, on_read: OnRead | None = None) -> FoundJobs:
    """Return the jobs of a folder that have this identity.

    Of other plans only the first line is read, and of files that are no plans only their beginning.

    Arguments:
        folder: the folder.
        identity: that of the jobs.
        on_read: called while a journal is read.

    Raises:
        FileTrouble: the folder cannot be read, or a job with this identity was started and cannot be read.
    """
    found, journals = FoundJobs(jobs=[], skipped=[]), FolderJournals(folder)
    for path in files_named(folder, PLAN_SUFFIX):
        try:
            header = read_header(path)
        except NotAPlan:
            continue
        except FileTrouble as error:
            found.skipped.append(str(error))
            continue
        if not has_identity(header, identity):
            continue
        try:
            footer = read_footer(path)
        except FileTrouble as error:
            if os.path.lexists(journal_of(path)):
                raise  # a second job must not start beside it
            found.skipped.append(str(error))
            continue
        header = with_time(header, footer)
        journal = journals.find(path, PlanIdentity(footer.digest, header.created_at))
        if journal.other is not None:
            found.skipped.append(f"{path}: its journal {journal.other} is that of another plan.")
            continue
        found.jobs.append(summarize_job(path, header, footer, journal, on_read=on_read))
    return found


def list_jobs(folder: Path, *, on_read: OnRead | None = None) -> list[JobSummary]:
    """Return every job of a folder, those that cannot be read too, in the order of their files' names.

    Jobs for events without a person are not among them.

    Arguments:
        folder: the folder.
        on_read: called while a journal is read.

    Raises:
        FileTrouble: the folder cannot be read.
    """
    jobs, journals = [], FolderJournals(folder)
    for path in files_named(folder, PLAN_SUFFIX):
        if is_without_person_plan(head_of(path)):
            continue
        try:
            header, footer = read_header(path), read_footer(path)
            header = with_time(header, footer)
            journal = journals.find(path, PlanIdentity(footer.digest, header.created_at))
            jobs.append(summarize_job(path, header, footer, journal, on_read=on_read))
        except FileTrouble as error:
            jobs.append(_unreadable(path, journal_of(path), error))
    known = {job.journal for job in jobs}
    for path in files_named(folder, JOURNAL_SUFFIX):
        if path in known or is_without_person_journal(head_of(path)):
            continue
        try:
            jobs.append(summarize_journal(path, on_read=on_read))
        except FileTrouble as error:
            plan = plan_of(path)
            jobs.append(_unreadable(plan if os.path.lexists(plan) else None, path, error))
    return sorted(jobs, key=lambda job: (job.plan or job.journal).name)


def _unreadable(plan: Path | None, journal: Path, error: FileTrouble) -> JobSummary:
    return JobSummary(plan=plan, journal=journal, state=JobState.UNREADABLE, problem=str(error))
