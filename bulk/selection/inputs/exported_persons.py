"""Recognizes what `posthog-bulk persons` writes, and picks the value of each person that a selection needs. Pure."""

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from bulk.selection.event_distinct_id import pick_distinct_id
from bulk.selection.inputs.csv_cells import DELIMITERS, Header
from bulk.selection.inputs.line_checks import Kind

PERSON_MAX = 16 << 20
"""Maximum bytes of a person, or of one of its cells."""

_ID_HEADERS = frozenset(
    {
        *("distinct_id", "distinct id", "distinct_ids", "distinctid", "person_id", "person id", "personid", "uuid"),
        *("user_id", "user id", "userid", "id", "email", "e-mail", "email address"),
    }
)
_NO_NAME = re.compile(r"[0-9@/:]")
_COLUMNS = {
    Kind.DISTINCT_ID: "distinct_ids",
    Kind.ANY_DISTINCT_ID: "distinct_ids",
    Kind.PERSON_ID: "uuid",
    Kind.EMAIL: "properties",
}


class _Person(msgspec.Struct, frozen=True):
    uuid: str
    distinct_ids: list[str]
    properties: dict[str, Any] = {}


_PERSON = msgspec.json.Decoder(_Person)


def value_of_line(line: bytes, kind: Kind) -> str | None:
    """Return the value of a person in JSON lines, empty where it has none; None if the line is not a person."""
    try:
        person = _PERSON.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    match kind:
        case Kind.PERSON_ID:
            return person.uuid
        case Kind.EMAIL:
            return _email(person.properties)
        case _:
            return _distinct_id(person.distinct_ids)


def exported_column(header: Header, kind: Kind) -> tuple[int, bytes] | None:
    """Return the index of the column to read and the delimiter; None if the header is not that of an export."""
    for delimiter in DELIMITERS if header.delimiter is None else (header.delimiter,):
        cells = header.cells(delimiter) or []
        if {"uuid", "distinct_ids", "properties"} <= set(cells) and cells.count(_COLUMNS[kind]) == 1:
            return cells.index(_COLUMNS[kind]), delimiter
    return None


def value_of_cell(kind: Kind) -> Callable[[str], str | None]:
    """Return the function that returns the value of a cell, like `value_of_line`."""
    match kind:
        case Kind.PERSON_ID:
            return str
        case Kind.EMAIL:
            return lambda cell: _email(_decoded(cell))
        case _:
            return lambda cell: _distinct_id(_decoded(cell))


def is_csv_header(header: Header) -> bool:
    """Return whether a first line is surely the header of a CSV file with a column of IDs.

    IDs such as `email|5f7c8ec7` are not: a bar is common in them, and a name of a column has no digits.
    """
    if header.delimiter is not None:
        return True
    for delimiter in (b",", b";", b"\t"):
        cells = [cell.casefold() for cell in header.cells(delimiter) or []]
        if len(cells) > 1 and not _ID_HEADERS.isdisjoint(cells) and not any(map(_NO_NAME.search, cells)):
            return True
    return False


def _decoded(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None


def _email(properties: object) -> str | None:
    if not isinstance(properties, dict):
        return None
    email = properties.get("email")
    return email if isinstance(email, str) else ""


def _distinct_id(distinct_ids: object) -> str | None:
    if not isinstance(distinct_ids, list) or not all(isinstance(each, str) for each in distinct_ids):
        return None
    return pick_distinct_id(distinct_ids) or next(iter(distinct_ids), "")
