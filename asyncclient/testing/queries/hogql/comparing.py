"""Compares values as ClickHouse does: with nulls, and UUIDs and times against strings. Pure.

Null is None, a UUID is 16 bytes, a time is an aware datetime; other values are as in JSON.
"""

import json
import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from asyncclient.testing.queries.hogql.syntax import BadQuery
from asyncclient.testing.tables.uuid_order import by_clickhouse
from asyncclient.testing.tables.uuids import format_uuid, parse_uuid

HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
"""The comparisons by the names of their nodes."""


def compared(holds: Callable[[Any, Any], bool], left: Any, right: Any) -> bool | None:
    """Return whether a comparison holds; None if a side is null.

    Raises:
        BadQuery: the values cannot be compared.
    """
    if left is None or right is None:
        return None
    left, right = _aligned(left, right)
    return None if left is None or right is None else holds(left, right)


def as_string(value: Any) -> str | None:
    """Return what `toString` makes of a value."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return format_uuid(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list | dict) else str(value)


def as_uuid(value: Any) -> bytes | None:
    """Return a UUID, or None for null.

    Raises:
        BadQuery: it is not a UUID.
    """
    if value is None or isinstance(value, bytes):
        return value
    raw = parse_uuid(value) if isinstance(value, str) else None
    if raw is None:
        raise BadQuery("Cannot parse a UUID.")
    return raw


def as_time(value: Any) -> datetime | None:
    """Return a time from ISO 8601, or None for null.

    Raises:
        BadQuery: it is not a time.
    """
    if value is None or isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadQuery("Cannot parse a DateTime.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def sort_key(value: Any) -> tuple[bool, int, Any]:
    """Return a key that orders values of one column; nulls come last."""
    if isinstance(value, bytes):
        return False, 0, by_clickhouse(value)
    if isinstance(value, int | float):
        return False, 1, value
    if isinstance(value, datetime):
        return False, 2, value.timestamp()
    return value is None, 3, as_string(value) or ""


def like(pattern: str, *, ignore_case: bool) -> Callable[[str], bool]:
    """Return the test for a LIKE pattern."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    text = "".join(wild.get(part, re.escape(part.removeprefix("\\") or part)) for part in parts)
    compiled = re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    return lambda value: compiled.fullmatch(value) is not None


def _aligned(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two values as values of one type; None for a property that is not of the type of the other side."""
    kinds = _kind(left), _kind(right)
    if kinds[0] == kinds[1]:
        return (by_clickhouse(left), by_clickhouse(right)) if kinds[0] == "uuid" else (left, right)
    for kind, convert in (("uuid", as_uuid), ("time", as_time), ("number", _as_number), ("other", as_string)):
        if kind in kinds and ("text" in kinds or kind == "other"):
            pair = convert(left), convert(right)
            return _aligned(*pair) if kind == "uuid" else pair
    raise BadQuery("There is no supertype for the types of a comparison.")


def _kind(value: Any) -> str:
    match value:
        case bytes():
            return "uuid"
        case datetime():
            return "time"
        case str():
            return "text"
        case bool():
            return "other"
        case int() | float():
            return "number"
        case _:
            return "other"


def _as_number(value: Any) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
