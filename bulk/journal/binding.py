"""Checks that a journal belongs to a plan. Pure."""

from typing import Any

from bulk.errors import Refused
from bulk.journal.records import JobOpened
from bulk.operations import describe, without_values
from bulk.plan.plan_file import Plan


def check_binding(path: str, job: JobOpened, plan: Plan) -> None:
    """Raise if the journal belongs to another plan (guarantee 6).

    Raises:
        Refused: the journal is another job's.
    """
    pairs: tuple[tuple[str, Any, Any], ...] = (
        ("host", job.host, plan.header.host),
        ("project", job.project, plan.header.project_id),
        ("operation", job.operation, without_values(plan.header.operation)),
        ("plan digest", job.plan_digest, plan.digest),
        ("count", job.count, plan.count),
        ("time of planning", job.planned_at, plan.header.created_at),
    )
    for name, in_journal, in_plan in pairs:
        if in_journal != in_plan:
            raise Refused(
                f"{path} is the journal of another job: its {name} is {_short(in_journal)}, "
                f"the plan's is {_short(in_plan)}",
                "name the journal of this plan, or a file that does not exist yet",
            )


def _short(value: Any) -> str:
    text = describe(value) if isinstance(value, dict) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
