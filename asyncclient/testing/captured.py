"""Captured events as far as they concern persons: what one says of whom (contract 12).

Pure: what arrived goes in, an Event comes out, or nothing for what is dropped without a word.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

DISTINCT_ID_MOST = 400

_NOTHING: Mapping[str, Any] = {}
# The property that names whose person is to be merged into that of `distinct_id`.
_MERGING = {"$identify": "$anon_distinct_id", "$create_alias": "alias", "$merge_dangerously": "alias"}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What one event does to the person of a distinct id.

    `other_id` is another distinct id of that person; whoever has it is merged into it, where that one is
    identified already only if `by_force`.
    """

    distinct_id: str
    set: Mapping[str, Any] = _NOTHING
    set_once: Mapping[str, Any] = _NOTHING
    unset: tuple[str, ...] = ()
    identifies: bool = False
    other_id: str | None = None
    by_force: bool = False


def read(raw: Any) -> Event | None:
    """The event that was sent, None for one that is dropped or touches no person.

    Dropped are events without a name and with a distinct id that is missing, empty or too long.
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
    )


def identifier(value: Any) -> str | None:
    """A distinct id as it is stored, None for none that is taken."""
    if value is None or isinstance(value, (dict, list)):
        return None
    text = value if isinstance(value, str) else str(value)
    return text if text and len(text) <= DISTINCT_ID_MOST else None


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
