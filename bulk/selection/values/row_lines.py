"""Reads rows of values from CSV or JSON lines: each has the ID of a person and what this person gets. Pure.

A row that cannot be used is refused by its number and a fixed reason, never by its content.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Literal

import msgspec

from asyncclient import InvalidArgument, property_keys, property_object
from bulk.errors import InputError
from bulk.property_checks import MAX_VALUES_BYTES, DesiredProperties, checked_keys
from bulk.selection.inputs.csv_cells import column_index, read_header, suggestion
from bulk.selection.inputs.line_checks import Kind, Line, Reason, RefusedLine, is_undecoded, line_check
from bulk.selection.inputs.line_splitter import Piece, whole_lines
from bulk.selection.inputs.request_rows import ROW_MAX as CSV_ROW_MAX
from bulk.selection.inputs.request_rows import row_cells
from bulk.selection.values.cell_types import CellType, NotOfItsType, parse_cell, parse_json

IdKind = Literal["distinct_id", "uuid", "email"]
EmptyIs = Literal["unset", "null"]
Layout = Literal["csv", "json"]

ROW_MAX = 2 * MAX_VALUES_BYTES
"""Maximum bytes of a row in JSON lines; a longer one is refused."""
_KEYS_SHOWN = 20
"""Columns that an error lists."""
_BLANK_PIECES = 1_000
_EXPORTED = frozenset({"uuid", "distinct_ids", "properties"})
"""The keys by which an export of persons is recognized."""


class RowRules(msgspec.Struct, frozen=True, kw_only=True):
    """How rows are read.

    Arguments:
        id_kind: what the ID of a row is.
        id_column: the column, or the key in JSON lines, that holds it.
        types: how the cells of a CSV column are read; "text" where it is not named.
        empty_is: what an empty cell of a CSV file does; None to leave the property alone.
        allow_shared_ids: also accept placeholder IDs such as `undefined`.
    """

    id_kind: IdKind = "distinct_id"
    id_column: str = "distinct_id"
    types: Mapping[str, CellType] = {}
    empty_is: EmptyIs | None = None
    allow_shared_ids: bool = False

    @property
    def kind(self) -> Kind:
        """What the IDs are."""
        if self.id_kind == "distinct_id":
            return Kind.ANY_DISTINCT_ID if self.allow_shared_ids else Kind.DISTINCT_ID
        return Kind.EMAIL if self.id_kind == "email" else Kind.PERSON_ID


class RowLine(Line, frozen=True, gc=False):
    """A row that can be used: its ID is the value, and `change` is what its person gets."""

    change: DesiredProperties


class RefusedRow(RefusedLine, frozen=True, gc=False):
    """A row that cannot be used, with the reason in words that name the column, or the key in JSON lines."""

    why: str

    @property
    def words(self) -> str:
        """The reason and the column."""
        return self.why


class RowKeys(msgspec.Struct, frozen=True):
    """What rows set, and how their file is laid out."""

    keys: tuple[str, ...]
    layout: Layout


def read_row_keys(pieces: Iterator[Piece], rules: RowRules, name: str) -> RowKeys:
    """Return the keys that rows set: those of the header, or of all lines of JSON.

    Arguments:
        pieces: of the lines of the file.
        rules: how rows are read.
        name: of the file in errors.

    Raises:
        InputError: the file is empty, has no such columns, or sets a property that the server cannot store.
    """
    pieces, layout = _begin(pieces, name)
    if layout == "csv":
        columns, _, _ = _columns(pieces, rules, name)
        return RowKeys(_checked(tuple(columns), rules, name), layout)
    if rules.types or rules.empty_is is not None:
        raise InputError(
            f"{name} has JSON lines, whose values have types and are never empty: leave out --types and "
            "--empty-is, which are for CSV"
        )
    keys: dict[str, None] = {}
    unusable: int | None = None
    has_row = False
    for number, data in whole_lines(pieces, ROW_MAX):
        row = _decoded(data)
        if row is not None:
            has_row = True
            keys.update(dict.fromkeys(row))
        elif unusable is None and (data is None or data.strip()):
            unusable = number
        if len(keys) > 10_000:
            break  # far too many, as the check says
    if unusable is not None and not has_row:
        raise InputError(
            f"{name} has no line that is a JSON object, from line {unusable:,} on: write each object on a line of its "
            "own, as jq -c . does, without NaN, Infinity and repeated keys"
        )
    if rules.id_column not in keys:
        raise InputError(f"{name} has no row with the key {rules.id_column!r}: name the key of the ID with --id-column")
    del keys[rules.id_column]
    return RowKeys(_checked(tuple(keys), rules, name), layout)


def read_rows(
    pieces: Iterator[Piece], rules: RowRules, keys: tuple[str, ...], name: str
) -> Iterator[RowLine | RefusedLine]:
    """Yield the rows of a file; a blank one as a refused line with the reason `BLANK`.

    Arguments:
        pieces: of the lines of the file.
        rules: how rows are read.
        keys: that the rows set, as `read_row_keys` returned them.
        name: of the file in errors.

    Raises:
        InputError: the file was changed since its keys were read, or is not valid CSV.
    """
    pieces, layout = _begin(pieces, name)
    check, of_column = line_check(rules.kind), "key" if layout == "json" else "column"
    has_row = False
    for number, given, change in _json_rows(pieces, rules) if layout == "json" else _csv_rows(pieces, rules, name):
        has_row = has_row or given is not Reason.BLANK
        if isinstance(given, Reason):
            yield (
                RefusedRow(number, given, _TOO_LONG[layout]) if given is Reason.TOO_LONG else RefusedLine(number, given)
            )
            continue
        line = check(number, given, is_cell=True)
        if isinstance(line, RefusedLine):
            reason = Reason.NO_ROW_ID if line.reason is Reason.BLANK else line.reason
            yield RefusedRow(number, reason, f"{reason.value} ({of_column} {rules.id_column!r})")
        elif isinstance(change, _Refusal):
            where = f" ({of_column} {change.key!r})" if change.key else ""
            yield RefusedRow(number, change.reason, f"{change.what or change.reason.value}{where}")
        elif not {*keys}.issuperset(change.keys):
            raise InputError(f"{name} was changed while it was read: line {number:,} has another key")
        else:
            yield RowLine(number, line.value, change)
    if not has_row:
        raise InputError(f"{name} has {'a header and ' * (layout == 'csv')}no row: it must hold values")


class _Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why the values of a row cannot be used.

    Arguments:
        reason: the fixed reason.
        key: the property that is the cause; None if the whole row is.
        what: the words for the reason; None for its own.
    """

    reason: Reason
    key: str | None = None
    what: str | None = None


