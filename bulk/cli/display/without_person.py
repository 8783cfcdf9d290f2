"""The review of a job for events without a person. Pure."""

from collections.abc import Sequence

from bulk.cli.display.plan.plan_review import aligned_rows
from bulk.formatting import count_of
from bulk.sanitize import plain
from bulk.without_person.plan import WithoutPersonHeader
from bulk.without_person.report import OPERATION

_NOTE = (
    "PostHog approves each request by hand and deletes at the weekend. It deletes all events that the IDs have by "
    "then, also those of a person that gets one of the IDs in the meantime."
)


def review_lines(header: WithoutPersonHeader, count: int, events: int, chunks: Sequence[tuple[str, ...]]) -> list[str]:
    """Return what is shown before the approval.

    Arguments:
        header: of the plan.
        count: distinct IDs.
        events: how many events the server counts.
        chunks: the distinct IDs of each request.
    """
    rows = [
        ("Operation", OPERATION),
        ("Project", f"{header.project_id} ({plain(header.project_name)}) on {plain(header.host)}"),
        ("Distinct IDs", f"{count:,}, none of which has a person"),
        ("Events", f"{events:,} now, as PostHog counts them"),
        ("Requests", f"{count_of(len(chunks), 'request')}; PostHog takes 10 per hour, and 5 may be active at once"),
        ("Note", _NOTE),
    ]
    return list(aligned_rows(rows))
