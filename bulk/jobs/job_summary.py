"""Summarizes a job from its plan and its journal, without the journal's lock, so that it works while the job runs."""

import os
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from bulk.errors import JournalEmpty
from bulk.files.content_meter import InputContent
from bulk.files.lock_probe import is_locked
from bulk.jobs.job_files import JournalOfPlan, unreported_marker
from bulk.journal.replay import JournalFacts, replay_journal
from bulk.journal.target_states import TargetStates
from bulk.plan.plan_lines import PlanFooter, PlanHeader
from bulk.progress.file_reading import OnRead
from bulk.report.duty import Duty, while_running
from bulk.report.load import report_of
from bulk.report.report import Report
from bulk.report.target_history import DoneTimes
from bulk.requests.due_dates import DueCount
from bulk.states import PENDING


class JobState(Enum):
    """How far a job is."""

    NOT_STARTED = "not started"
    UNFINISHED = "not finished"
    RUNNING = "running"
    FINISHED = "finished"
    UNREADABLE = "unreadable"


class JobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A job, and how far it is.

    Arguments:
        plan: the plan file; None if only the journal is there.
        journal: the journal, which need not exist.
        state: how far the job is; `RUNNING` only where a process holds the journal.
        count: targets in the plan.
        done: targets for which nothing is left to do, now or in a later run.
        operation: as plan or journal hold it.
        selection: the details of the plan, or the summary of the journal.
        host: the origin of the server.
        project_id: the project.
        project_name: its name; None without the plan.
        content: the content of the input; None for a filter, and where the plan does not say.
        planned_at: ISO 8601.
        last_entry_at: when the journal was last written, ISO 8601; None if the job is not started.
        finished_at: when the run ended that finished the job, ISO 8601.
        duty: whether the job is complete; None if the job is not started.
        run_verdict: what its runs did, in one sentence; None if the job is not started.
        due: what is due on which day, as of the journal's last record; empty for a job that is not started.
        shredded_at: when the plan was destroyed, ISO 8601.
        problem: why the job cannot be read, or what is wrong with its files.
    """

    plan: Path | None
    journal: Path
    state: JobState
    count: int = 0
    done: int = 0
    operation: dict[str, Any] = {}
    selection: dict[str, Any] = {}
    host: str = ""
    project_id: int = 0
    project_name: str | None = None
    content: InputContent | None = None
    planned_at: str | None = None
    last_entry_at: str | None = None
    finished_at: str | None = None
    duty: Duty | None = None
    run_verdict: str | None = None
    due: tuple[DueCount, ...] = ()
    shredded_at: str | None = None
    problem: str | None = None

    def __repr__(self) -> str:  # the selection may hold personal data
        return f"JobSummary(plan={str(self.plan)!r}, state={self.state.value!r})"


def summarize_job(
    plan: Path, header: PlanHeader, footer: PlanFooter, journal: JournalOfPlan, *, on_read: OnRead | None = None
) -> JobSummary:
    """Return the summary of a plan's job.

    Arguments:
        plan: the plan file.
        header: of the plan.
        footer: of the plan.
        journal: its journal, which is replayed if it exists.
        on_read: called while the journal is read.

    Raises:
        FileTrouble: the journal is damaged, has another format, or cannot be read.
    """
    details = header.selection.get("details")
    summary = JobSummary(
        plan=plan,
        journal=journal.path,
        state=JobState.NOT_STARTED,
        count=footer.count,
        operation=header.operation,
        selection=details if isinstance(details, dict) else {},
        host=header.host,
        project_id=header.project_id,
        project_name=header.project_name,
        content=footer.input,
        planned_at=header.created_at,
        problem=None if journal.other is None else f"{journal.other} is the journal of another plan",
    )
    if journal.other is not None or not os.path.lexists(journal.path):
        return summary
    done_times = DoneTimes()
    try:
        replayed = replay_journal(journal.path, on_read=on_read, also=done_times.apply)
    except JournalEmpty:
        return summary  # its process was killed before it recorded the job
    return with_journal(summary, *replayed, done_times, is_reported=not os.path.lexists(unreported_marker(plan)))


def summarize_journal(journal: Path, *, on_read: OnRead | None = None) -> JobSummary:
    """Return the summary of a job whose plan is not at hand; raises FileTrouble."""
    done_times = DoneTimes()
    target_states, facts = replay_journal(journal, on_read=on_read, also=done_times.apply)
    job = target_states.job
    assert job is not None  # replay_journal refuses a journal without a job
    summary = JobSummary(
        plan=None,
        journal=journal,
        state=JobState.NOT_STARTED,
        count=job.count,
        operation=job.operation,
        selection=job.selection,
        host=job.host,
        project_id=job.project,
        planned_at=job.planned_at,
    )
    return with_journal(summary, target_states, facts, done_times)


def with_journal(
    summary: JobSummary,
    target_states: TargetStates,
    facts: JournalFacts,
    done_times: DoneTimes,
    *,
    is_reported: bool = True,
) -> JobSummary:
    """Return a summary with what the journal adds to it; a job is not finished before its result was reported."""
    target_states.close_open()
    report = report_of(summary.journal, target_states, facts, None, done_times)
    if report.approved_at is None:
        return summary
    if is_locked(summary.journal):
        state = JobState.RUNNING
    else:
        state = JobState.FINISHED if is_reported and _is_finished(report) else JobState.UNFINISHED
    return msgspec.structs.replace(
        summary,
        state=state,
        done=target_states.count - target_states.count_with_states(PENDING),
        last_entry_at=report.last_entry_at,
        finished_at=_finished_at(report) if state is JobState.FINISHED else None,
        duty=while_running(report.duty) if state is JobState.RUNNING else report.duty,
        run_verdict=report.run_verdict,
        due=report.due,
        shredded_at=report.shredded_at,
    )


def _is_finished(report: Report) -> bool:
    """Return whether the last run ended by itself and left nothing to do.

    A run that was killed before it recorded its end is not finished, whatever the states of its targets.
    """
    return _finished_at(report) is not None and report.run_exit_code in (0, 1)


def _finished_at(report: Report) -> str | None:
    runs = [run for run in report.runs if run.purpose == "run"]
    return runs[-1].ended if runs and runs[-1].reason == "finished" else None
