"""Reads a journal, and its plan where it is at hand, into a report. Needs no network."""

from pathlib import Path

from bulk.journal.binding import check_binding
from bulk.journal.replay import replay_journal
from bulk.plan.plan_file import Plan
from bulk.report.report import Report, build


def read_report(journal: str | Path, plan: Plan | None = None) -> Report:
    """The report of a job, at any time, as far as its journal knows.

    Arguments:
        journal: path of the job's journal; it may be in use.
        plan: adds the project's name and what became of the input; the report holds without it.

    Raises:
        FileTrouble: the journal is damaged or cannot be read.
        Refused: the plan is another job's.
    """
    target_states, facts = replay_journal(Path(journal))
    if plan is not None and target_states.job is not None:
        check_binding(str(journal), target_states.job, plan)
    target_states.close_open()
    return build(target_states, facts, plan)
