"""Whether a journal belongs to a plan. Pure."""

from typing import Any

from bulk.errors import JournalError, Refused
from bulk.journal.records import FORMAT, JobOpened
from bulk.operations import describe, for_journal
from bulk.plan.plan_file import Plan


def check_binding(path: str, job: JobOpened, plan: Plan) -> None:
    """The journal belongs to this very plan (promise 6).

    Raises:
        JournalError: the format is of another version.
        Refused: the journal is another job's.
    """
    if job.format != FORMAT:
        raise JournalError(
            path,
            f"is of format {job.format}, this version writes format {FORMAT}",
            "use the version that began the job",
        )
    pairs: tuple[tuple[str, Any, Any], ...] = (
        ("host", job.host, plan.header.host),
        ("project", job.project, plan.header.project_id),
        ("operation", job.operation, for_journal(plan.header.operation)),
        ("plan digest", job.plan_digest, plan.digest),
        ("count", job.count, plan.count),
    )
    for name, ours, theirs in pairs:
        if ours != theirs:
            raise Refused(
                f"{path} is the journal of another job: its {name} is {_short(ours)}, the plan's is {_short(theirs)}",
                "give the journal that belongs to this plan, or a new file name",
            )


def _short(value: Any) -> str:
    text = describe(value) if isinstance(value, dict) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