_Row = tuple[int, str | Reason, DesiredProperties | _Refusal]
"""The number of a row, its ID or why the row cannot be read, and what its person gets or why that cannot be said."""

_NOTHING = _Refusal(Reason.NO_VALUE)
_TOO_LONG: dict[Layout, str] = {
    "csv": f"longer than {CSV_ROW_MAX:,} bytes, which only JSON lines may be",
    "json": f"longer than {ROW_MAX:,} bytes",
}
_NOT_OF: dict[CellType, str] = {"number": "not a number", "boolean": "not a boolean", "json": "not JSON"}


def _csv_rows(pieces: Iterator[Piece], rules: RowRules, name: str) -> Iterator[_Row]:
    columns, id_at, delimiter = _columns(pieces, rules, name)
    readers = [(at, key, rules.types.get(key, "text")) for key, at in columns.items()]
    width = len(columns) + 1
    for number, cells in row_cells(pieces, delimiter, name):
        if cells is None:
            yield number, Reason.TOO_LONG, _NOTHING
        elif not any(map(str.strip, cells)):
            yield number, Reason.BLANK, _NOTHING
        elif len(cells) != width:
            yield number, Reason.CELLS, _NOTHING
        else:
            yield number, cells[id_at], _change_of_cells(cells, readers, rules.empty_is)


def _change_of_cells(
    cells: list[str], readers: list[tuple[int, str, CellType]], empty_is: EmptyIs | None
) -> DesiredProperties | _Refusal:
    values: dict[str, Any] = {}
    absent: list[str] = []
    for at, key, cell_type in readers:
        if cells[at]:
            try:
                values[key] = parse_cell(cells[at], cell_type)
            except NotOfItsType:
                return _Refusal(Reason.NOT_OF_ITS_TYPE, key, _NOT_OF.get(cell_type))
        elif empty_is == "null":
            values[key] = None
        elif empty_is == "unset":
            absent.append(key)
    return _storable(values, tuple(absent))


