"""Makes the report of a job from its journal file and, if at hand, its plan. Needs no network."""

from pathlib import Path

from bulk.journal.binding import check_binding
from bulk.journal.replay import replay_journal
from bulk.plan.plan_file import Plan
from bulk.report.report import Report, build_report


def read_report(journal: str | Path, plan: Plan | None = None) -> Report:
    """Return the report of a job at any time, even while it runs.

    Arguments:
        journal: path of the job's journal; another process may be writing it.
        plan: adds the project's name and the findings about the input.

    Raises:
        FileTrouble: the journal is damaged or cannot be read.
        Refused: the plan belongs to another job.
    """
    target_states, facts = replay_journal(Path(journal))
    if plan is not None and target_states.job is not None:
        check_binding(str(journal), target_states.job, plan)
    target_states.close_open()
    return build_report(target_states, facts, plan)
