"""Persons as rows of CSV: the same columns for whomever, each cell harmless in a spreadsheet (promise 30). Pure.

RFC 4180: CRLF after each row, a cell with a comma or quote quoted, its quotes doubled. No cell holds a line end, so a
row is a line. Numbers in properties stay as the server wrote them.
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from bulk.escape import csv_cell, plain

COLUMNS = ("uuid", "created_at", "is_identified", "name", "distinct_ids", "properties")
HEADER = ",".join(COLUMNS).encode() + b"\r\n"


class _Row(msgspec.Struct, frozen=True):
    """What of a person is shown; what is JSON in its cell stays as it came."""

    uuid: UUID
    created_at: datetime
    is_identified: Any = None
    name: Any = None
    distinct_ids: msgspec.Raw = msgspec.Raw(b"[]")
    properties: msgspec.Raw = msgspec.Raw(b"{}")


_ROW = msgspec.json.Decoder(_Row)


def csv_row(person: bytes) -> bytes:
    """Return one person as a row with its line end, in UTF-8.

    Args:
        person: the server's JSON object, or one of the same fields.

    Raises:
        msgspec.ValidationError: it has no uuid or no creation time.
    """
    row = _ROW.decode(person)
    created_at = row.created_at if row.created_at.tzinfo is not None else row.created_at.replace(tzinfo=UTC)
    cells = (
        str(row.uuid),
        created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "" if row.is_identified is None else str(bool(row.is_identified)).lower(),
        csv_cell("" if row.name is None else row.name),
        _json_cell(row.distinct_ids),
        _json_cell(row.properties),
    )
    return ",".join(map(_quoted, cells)).encode() + b"\r\n"


def _json_cell(raw: msgspec.Raw) -> str:
    """JSON on one line that is still JSON, whatever its texts hold: what could do harm is escaped as JSON escapes.

    Such characters stand within strings only: between its tokens JSON has nothing but line ends, tabs and blanks.
    """
    text = bytes(raw).decode()
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if plain(character) == character else " " if character in "\t\r\n" else json.dumps(character)[1:-1]
        for character in text
    )


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if '"' in cell or "," in cell else cell
