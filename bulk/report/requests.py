"""What the journal of a job tells about the requests that the job answers: who ordered it, and what is due. Pure."""

from datetime import UTC, datetime

import msgspec

from bulk.journal.target_states import TargetStates
from bulk.requests.due_dates import DueCount, RequestsDue, due_counts, due_date, parse_received
from bulk.requests.job_record import JobRecord


def record_of(target_states: TargetStates) -> JobRecord | None:
    """Return who ordered a job and why, with the one who approved it; None if nothing was given."""
    job, approved = target_states.job, target_states.approved
    record = job.record if job is not None and job.record is not None else JobRecord()
    if approved is not None and approved.approver is not None:
        record = msgspec.structs.replace(record, approver=approved.approver)
    return None if record.is_empty else record


def due_of(target_states: TargetStates, *, is_open: bool) -> tuple[DueCount, ...]:
    """Return what is due on which day, as of the journal's last record.

    Every request counts as open until the whole job is done, because a journal does not tell which persons belong to
    which request.

    Arguments:
        target_states: replayed from the journal.
        is_open: whether the job waits or needs attention for any person.
    """
    job = target_states.job
    if job is None:
        return ()
    due = list(job.due)
    received = None if job.record is None or job.record.received is None else parse_received(job.record.received)
    if received is not None and not due:
        due.append(RequestsDue(due=due_date(received).isoformat(), requests=1))
    now = datetime.fromtimestamp(target_states.run_stats.last_at, UTC)
    return due_counts(((one, one.requests if is_open else 0) for one in due), now=now)
