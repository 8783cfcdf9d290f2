"""Checks of what callers give, one sentence each, before anything is sent. Pure."""

from collections.abc import Sequence
from typing import Any, Literal

from asyncclient._protocol.ids import LARGEST_NUMBER
from asyncclient.errors import InvalidArgument, shown

MOST_ROWS = 10_000
LONGEST_TIMEOUT_S = 86_400.0

Format = Literal["csv", "json"]
FORMATS = ("csv", "json")


def flags(delete_events: bool, delete_recordings: bool, keep_person: bool) -> tuple[tuple[str, bool], ...]:
    """The three flags of deletions by name.

    Raises:
        InvalidArgument: one is no boolean; a text "false" would be true to the server (contract 6.5).
    """
    named = (("delete_events", delete_events), ("delete_recordings", delete_recordings), ("keep_person", keep_person))
    for name, value in named:
        if not isinstance(value, bool):
            raise InvalidArgument(f"{name} {shown(value)} is neither True nor False")
    return named


def some(values: Sequence[Any], name: str, most: int, least: int = 1) -> Sequence[Any]:
    """A list of a length that the server takes.

    Raises:
        InvalidArgument: it is none, or a text, which would be taken letter by letter.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Sequence) or not least <= len(values) <= most:
        count = str(len(values)) if isinstance(values, list | tuple) else f"a {type(values).__name__}"
        raise InvalidArgument(f"{name} takes a list of {least} to {most}, not {count}")
    return values


def seconds(value: object, name: str) -> float:
    """A length of time above 0.

    Raises:
        InvalidArgument: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_TIMEOUT_S:
        raise InvalidArgument(f"{name} {shown(value)} is not a number of seconds above 0, up to a day")
    return float(value)


def page_of_rows(limit: object, offset: object) -> tuple[tuple[str, str], ...]:
    """One page of a listing by offset, as query pairs.

    Arguments:
        limit: rows, 1 to 10,000.
        offset: rows to skip.

    Raises:
        InvalidArgument: one is out of its range.
    """
    whole(limit, "limit", 1, MOST_ROWS)
    whole(offset, "offset", 0, LARGEST_NUMBER)
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


def whole(value: object, name: str, least: int, most: int) -> None:
    """Pass for a whole number within bounds.

    Raises:
        InvalidArgument: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidArgument(f"{name} {shown(value)} is not a whole number from {least} to {most}")
