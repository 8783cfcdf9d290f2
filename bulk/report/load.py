"""Makes the report and the status of a job from its journal file and, if at hand, its plan. Needs no network."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bulk.events import Progress
from bulk.files.lock_probe import is_locked
from bulk.journal.binding import check_binding
from bulk.journal.replay import JournalFacts, replay_journal
from bulk.journal.target_states import TargetStates
from bulk.plan.plan_file import Plan
from bulk.progress.file_reading import OnRead
from bulk.report.progress import progress_of
from bulk.report.report import Report, build_report


class JobStatus(msgspec.Struct, frozen=True):
    """The state of a job now: its report, whether a process runs it, and the progress of the last run if any."""

    report: Report
    is_running: bool
    progress: Progress | None


def read_report(
    journal: str | Path, plan: Plan | None = None, *, on_read: Callable[[Path, int, int], None] | None = None
) -> Report:
    """Return the report of a job at any time, even while it runs.

    Arguments:
        journal: path of the job's journal; another process may be writing it.
        plan: adds the project's name and the findings about the input.
        on_read: called while the journal is read, with its path, the bytes read so far, and its size.

    Raises:
        FileTrouble: the journal is damaged or cannot be read.
        Refused: the plan belongs to another job.
    """
    target_states, facts = _replay(journal, plan, on_read)
    return _report(target_states, facts, plan)


def read_status(journal: str | Path, plan: Plan | None = None, *, on_read: OnRead | None = None) -> JobStatus:
    """Return the status of a job at any time; arguments and exceptions are those of `read_report`."""
    is_running = is_locked(Path(journal))
    target_states, facts = _replay(journal, plan, on_read)
    # by the clock of this machine alone, because the times in the journal are the server's
    idle_s = max(0.0, time.time() - Path(journal).stat().st_mtime)
    progress = progress_of(target_states, idle_s=idle_s, spent={} if plan is None else plan.spent)
    return JobStatus(_report(target_states, facts, plan), is_running, progress)


def _replay(journal: str | Path, plan: Plan | None, on_read: OnRead | None) -> tuple[TargetStates, JournalFacts]:
    target_states, facts = replay_journal(Path(journal), on_read=on_read)
    if plan is not None and target_states.job is not None:
        check_binding(str(journal), target_states.job, plan)
    return target_states, facts


def _report(target_states: TargetStates, facts: JournalFacts, plan: Plan | None) -> Report:
    target_states.close_open()
    return build_report(target_states, facts, plan)
