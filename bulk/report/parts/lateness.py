"""Whether a line of a request was done late or is overdue, and by how many days. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from bulk.formatting import count_of
from bulk.journal.target_states import TargetStates
from bulk.requests.due_dates import days_after, due_date, late_words, parse_received
from bulk.requests.receipt_lines import LineEntry

DONE = frozenset({"done", "no_person"})
"""Results after which nothing is left to do for a line."""


def entry_days(entry: LineEntry | None, target_states: TargetStates) -> tuple[str | None, str | None]:
    """Return the day of receipt and the due day of a line: its own, or those of a job that is one request.

    Without a line, return those of the job.
    """
    job = target_states.job
    given = None if job is None or job.due or job.record is None else job.record.received
    own = (None, None) if entry is None else (entry.received, entry.due)
    if own[1] is not None or given is None or (received := parse_received(given)) is None:
        return own
    return received.isoformat(), due_date(received).isoformat()


def days_late(due: str | None, target_states: TargetStates, is_done: bool, done_at: Iterable[str | None]) -> int:
    """Return by how many days a line was done late, or is overdue as of the journal's last record; 0 if in time.

    Arguments:
        due: its due day, ISO 8601; None if it has none.
        target_states: of the job.
        is_done: whether nothing is left to do for it.
        done_at: when something of it was done, ISO 8601. It is not done before the job was planned.
    """
    job = target_states.job
    if due is None or job is None:
        return 0
    if not is_done:
        return days_after(due, datetime.fromtimestamp(target_states.run_stats.last_at, UTC).date())
    days = [day for at in (job.planned_at, *done_at) if at is not None and (day := parse_received(at)) is not None]
    return days_after(due, max(days, default=date.min))


def late_suffix(days: int, result: str) -> str:
    """Return that a line is late, as it follows its result; empty if it is not."""
    words = late_words(days, is_done=result in DONE)
    return f"; {words}" if words else ""


def late_of_lines(lines: Sequence[tuple[int, str]]) -> str:
    """Return how many lines are late, as it follows their results; empty if none is.

    Arguments:
        lines: days and result of each.
    """
    parts = []
    for words, of_kind in (
        ("OVERDUE", [days for days, result in lines if result not in DONE and days]),
        ("done late", [days for days, result in lines if result in DONE and days]),
    ):
        if of_kind:
            parts.append(
                f"; {len(of_kind):,} {words}, by {'up to ' * (len(of_kind) > 1)}{count_of(max(of_kind), 'day')}"
            )
    return "".join(parts)
