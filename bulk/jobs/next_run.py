"""Says in words how far a job is, and which command line runs or resumes it. It looks whether the plan exists."""

import os
from pathlib import Path

from bulk.formatting import count_of, format_count
from bulk.jobs.job_files import journal_of, plan_of
from bulk.jobs.job_summary import JobSummary
from bulk.sanitize import file_word


def progress_words(job: JobSummary) -> str:
    """Return how many targets of a job are done, as in "120 of 400 persons done"."""
    return f"{format_count(job.done)} of {count_of(job.count, 'person')} done"


def run_command(job: JobSummary) -> str:
    """Return the command line that runs or resumes a job, in the folder from which its paths start."""
    return run_line(job.plan or Path(), job.journal)


def run_line(plan: Path, journal: Path) -> str:
    """Return the command line that runs or resumes a plan; it names the journal if that has another name."""
    named = "" if journal == journal_of(plan) else f" --journal {file_word(str(journal))}"
    return f"posthog-bulk run {file_word(str(plan))}{named}"


def resume_words(plan: Path, journal: Path) -> str:
    """Return the command line that resumes a job; where its plan is missing, that the plan has to be restored first."""
    line = run_line(plan, journal)
    if os.path.lexists(plan):
        return line
    return (
        f"the plan {file_word(str(plan))} is missing: restore it from a copy, then run {line}. If there is no copy, "
        "make a plan under another name"
    )


def verify_line(plan: Path, journal: Path) -> str:
    """Return the command line that verifies a job; it names the plan if that has another name than the journal."""
    named = "" if plan == plan_of(journal) else f" --plan {file_word(str(plan))}"
    return f"posthog-bulk verify {file_word(str(journal))}{named}"
