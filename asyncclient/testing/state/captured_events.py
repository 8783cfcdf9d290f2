"""Parses captured events into their effect on persons (contract 12). Pure.

An event that the server drops silently is parsed to None.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from asyncclient.testing.tables.person import as_datetime, as_us

MAX_EVENT_DISTINCT_ID = 200
"""Characters of a distinct ID that ingestion keeps; it cuts a longer one, which then names another person.

The persons store accepts up to 400 (`MAX_STORED_DISTINCT_ID`), so a person can have an ID that no event can name.
"""
MAX_STORED_DISTINCT_ID = 400

_NOTHING: Mapping[str, Any] = {}
# The property with the distinct ID whose person is merged into the person of `distinct_id`.
_MERGING = {"$identify": "$anon_distinct_id", "$create_alias": "alias", "$merge_dangerously": "alias"}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of one event on the person of a distinct ID.

    `other_id` is another distinct ID of that person: its current owner is merged into the person, but an identified
    owner only if `by_force`. `timestamp_us` is the event's own time.
    """

    distinct_id: str
    set: Mapping[str, Any] = _NOTHING
    set_once: Mapping[str, Any] = _NOTHING
    unset: tuple[str, ...] = ()
    identifies: bool = False
    other_id: str | None = None
    by_force: bool = False
    timestamp_us: int | None = None


def parse_event(raw: Any) -> Event | None:
    """Parse an event; None if the server drops it or if it affects no person.

    The server drops events without a name or a distinct ID, and cuts a long distinct ID.
    """
    if not isinstance(raw, dict):
        return None
    properties = _object(raw.get("properties"))
    name = raw.get("event")
    distinct_id = parse_distinct_id(raw.get("distinct_id", properties.get("distinct_id")))
    if not isinstance(name, str) or not name or distinct_id is None:
        return None
    if properties.get("$process_person_profile") is False:
        return None
    other_id = parse_distinct_id(properties.get(_MERGING[name])) if name in _MERGING else None
    return Event(
        distinct_id=distinct_id,
        set=_merged_objects(properties, raw, "$set"),
        set_once=_merged_objects(properties, raw, "$set_once"),
        unset=unset_keys(properties.get("$unset")),
        identifies=name in _MERGING,
        other_id=None if other_id == distinct_id else other_id,
        by_force=name == "$merge_dangerously",
        timestamp_us=_timestamp_us(raw.get("timestamp")),
    )


class Personless(msgspec.Struct, frozen=True):
    """An event without a person profile: it has a distinct ID only."""

    distinct_id: str
    timestamp_us: int | None = None


def parse_personless_event(raw: Any) -> Personless | None:
    """Parse an event without a person profile; None for any other event."""
    if not isinstance(raw, dict):
        return None
    properties, name = _object(raw.get("properties")), raw.get("event")
    distinct_id = parse_distinct_id(raw.get("distinct_id", properties.get("distinct_id")))
    if not isinstance(name, str) or not name or distinct_id is None:
        return None
    if properties.get("$process_person_profile") is not False:
        return None
    return Personless(distinct_id, _timestamp_us(raw.get("timestamp")))


def _timestamp_us(value: Any) -> int | None:
    """Return the event's own time; None if it has none in ISO 8601."""
    if not isinstance(value, str):
        return None
    try:
        moment_us = as_us(value)
        as_datetime(moment_us)  # a time at the edge of the calendar cannot be expressed in UTC
    except (ValueError, OverflowError):
        return None
    return moment_us


def parse_distinct_id(value: Any) -> str | None:
    """Return a distinct ID as ingestion keeps it; None if it is empty or not an ID."""
    if value is None or isinstance(value, (dict, list)):
        return None
    text = value if isinstance(value, str) else str(value)
    return text[:MAX_EVENT_DISTINCT_ID] or None


def unset_keys(value: Any) -> tuple[str, ...]:
    """Return the keys that `$unset` names: the strings of a list, or the keys of an object."""
    if not isinstance(value, (list, dict)):
        return ()
    return tuple(key for key in value if isinstance(key, str))


def _merged_objects(properties: Mapping[str, Any], raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object that SDKs send inside or beside the properties, merged; the one beside them wins."""
    inside, beside = _object(properties.get(name)), _object(raw.get(name))
    return {**inside, **beside} if inside and beside else inside or beside


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING
