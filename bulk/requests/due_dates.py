"""When a request is due: one month after its receipt (GDPR Art. 12(3)), and how many purges come before. Pure."""

import calendar
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import msgspec

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
        purge_windows_left: weekend purges of PostHog that start before that day.
    """

    due: str
    requests: int
    open_requests: int
    is_overdue: bool
    purge_windows_left: int


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


def due_counts(due: Iterable[tuple[RequestsDue, int]], *, now: datetime) -> tuple[DueCount, ...]:
    """Return what is due on each day, the earliest first.

    Arguments:
        due: the requests of each day, and how many of them are open.
        now: the time to compare with.
    """
    return tuple(
        DueCount(
            due=one.due,
            requests=one.requests,
            open_requests=is_open,
            is_overdue=is_open > 0 and now.astimezone(UTC).date() > date.fromisoformat(one.due),
            purge_windows_left=purge_windows_left(date.fromisoformat(one.due), now=now),
        )
        for one, is_open in sorted(due, key=lambda pair: pair[0].due)
    )


def as_of(counts: Iterable[DueCount], now: datetime) -> tuple[DueCount, ...]:
    """Return the same counts at another time: what is overdue, and how many purges are left."""
    return due_counts(((RequestsDue(due=one.due, requests=one.requests), one.open_requests) for one in counts), now=now)
