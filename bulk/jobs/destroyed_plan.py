"""Says that a plan is gone because `shred` destroyed it, in place of "no such file"."""

import os
from datetime import UTC, datetime
from pathlib import Path

from bulk.errors import FileTrouble, PlanError
from bulk.formatting import format_time
from bulk.journal.replay import replay_journal

WHAT_WORKS = "report, status and report --find work without it"


def refuse_destroyed(plan: Path, journal: Path, *, so: str) -> None:
    """Refuse a plan that does not exist because it was destroyed, as the journal of its job records.

    Arguments:
        plan: the plan; one that exists is not refused.
        journal: of the job; it need not exist.
        so: what is not possible any more, as a clause.

    Raises:
        PlanError: the plan was destroyed.
    """
    if os.path.lexists(plan):
        return
    try:
        shredded = replay_journal(journal)[0].plan_shredded
    except FileTrouble:
        return
    if shredded is not None:
        when = format_time(datetime.fromtimestamp(shredded.at, UTC), seconds=True)
        raise PlanError(plan, f"was destroyed by shred at {when}, so {so}", WHAT_WORKS)
