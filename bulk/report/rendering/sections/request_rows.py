"""Who ordered a job, what is due when, and what was destroyed, as rows for reports, receipts and commands. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date

from bulk.formatting import count_of, format_time
from bulk.report.report import Report
from bulk.requests.due_dates import DueCount
from bulk.requests.job_record import JobRecord

Row = tuple[str, ...]
SHREDDED = (
    "The files that identify the persons were destroyed, so this job cannot be run or verified any more; the journal "
    "still proves what was done."
)
_DAYS_SHOWN = 5


def record_rows(record: JobRecord | None) -> Iterator[Row]:
    """Yield who ordered a job and why, as far as it was given."""
    if record is None:
        return
    for title, text in (
        ("Operator", record.operator),
        ("Approver", record.approver),
        ("Reason", record.reason),
        ("Reference", record.reference),
        ("Received", record.received),
    ):
        if text is not None:
            yield title, text


def due_words(one: DueCount, *, today: date | None = None) -> str:
    """Return what is due on a day, as in "2026-12-29: 3 of 5 requests open, 4 weekend purges before it".

    Arguments:
        one: the requests of the day.
        today: the day in UTC, to say in how many days they are due; None to leave that out.
    """
    if not one.open_requests:
        return f"{one.due}: {count_of(one.requests, 'request')}, none open"
    words = f"{one.due}: {one.open_requests:,} of {count_of(one.requests, 'request')} open"
    days = None if today is None else (date.fromisoformat(one.due) - today).days
    if one.is_overdue:
        return f"{words}, OVERDUE" + (f" by {count_of(-days, 'day')}" if days is not None else "")
    if days is not None:
        words += f", due in {count_of(days, 'day')}" if days else ", due today"
    return f"{words}, {count_of(one.purge_windows_left, 'weekend purge')} before it"


def due_rows(due: Sequence[DueCount], *, today: date | None = None) -> Iterator[Row]:
    """Yield what is due on each day; of many days those with open requests, the earliest first.

    Arguments:
        due: the requests of each day, as of `today` if that is given.
        today: as for `due_words`.
    """
    shown = [one for one in due if one.open_requests] if len(due) > _DAYS_SHOWN else list(due)
    for number, one in enumerate(shown[:_DAYS_SHOWN]):
        yield "" if number else "Due", due_words(one, today=today)
    if not shown and due:
        yield "Due", f"{count_of(sum(one.requests for one in due), 'request')} until {due[-1].due}, none open"
    if len(shown) > _DAYS_SHOWN:
        left = shown[_DAYS_SHOWN:]
        requests = sum(one.open_requests for one in left)
        yield "", f"{requests:,} more until {left[-1].due}"


def shredded_rows(report: Report) -> Iterator[Row]:
    """Yield when the files that identify the persons were destroyed, if they were."""
    if report.shredded_at is not None:
        yield "Plan destroyed", format_time(report.shredded_at, seconds=True)
