"""Writes persons as CSV rows with the same columns, and every cell is safe in a spreadsheet (guarantee 30). Pure.

The format is RFC 4180: each row ends with CRLF, and a cell with a comma or quote is quoted, with its quotes doubled. No
cell holds a line end or a tab. So every row is one line, and a spreadsheet that splits at `;` or tab finds no formula
either. Numbers in properties stay as the server wrote them.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from bulk.sanitize import csv_cell, csv_json_cell

COLUMNS = ("uuid", "created_at", "is_identified", "name", "distinct_ids", "properties")
HEADER = ",".join(COLUMNS).encode() + b"\r\n"


class _Row(msgspec.Struct, frozen=True):
    """The fields of a person that a row shows; JSON in a cell stays as the server wrote it."""

    uuid: UUID
    created_at: datetime
    is_identified: Any = None
    name: Any = None
    distinct_ids: msgspec.Raw = msgspec.Raw(b"[]")
    properties: msgspec.Raw = msgspec.Raw(b"{}")


_ROW = msgspec.json.Decoder(_Row)


def csv_row(person: bytes) -> bytes:
    """Return a person as a row with its line end, in UTF-8.

    Arguments:
        person: the server's JSON object, or one with the same fields.

    Raises:
        msgspec.ValidationError: the person has no UUID or no creation time.
    """
    row = _ROW.decode(person)
    created_at = row.created_at if row.created_at.tzinfo is not None else row.created_at.replace(tzinfo=UTC)
    cells = (
        str(row.uuid),
        created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "" if row.is_identified is None else str(bool(row.is_identified)).lower(),
        csv_cell("" if row.name is None else row.name),
        csv_json_cell(bytes(row.distinct_ids).decode()),
        csv_json_cell(bytes(row.properties).decode()),
    )
    return ",".join(map(_quoted, cells)).encode() + b"\r\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if '"' in cell or "," in cell else cell
