"""What the journal of a job tells about the requests that the job answers: who ordered it, and what is due. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from bulk.journal.target_states import TargetStates
from bulk.report.duty_decision import open_targets_of
from bulk.requests.due_dates import DueCount, RequestsDue, due_counts, due_date, parse_received
from bulk.requests.job_record import JobRecord
from bulk.requests.open_requests import count_open_requests
from bulk.requests.receipts import Receipts
from bulk.selection.input_findings import by_kind


def record_of(target_states: TargetStates) -> JobRecord | None:
    """Return who ordered a job and why, with the one who approved it; None if nothing was given."""
    job, approved = target_states.job, target_states.approved
    record = job.record if job is not None and job.record is not None else JobRecord()
    if approved is not None and approved.approver is not None:
        record = msgspec.structs.replace(record, approver=approved.approver)
    return None if record.is_empty else record


def due_in(findings: list[Any]) -> tuple[RequestsDue, ...]:
    """Return the requests of a plan's findings by the day on which they are due."""
    days = by_kind(findings).get("due", {}).get("days", ())
    return msgspec.convert(days, tuple[RequestsDue, ...])


def due_of(
    target_states: TargetStates, open_requests: Mapping[str, int] | None = None, *, is_open: bool
) -> tuple[DueCount, ...]:
    """Return what is due on which day, as of the journal's last record.

    Arguments:
        target_states: of the job.
        open_requests: how many requests are open by day, from the receipts. Without them, every request counts as open
            until the whole job is done, because a journal does not tell which persons belong to which request.
        is_open: whether the job is not complete.
    """
    job = target_states.job
    if job is None:
        return ()
    due = list(job.due)
    received = None if job.record is None or job.record.received is None else parse_received(job.record.received)
    if received is not None and not due:
        due.append(RequestsDue(due=due_date(received).isoformat(), requests=1))
        open_requests = None  # the request is the whole job
    now = datetime.fromtimestamp(target_states.run_stats.last_at, UTC)
    return due_counts(
        (
            (one, (one.requests if is_open else 0) if open_requests is None else open_requests.get(one.due, 0))
            for one in due
        ),
        now=now,
    )


def open_requests_of(target_states: TargetStates, receipts: Receipts | None) -> dict[str, int] | None:
    """Return how many requests are open by day, as the receipts tell; None without them.

    Raises:
        ReceiptsError: they are damaged.
    """
    if receipts is None or target_states.job is None or not target_states.job.due:
        return None
    coverage = target_states.input_coverage
    return count_open_requests(
        receipts,
        open_targets_of(target_states).has,
        unmatched_expected=coverage is not None and coverage.unmatched_expected,
    )
