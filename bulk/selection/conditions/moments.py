"""Points in time as people give them: a date, a time with or without zone, or a number of days ago. Pure.

A date is its beginning, and a time without zone is in UTC. Queries compare whole seconds.
"""

import re
from datetime import UTC, date, datetime, timedelta

from bulk.errors import InputError

Moment = date | str
"""A date, a datetime, or ISO 8601: `2026-01-31` or `2026-01-31T12:00:00+01:00`."""
Since = Moment | timedelta
"""A moment, or how long ago, in days: `timedelta(days=90)` or `90d`."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:$|[T ])", re.ASCII)  # Python also reads weeks, as in 2026-W05-1
_DAYS = re.compile(r"([1-9][0-9]{0,4})d", re.ASCII)


def parse_moment(value: Moment, name: str) -> datetime:
    """Return a moment as a time in UTC.

    Arguments:
        value: the moment.
        name: what it is, for the message.

    Raises:
        InputError: it is no moment, or not a whole second.
    """
    moment: datetime | None = None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif isinstance(value, str) and _DATE.match(value):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    if moment is None:
        raise InputError(f"{name} is not a date: write it as 2026-01-31, or with a time as 2026-01-31T12:00:00Z")
    try:
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise InputError(f"{name} is outside the calendar: give a date between the years 1970 and 2100") from None
    if moment.microsecond or not 1970 <= moment.year <= 2100:
        raise InputError(f"{name} must be a whole second between the years 1970 and 2100")
    return moment


def parse_since(value: Since, name: str) -> datetime | timedelta:
    """Return a moment as a time in UTC, or how many days ago.

    Arguments:
        value: the moment, or the number of days.
        name: what it is, for the message.

    Raises:
        InputError: it is neither.
    """
    if isinstance(value, str) and (found := _DAYS.fullmatch(value)):
        return timedelta(days=int(found[1]))
    if isinstance(value, timedelta):
        if value.days < 1 or value != timedelta(days=value.days):
            raise InputError(f"{name} must be a whole number of days, at least one")
        return value
    try:
        return parse_moment(value, name)
    except InputError as error:
        text = str(error).replace(
            "is not a date: write it as", "is neither a date nor a number of days from 1d: write 90d,"
        )
        raise InputError(text) from None


def resolve_since(since: datetime | timedelta, now: datetime) -> datetime:
    """Return the moment that was so many days ago: the beginning of that day, so that all runs of a day agree.

    Arguments:
        since: the moment, or the number of days.
        now: the time now.

    Raises:
        InputError: the moment is before the year 1970.
    """
    if isinstance(since, datetime):
        return since
    try:
        moment = (now - since).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    except OverflowError:
        moment = datetime.min.replace(tzinfo=UTC)
    if moment.year < 1970:
        raise InputError(f"{since.days} days ago is before the year 1970: give fewer days")
    return moment


def format_since(since: datetime | timedelta) -> str:
    """Return a moment in ISO 8601, or a number of days as in `90d`."""
    return f"{since.days}d" if isinstance(since, timedelta) else since.isoformat()
