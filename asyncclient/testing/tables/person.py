"""The local server's model of a person, as values.

Inside the server a person is named by its key (see uuids.py); times are integer microseconds since the epoch.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE = _EPOCH.replace(tzinfo=None)
_EPOCH_ORDINAL = _EPOCH.toordinal()
_DAY_US = 86_400_000_000

Moment = datetime | float | int | str
"""A point in time: a datetime (naive is UTC), seconds since the epoch, or ISO text."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """A person as it is in the persons store."""

    pk: int
    created_us: int
    distinct_ids: tuple[str, ...]
    properties: dict[str, Any]
    is_identified: bool = True
    last_seen_us: int | None = None


class PersonView(msgspec.Struct, frozen=True, kw_only=True):
    """A person as a test sees it."""

    uuid: UUID
    id: int
    distinct_ids: tuple[str, ...]
    properties: dict[str, Any]
    created_at: datetime
    is_identified: bool


def name_of(record: Record) -> str:
    """Return the display name of a person: a display property, else a distinct ID, else the number (contract 6.1)."""
    for key in ("email", "name", "username"):
        value = record.properties.get(key)
        if value not in (None, ""):
            return str(value)
    for distinct_id in record.distinct_ids:
        if not _looks_anonymous(distinct_id):
            return distinct_id
    return str(record.pk)


def iso(moment_us: int) -> str:
    """Return a time as the server writes it: in UTC, with microseconds only if there are any."""
    return (_EPOCH_NAIVE + timedelta(microseconds=moment_us)).isoformat() + "Z"


def day(moment_us: int) -> str:
    """Return the date of a time, in UTC."""
    return date.fromordinal(moment_us // _DAY_US + _EPOCH_ORDINAL).isoformat()


def as_datetime(moment_us: int) -> datetime:
    """Return a time as an aware datetime."""
    return _EPOCH + timedelta(microseconds=moment_us)


def as_us(moment: Moment) -> int:
    """Return a time in microseconds since the epoch.

    Raises:
        ValueError: a string is not an ISO 8601 time.
    """
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (aware - _EPOCH) // timedelta(microseconds=1)
    return round(moment * 1_000_000)


def _looks_anonymous(distinct_id: str) -> bool:
    return len(distinct_id) == 36 and distinct_id.count("-") == 4
