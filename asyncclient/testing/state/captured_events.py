"""Captured events as far as they concern persons: what one says of whom (contract 12).

Pure: what arrived goes in, an Event comes out, or nothing for what is dropped without a word.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from asyncclient.testing.tables.person import as_datetime, as_us

DISTINCT_ID_MOST = 200
"""Characters of a distinct ID that ingestion keeps; it cuts a longer one, and so reaches another person.

The persons store takes up to 400 (`STORED_MOST`), so a person can have an ID that no event addresses.
"""
STORED_MOST = 400

_NOTHING: Mapping[str, Any] = {}
# The property that names whose person is to be merged into that of `distinct_id`.
_MERGING = {"$identify": "$anon_distinct_id", "$create_alias": "alias", "$merge_dangerously": "alias"}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What one event does to the person of a distinct id.

    `other_id` is another distinct ID of that person; its owner is merged into it, where that one is
    identified already only if `by_force`. `timestamp_us` is when the event says that it happened.
    """

    distinct_id: str
    set: Mapping[str, Any] = _NOTHING
    set_once: Mapping[str, Any] = _NOTHING
    unset: tuple[str, ...] = ()
    identifies: bool = False
    other_id: str | None = None
    by_force: bool = False
    timestamp_us: int | None = None


def read(raw: Any) -> Event | None:
    """The event that was sent, None for one that is dropped or touches no person.

    Dropped are events without a name and with a distinct ID that is missing or empty; a long one is cut.
    """
    if not isinstance(raw, dict):
        return None
    properties = _object(raw.get("properties"))
    name = raw.get("event")
    distinct_id = identifier(raw.get("distinct_id", properties.get("distinct_id")))
    if not isinstance(name, str) or not name or distinct_id is None:
        return None
    if properties.get("$process_person_profile") is False:
        return None
    other_id = identifier(properties.get(_MERGING[name])) if name in _MERGING else None
    return Event(
        distinct_id=distinct_id,
        set=_joined(properties, raw, "$set"),
        set_once=_joined(properties, raw, "$set_once"),
        unset=unset_keys(properties.get("$unset")),
        identifies=name in _MERGING,
        other_id=None if other_id == distinct_id else other_id,
        by_force=name == "$merge_dangerously",
        timestamp_us=_timestamp_us(raw.get("timestamp")),
    )


class Personless(msgspec.Struct, frozen=True):
    """An event that asks for no person: it keeps its distinct ID alone."""

    distinct_id: str
    timestamp_us: int | None = None


def read_personless(raw: Any) -> Personless | None:
    """The event that was sent if it asks for no person, else None."""
    if not isinstance(raw, dict):
        return None
    properties, name = _object(raw.get("properties")), raw.get("event")
    distinct_id = identifier(raw.get("distinct_id", properties.get("distinct_id")))
    if not isinstance(name, str) or not name or distinct_id is None:
        return None
    if properties.get("$process_person_profile") is not False:
        return None
    return Personless(distinct_id, _timestamp_us(raw.get("timestamp")))


def _timestamp_us(value: Any) -> int | None:
    """When an event says that it happened; None where it does not say, or not in ISO form."""
    if not isinstance(value, str):
        return None
    try:
        moment_us = as_us(value)
        as_datetime(moment_us)  # a time at the edge of the calendar has no form in UTC
    except (ValueError, OverflowError):
        return None
    return moment_us


def identifier(value: Any) -> str | None:
    """A distinct ID as ingestion keeps it, None for one that is empty or no ID."""
    if value is None or isinstance(value, (dict, list)):
        return None
    text = value if isinstance(value, str) else str(value)
    return text[:DISTINCT_ID_MOST] or None


def unset_keys(value: Any) -> tuple[str, ...]:
    """The keys that `$unset` names: the texts of a list, or the keys of an object."""
    if not isinstance(value, (list, dict)):
        return ()
    return tuple(key for key in value if isinstance(key, str))


def _joined(properties: Mapping[str, Any], raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object that SDKs send among the properties or beside them; the one beside them wins."""
    inside, beside = _object(properties.get(name)), _object(raw.get(name))
    return {**inside, **beside} if inside and beside else inside or beside


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING
