"""Checks of what callers give, one sentence each, before anything is sent. Pure."""

from collections.abc import Sequence
from typing import Any, Literal

from asyncclient._protocol.ids import MAX_ROW_ID
from asyncclient.errors import InvalidArgument, shown

MAX_ROWS = 10_000
MAX_TIMEOUT_S = 86_400.0

Format = Literal["csv", "json"]
FORMATS = ("csv", "json")


def deletion_flags(delete_events: bool, delete_recordings: bool, keep_person: bool) -> tuple[tuple[str, bool], ...]:
    """The three flags of deletions by name.

    Raises:
        InvalidArgument: one is no boolean; a text "false" would be true to the server (contract 6.5).
    """
    named = (("delete_events", delete_events), ("delete_recordings", delete_recordings), ("keep_person", keep_person))
    for name, value in named:
        if not isinstance(value, bool):
            raise InvalidArgument(f"{name} {shown(value)} is neither True nor False")
    return named


def bounded_list(values: Sequence[Any], name: str, max_count: int, min_count: int = 1) -> Sequence[Any]:
    """A list of a length that the server takes.

    Raises:
        InvalidArgument: it is none, or a text, which would be taken letter by letter.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Sequence) or not min_count <= len(values) <= max_count:
        count = str(len(values)) if isinstance(values, list | tuple) else f"a {type(values).__name__}"
        raise InvalidArgument(f"{name} takes a list of {min_count} to {max_count}, not {count}")
    return values


def seconds(value: object, name: str) -> float:
    """A length of time above 0.

    Raises:
        InvalidArgument: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_TIMEOUT_S:
        raise InvalidArgument(f"{name} {shown(value)} is not a number of seconds above 0, up to a day")
    return float(value)


def offset_query(limit: object, offset: object) -> tuple[tuple[str, str], ...]:
    """One page of a listing by offset, as query pairs.

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
    """A text that can be sent.

    Raises:
        InvalidArgument: it is none, is empty, or is not valid Unicode.
    """
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{name} {shown(value)} is not a text of at least one character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{name} {shown(value)} is not valid Unicode") from None
    return value


def check_integer(value: object, name: str, min_count: int, max_count: int) -> None:
    """Pass for a whole number within bounds.

    Raises:
        InvalidArgument: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not min_count <= value <= max_count:
        raise InvalidArgument(f"{name} {shown(value)} is not a whole number from {min_count} to {max_count}")
