"""Persons as rows of CSV: the same columns for whomever, each cell harmless in a spreadsheet (promise 30). Pure.

RFC 4180: CRLF after each row, a cell with a comma or quote quoted, its quotes doubled. No cell holds a line end or a
tab, so a row is a line, and a spreadsheet that splits at `;` or tab instead finds no formula either. Numbers in
properties stay as the server wrote them.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from bulk.sanitize import csv_cell, csv_json_cell

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
        csv_json_cell(bytes(row.distinct_ids).decode()),
        csv_json_cell(bytes(row.properties).decode()),
    )
    return ",".join(map(_quoted, cells)).encode() + b"\r\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if '"' in cell or "," in cell else cell