def _json_rows(pieces: Iterator[Piece], rules: RowRules) -> Iterator[_Row]:
    for number, data in whole_lines(pieces, ROW_MAX):
        if data is None:
            yield number, Reason.TOO_LONG, _NOTHING
        elif not data.strip():
            yield number, Reason.BLANK, _NOTHING
        elif (row := _decoded(data)) is None:
            yield number, Reason.NOT_AN_OBJECT if _is_utf8(data) else Reason.NOT_UTF8, _NOTHING
        else:
            given = row.pop(rules.id_column, None)
            yield number, given if isinstance(given, str) else "", _storable(row, ())


def _storable(values: dict[str, Any], absent: tuple[str, ...]) -> DesiredProperties | _Refusal:
    """Return what a row changes, after a check that the server can store it."""
    if not values and not absent:
        return _NOTHING
    try:
        plain = property_object(values) if values else {}
    except InvalidArgument:
        key = next(key for key in values if not _is_storable(key, values[key]))
        return _Refusal(Reason.NOT_UTF8 if is_undecoded(values[key]) else Reason.NOT_STORABLE, key)
    if len(msgspec.json.encode(plain)) > MAX_VALUES_BYTES:
        return _Refusal(Reason.TOO_LONG, what=f"its values take more than {MAX_VALUES_BYTES:,} bytes")
    return DesiredProperties(values=plain, absent=absent)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_storable(key: str, value: object) -> bool:
    try:
        property_object({key: value})
    except InvalidArgument:
        return False
    return True


def _columns(pieces: Iterator[Piece], rules: RowRules, name: str) -> tuple[dict[str, int], int, bytes]:
    """Return where the column of each key is, where the ID is, and the delimiter; leave the pieces of the rows."""
    header = read_header(pieces, name)
    if header is None:
        raise InputError(f"{name} is empty: it must hold values")
    try:
        id_at, delimiter = column_index(header, rules.id_column, name)
    except InputError as problem:
        if "no column named" not in str(problem):
            raise
        raise InputError(f"{problem}; name the column of the ID with --id-column {rules.id_kind}:COLUMN") from None
    names = header.cells(delimiter) or []
    keys = [each for at, each in enumerate(names) if at != id_at]
    if not all(keys):
        raise InputError(f"{name} has a column without a name in line {header.line}: name it after its property")
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(f"{name} has more than one column named {key!r}: rename one of them")
    return {key: at for at, key in enumerate(names) if at != id_at}, id_at, delimiter


def _checked(keys: tuple[str, ...], rules: RowRules, name: str) -> tuple[str, ...]:
    if not keys:
        raise InputError(f"{name} has only the IDs of persons: add a column for each property to set")
    if {*keys, rules.id_column} >= _EXPORTED:
        raise InputError(
            f"{name} is an export of persons, not rows of values: write rows with the ID and the properties to set"
        )
    for key in rules.types:
        if key == rules.id_column:
            raise InputError(f"the column {key!r} holds the ID, which has no type: leave it out of the types")
        if key not in keys:
            near = suggestion(key, keys) or f" (its columns are {', '.join(map(repr, keys[:_KEYS_SHOWN]))})"
            raise InputError(f"{name} has no column named {key!r}, whose type is given{near}")
    try:
        property_keys(keys)
    except InvalidArgument as problem:
        raise InputError(f"{name}: {problem}") from None
    return checked_keys(keys)


def _begin(pieces: Iterator[Piece], name: str) -> tuple[Iterator[Piece], Layout]:
    """Return the same pieces, and the layout that the first one with text shows.

    Raises:
        InputError: the file is a JSON array.
    """
    read: list[Piece] = []
    for piece in pieces:
        read.append(piece)
        text = piece[1].strip()
        if text or len(read) > _BLANK_PIECES:
            if text.startswith(b"["):
                raise InputError(
                    f"{name} is a JSON array: write one item per line, as jq -c '.[]' does, and give that file"
                )
            return chain(read, pieces), "json" if text.startswith(b"{") else "csv"
    raise InputError(f"{name} is empty: it must hold values")


def _decoded(data: bytes | None) -> dict[str, Any] | None:
    """Return the object of a line of JSON; None if it is not one."""
    try:
        found = None if data is None else parse_json(data.decode("utf-8"))
    except (NotOfItsType, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None
