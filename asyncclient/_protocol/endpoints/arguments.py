"""Checks of arguments before anything is sent; each error is one sentence. Pure."""

from collections.abc import Sequence
from typing import Any, Literal

from asyncclient._protocol.ids import MAX_ROW_ID
from asyncclient.errors import InvalidArgument, shown

MAX_ROWS = 10_000
MAX_TIMEOUT_S = 86_400.0

Format = Literal["csv", "json"]
FORMATS = ("csv", "json")


def deletion_flags(delete_events: bool, delete_recordings: bool, keep_person: bool) -> tuple[tuple[str, bool], ...]:
    """Return the three flags of a deletion by name.

    Raises:
        InvalidArgument: one is not a boolean; the server would read the string "false" as true (contract 6.5).
    """
    named = (("delete_events", delete_events), ("delete_recordings", delete_recordings), ("keep_person", keep_person))
    for name, value in named:
        if not isinstance(value, bool):
            raise InvalidArgument(f"{name} {shown(value)} is neither True nor False")
    return named


def bounded_list(values: Sequence[Any], name: str, max_count: int) -> Sequence[Any]:
    """Return a list whose length the server accepts.

    Arguments:
        values: the list.
        name: name of the argument, for the message.
        max_count: the greatest length; the least is 1.

    Raises:
        InvalidArgument: it is not a list of this length; a string is refused, because it would count as its letters.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Sequence) or not 1 <= len(values) <= max_count:
        count = str(len(values)) if isinstance(values, list | tuple) else f"a {type(values).__name__}"
        raise InvalidArgument(f"{name} takes a list of 1 to {max_count}, not {count}")
    return values


def seconds(value: object, name: str) -> float:
    """Return a duration in seconds, above 0.

    Raises:
        InvalidArgument: it is not a number of seconds up to a day.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_TIMEOUT_S:
        raise InvalidArgument(f"{name} {shown(value)} is not a number of seconds above 0, up to a day")
    return float(value)


def offset_query(limit: object, offset: object) -> tuple[tuple[str, str], ...]:
    """Return the query parameters of a page by offset.

    Arguments:
        limit: rows, 1 to 10,000.
        offset: rows to skip.

    Raises:
        InvalidArgument: one is out of its range.
    """
    check_integer(limit, "limit", 1, MAX_ROWS)
    check_integer(offset, "offset", 0, MAX_ROW_ID)
    return ("limit", str(limit)), ("offset", str(offset))


def text(value: object, name: str) -> str:
    """Return a string that can be sent.

    Raises:
        InvalidArgument: it is not a string, is empty, or is not valid Unicode.
    """
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{name} {shown(value)} is not a string of at least one character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{name} {shown(value)} is not valid Unicode") from None
    return value


def check_integer(value: object, name: str, min_count: int, max_count: int) -> None:
    """Check that a value is a whole number within bounds.

    Raises:
        InvalidArgument: it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not min_count <= value <= max_count:
        raise InvalidArgument(f"{name} {shown(value)} is not a whole number from {min_count} to {max_count}")
