"""Makes the report and the status of a job from its journal file and, if at hand, its plan. Needs no network."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from bulk.errors import FileTrouble
from bulk.events import Progress
from bulk.files.lock_probe import is_locked
from bulk.journal.binding import check_binding
from bulk.journal.replay import JournalFacts, JournalFollower, replay_journal
from bulk.journal.target_states import TargetStates
from bulk.plan.plan_file import Plan
from bulk.progress.file_reading import OnRead
from bulk.report.duty import Duty, while_running
from bulk.report.find import receipts_beside
from bulk.report.progress import progress_of
from bulk.report.report import Report, build_report
from bulk.report.target_history import DoneTimes
from bulk.requests.receipts import Receipts


class JobStatus(msgspec.Struct, frozen=True):
    """The state of a job now: its report, whether a process runs it, and the progress of the last run if any."""

    report: Report
    is_running: bool
    progress: Progress | None

    @property
    def duty(self) -> Duty:
        """Whether the job is complete; while a process runs it, it waits for the end of the run."""
        return while_running(self.report.duty) if self.is_running else self.report.duty


def read_report(
    journal: str | Path,
    plan: Plan | None = None,
    *,
    values: bool = False,
    on_read: Callable[[Path, int, int], None] | None = None,
) -> Report:
    """Return the report of a job at any time, even while it runs.

    Arguments:
        journal: path of the job's journal; another process may be writing it.
        plan: adds the project's name and the findings about the input.
        values: whether the plan also adds values that may identify persons: those of properties and filters, a query,
            and the name and the SHA-256 of the input file.
        on_read: called while the journal is read, with its path, the bytes read so far, and its size.

    Raises:
        FileTrouble: the journal is damaged or cannot be read.
        Refused: the plan belongs to another job.
    """
    target_states, facts, done_times = _replay(journal, plan, on_read)
    return report_of(journal, target_states, facts, plan, done_times, values=values)


def read_status(journal: str | Path, plan: Plan | None = None, *, on_read: OnRead | None = None) -> JobStatus:
    """Return the status of a job at any time; arguments and exceptions are those of `read_report`."""
    is_running = is_locked(Path(journal))
    target_states, facts, done_times = _replay(journal, plan, on_read)
    progress = progress_of(target_states, idle_s=_idle_s(Path(journal)), spent=_spent(plan))
    return JobStatus(report_of(journal, target_states, facts, plan, done_times), is_running, progress)


class ProgressFollower:
    """Shows how far a job is while another process runs it; each look reads only what was appended since the last one.

    Arguments:
        journal: the job's journal.
        plan: adds the requests of the planning.
        on_read: called while the journal is read for the first time.

    Raises:
        FileTrouble: the journal is damaged or cannot be read.
        Refused: the plan belongs to another job.
    """

    def __init__(self, journal: Path, plan: Plan | None, *, on_read: OnRead | None = None) -> None:
        self._journal = journal
        self._follower = JournalFollower(journal)
        self._spent = _spent(plan)
        _check_plan(journal, self._follower.read(on_read=on_read), plan)

    def progress(self) -> Progress | None:
        """Return the progress of the last run now; None if there was no run. Raises FileTrouble."""
        return progress_of(self._follower.read(), idle_s=_idle_s(self._journal), spent=self._spent)


def _idle_s(journal: Path) -> float:
    """Return for how many seconds nothing was written to a journal."""
    # by the clock of this machine alone, because the times in the journal are the server's
    return max(0.0, time.time() - journal.stat().st_mtime)


def _spent(plan: Plan | None) -> Mapping[str, Sequence[float]]:
    return {} if plan is None else plan.spent


def _check_plan(journal: str | Path, target_states: TargetStates, plan: Plan | None) -> None:
    if plan is not None and target_states.job is not None:
        check_binding(str(journal), target_states.job, plan)


def _replay(
    journal: str | Path, plan: Plan | None, on_read: OnRead | None
) -> tuple[TargetStates, JournalFacts, DoneTimes]:
    done_times = DoneTimes()
    target_states, facts = replay_journal(Path(journal), on_read=on_read, also=done_times.apply)
    _check_plan(journal, target_states, plan)
    return target_states, facts, done_times


def report_of(
    journal: str | Path,
    target_states: TargetStates,
    facts: JournalFacts,
    plan: Plan | None,
    done_times: DoneTimes,
    *,
    values: bool = False,
) -> Report:
    """Return the report of a replayed journal, with the receipts of the job if they are beside it."""
    target_states.close_open()
    job = target_states.job
    if job is not None and job.due and (path := receipts_beside(Path(journal), job)) is not None:
        with suppress(FileTrouble):  # without receipts that can be used, more requests count as open
            return build_report(target_states, facts, plan, Receipts.open(path), done_times=done_times, values=values)
    return build_report(target_states, facts, plan, done_times=done_times, values=values)
