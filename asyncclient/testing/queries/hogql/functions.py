"""The functions of HogQL with one argument, as functions of a value. Pure."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from asyncclient.testing.queries.hogql.comparing import as_string, as_time, as_uuid
from asyncclient.testing.queries.hogql.syntax import BadQuery


def _from_unix(value: Any) -> datetime | None:
    if value is None:
        return None
    if type(value) is not int:
        raise BadQuery("fromUnixTimestamp takes an integer.")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise BadQuery("The time is out of range.") from None


def _to_time(value: Any) -> datetime | None:
    return _from_unix(value) if type(value) is int else as_time(value)


def _lower(value: Any) -> str | None:
    text = as_string(value)
    return None if text is None else text.lower()


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "toString": as_string,
    "toUUID": as_uuid,
    "toDateTime": _to_time,
    "fromUnixTimestamp": _from_unix,
    "lower": _lower,
    "isNull": lambda value: value is None,
    "isNotNull": lambda value: value is not None,
    "empty": lambda value: None if value is None else not value,
    "notEmpty": lambda value: None if value is None else bool(value),
}
"""Functions of one argument by name, which are case-sensitive."""
