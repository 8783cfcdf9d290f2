"""Who ordered a job, what is due when, and what was destroyed, as rows for reports, receipts and commands. Pure."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import date

from bulk.formatting import count_of, format_count, format_range, format_time
from bulk.report.report import Report
from bulk.requests.due_dates import DueCount, late_words
from bulk.requests.job_record import JobRecord

Row = tuple[str, ...]
SHREDDED = (
    "The files that identify the persons were destroyed, so this job cannot be run or verified any more; the journal "
    "still proves what was done."
)
_DAYS_SHOWN = 5
_ROWS_MAX = 12
"""Rows of days or of weeks that a report shows; if they are more, a row is a week or a month."""


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
        return f"{one.due}: {count_of(one.requests, 'request')}, none open{_done_late([one])}"
    words = f"{one.due}: {one.open_requests:,} of {count_of(one.requests, 'request')} open"
    late = _done_late([one])
    days = None if today is None else (date.fromisoformat(one.due) - today).days
    if one.is_overdue:
        return f"{words}, OVERDUE" + (f" by {count_of(-days, 'day')}" if days is not None else "") + late
    if days is not None:
        words += f", due in {count_of(days, 'day')}" if days else ", due today"
    return f"{words}, {count_of(one.purge_windows_left, 'weekend purge')} before it{late}"


def _done_late(due: Sequence[DueCount]) -> str:
    """Return how many requests of some days were done late, with a comma before; empty if none was."""
    late, days = sum(one.done_late for one in due), max(one.days_late for one in due)
    if not late:
        return ""
    if late == sum(one.requests for one in due) == 1:
        return f", {late_words(days, is_done=True)}"
    return f", {late:,} done late, by {'up to ' * (late > 1)}{count_of(days, 'day')}"


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
        yield (
            "Due",
            f"{count_of(sum(one.requests for one in due), 'request')} until {due[-1].due}, none open{_done_late(due)}",
        )
    if len(shown) > _DAYS_SHOWN:
        left = shown[_DAYS_SHOWN:]
        requests = sum(one.open_requests for one in left)
        yield "", f"{requests:,} more until {left[-1].due}"


def due_table_rows(due: Sequence[DueCount]) -> Iterator[Row]:
    """Yield due day, requests, open ones, state, those done late, purges left; beyond a dozen days by week or month.

    Of a row with several days, the purges left are those before the first day and those before the last one.
    """
    for days in _in_groups(due):
        first, last = days[0], days[-1]
        open_requests = sum(one.open_requests for one in days)
        overdue = sum(one.open_requests for one in days if one.is_overdue)
        late = "overdue" if first is last else f"{format_count(overdue)} overdue"
        late += f" by {'up to ' * (first is not last)}{count_of(max(one.days_overdue for one in days), 'day')}"
        done_late = sum(one.done_late for one in days)
        by = count_of(max(one.days_late for one in days), "day")
        yield (
            first.due if first is last else f"{first.due} to {last.due}",
            format_count(sum(one.requests for one in days)),
            format_count(open_requests),
            late if overdue else "open" if open_requests else "none open",
            f"{done_late:,}, by {'up to ' * (done_late > 1)}{by}" if done_late else "0",
            format_range(first.purge_windows_left, last.purge_windows_left),
        )


def _in_groups(due: Sequence[DueCount]) -> Iterator[Sequence[DueCount]]:
    """Yield the days one by one, or by ISO week or month if they are too many; the days of a group are ascending."""
    groups: list[list[DueCount]] = []
    for key in (_by_day, _by_week, _by_month):
        groups = [[*group] for _, group in itertools.groupby(due, key)]
        if len(groups) <= _ROWS_MAX:
            break
    yield from groups


def _by_day(one: DueCount) -> str:
    return one.due


def _by_week(one: DueCount) -> tuple[int, int]:
    return date.fromisoformat(one.due).isocalendar()[:2]


def _by_month(one: DueCount) -> str:
    return one.due[: len("2026-12")]


def shredded_rows(report: Report) -> Iterator[Row]:
    """Yield when the files that identify the persons were destroyed, if they were."""
    if report.shredded_at is not None:
        yield "Plan destroyed", format_time(report.shredded_at, seconds=True)
