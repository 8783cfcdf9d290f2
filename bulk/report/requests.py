"""What the journal of a job tells about the requests that the job answers: who ordered it, and what is due. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from bulk.journal.target_states import TargetStates
from bulk.report.duty_decision import open_targets_of
from bulk.report.target_history import DoneTimes
from bulk.requests.due_dates import (
    DueCount,
    LateRequests,
    RequestsDue,
    days_after,
    due_counts,
    due_date,
    parse_received,
)
from bulk.requests.job_record import JobRecord
from bulk.requests.open_requests import count_open_requests, count_requests
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
    target_states: TargetStates,
    receipts: Receipts | None = None,
    done_times: DoneTimes | None = None,
    *,
    is_open: bool,
) -> tuple[DueCount, ...]:
    """Return what is due on which day, as of the journal's last record.

    Arguments:
        target_states: of the job.
        receipts: of the job. Without them, every request counts as open until the whole job is done, because a journal
            does not tell which persons belong to which request.
        done_times: of the job; without them, no request is known to be done late.
        is_open: whether the job is not complete.

    Raises:
        ReceiptsError: the receipts are damaged.
    """
    job = target_states.job
    if job is None:
        return ()
    now = datetime.fromtimestamp(target_states.run_stats.last_at, UTC)
    received = None if job.record is None or job.record.received is None else parse_received(job.record.received)
    if received is not None and not job.due:  # the request is the whole job
        due = due_date(received).isoformat()
        days = 0 if is_open or done_times is None else days_after(due, done_times.last_day())
        late = {due: LateRequests(1, days)} if days else {}
        return due_counts([(RequestsDue(due=due, requests=1), int(is_open))], now=now, late=late)
    if receipts is None or not job.due:
        counts = [(one, one.requests if is_open else 0) for one in job.due]
    else:
        is_open_target = open_targets_of(target_states).has
        open_requests = count_open_requests(
            receipts, is_open_target, unmatched_expected=_are_unmatched_expected(target_states)
        )
        counts = [(one, open_requests.get(one.due, 0)) for one in job.due]
    late = {} if done_times is None else _late_requests(counts, target_states, receipts, done_times)
    return due_counts(counts, now=now, late=late)


def _late_requests(
    counts: Sequence[tuple[RequestsDue, int]],
    target_states: TargetStates,
    receipts: Receipts | None,
    done_times: DoneTimes,
) -> dict[str, LateRequests]:
    """Return the requests that were done late by due day; without receipts, those that were planned after it."""
    last, planned = done_times.last_day(), done_times.planned
    if not any(days_after(one.due, last) for one, _ in counts):
        return {}
    is_open_target = open_targets_of(target_states).has
    days: dict[str, int] = {}

    def is_open_or_late(target: int, due: str) -> bool:
        if is_open_target(target):
            return True
        late = days_after(due, done_times.day(target))
        days[due] = max(late, days.get(due, 0))
        return late > 0

    not_in_time = (
        {}
        if receipts is None
        else count_requests(receipts, is_open_or_late, unmatched_expected=_are_unmatched_expected(target_states))
    )
    found: dict[str, LateRequests] = {}
    for one, is_open in counts:
        since_planning = days_after(one.due, planned)  # then also the requests without a person
        late = (one.requests if since_planning else not_in_time.get(one.due, 0)) - is_open
        if late > 0:
            found[one.due] = LateRequests(late, max(since_planning, days.get(one.due, 0)))
    return found


def _are_unmatched_expected(target_states: TargetStates) -> bool:
    coverage = target_states.input_coverage
    return coverage is not None and coverage.unmatched_expected
