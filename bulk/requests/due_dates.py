"""When a request is due: one month after its receipt (GDPR Art. 12(3)), and how many purges come before. Pure."""

import calendar
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec

from bulk.formatting import count_of

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_SUNDAY = 6
_PURGE_HOUR = 5
"""PostHog purges events on Sundays at 05:00 UTC (contract 8)."""


class DueCount(msgspec.Struct, frozen=True, kw_only=True):
    """The requests that are due on one day.

    Arguments:
        due: the last day on which they can be answered in time, ISO 8601.
        requests: how many they are.
        open_requests: how many of them are not done: the job is not complete for a person of theirs, or a line of
            theirs is not covered by the plan.
        is_overdue: whether the day has passed and a request is open.
        days_overdue: days since that day; 0 if no request is overdue.
        done_late: how many requests were done after that day, as far as the receipts tell.
        days_late: days from the due day to the last of these.
        purge_windows_left: weekend purges of PostHog that start before that day.
    """

    due: str
    requests: int
    open_requests: int
    is_overdue: bool
    purge_windows_left: int
    days_overdue: int = 0
    done_late: int = 0
    days_late: int = 0


class LateRequests(msgspec.Struct, frozen=True, gc=False):
    """How many requests of a due day were done after it, and after how many days the last of them."""

    requests: int
    days: int


class RequestsDue(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How many requests of an input are due on a day, ISO 8601; plan and journal hold it."""

    due: str
    requests: int


def parse_received(text: str) -> date | None:
    """Return the day of a date or a time in ISO 8601; None if it is neither.

    Arguments:
        text: as in 2026-11-29 or 2026-11-29T10:57:00+01:00; blanks around it are ignored. The day of a time is the one
            that is written, in whichever zone.
    """
    bare = text.strip()
    if not _ISO_DAY.match(bare):
        return None
    try:
        return date.fromisoformat(bare) if len(bare) == len("2026-11-29") else datetime.fromisoformat(bare).date()
    except ValueError:
        return None


def due_date(received: date) -> date:
    """Return the day on which a request is due: the same day of the next month, or the last one of a shorter month."""
    year, month = (received.year + 1, 1) if received.month == 12 else (received.year, received.month + 1)
    if year > date.max.year:
        return date.max
    return date(year, month, min(received.day, calendar.monthrange(year, month)[1]))


def purge_windows_left(due: date, *, now: datetime) -> int:
    """Return how many weekend purges start after a time and before the day on which a request is due.

    Arguments:
        due: the day; a purge on it may end too late, so it does not count.
        now: a time with its zone.
    """
    now = now.astimezone(UTC)
    first = now.date() + timedelta(days=(_SUNDAY - now.weekday()) % 7)
    if first == now.date() and now.hour >= _PURGE_HOUR:
        first += timedelta(days=7)
    return max(0, -(-(due - first).days // 7)) if first < due else 0


def days_after(due: str, day: date) -> int:
    """Return how many days a day is after a due day, ISO 8601; 0 if it is not after it."""
    return max(0, (day - date.fromisoformat(due)).days)


def late_words(days: int, *, is_done: bool) -> str:
    """Return that a request was done late or is overdue, as in "done 15 days late"; empty if it is neither.

    Arguments:
        days: after the due day.
        is_done: whether the request is done.
    """
    if not days:
        return ""
    return f"done {count_of(days, 'day')} late" if is_done else f"OVERDUE by {count_of(days, 'day')}"


def due_counts(
    due: Iterable[tuple[RequestsDue, int]], *, now: datetime, late: Mapping[str, LateRequests] | None = None
) -> tuple[DueCount, ...]:
    """Return what is due on each day, the earliest first.

    Arguments:
        due: the requests of each day, and how many of them are open.
        now: the time to compare with.
        late: the requests that were done late, by due day.
    """
    return tuple(
        _due_count(one, is_open, now.astimezone(UTC), (late or {}).get(one.due, _NOT_LATE))
        for one, is_open in sorted(due, key=lambda pair: pair[0].due)
    )


_NOT_LATE = LateRequests(0, 0)


def _due_count(one: RequestsDue, open_requests: int, now: datetime, late: LateRequests) -> DueCount:
    days = days_after(one.due, now.date()) if open_requests else 0
    return DueCount(
        due=one.due,
        requests=one.requests,
        open_requests=open_requests,
        is_overdue=days > 0,
        purge_windows_left=purge_windows_left(date.fromisoformat(one.due), now=now),
        days_overdue=days,
        done_late=late.requests,
        days_late=late.days,
    )


def as_of(counts: Iterable[DueCount], now: datetime) -> tuple[DueCount, ...]:
    """Return the same counts at another time: what is overdue, and how many purges are left."""
    counts = tuple(counts)
    return due_counts(
        ((RequestsDue(due=one.due, requests=one.requests), one.open_requests) for one in counts),
        now=now,
        late={one.due: LateRequests(one.done_late, one.days_late) for one in counts},
    )
