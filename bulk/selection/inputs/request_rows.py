"""Reads requests: rows with the ID of a person, the reference of the request, and the day of its receipt. Pure."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from typing import Any
from uuid import UUID

import msgspec

from bulk.errors import InputError
from bulk.requests.due_dates import due_date, parse_received
from bulk.requests.job_record import TEXT_MAX
from bulk.sanitize import plain
from bulk.selection.inputs.csv_cells import DELIMITERS, Header, folded, invalid_csv, read_header, suggestion
from bulk.selection.inputs.line_checks import Kind, Line, Reason, RefusedLine, line_check
from bulk.selection.inputs.line_splitter import Piece

ROW_MAX = 65_536
"""Maximum bytes of a row; a longer one is refused."""
ID_COLUMNS = ("distinct_id", "email", "uuid")
COLUMNS = (*ID_COLUMNS, "reference", "received")


class Request(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The request that a line belongs to: its reference, and the days of its receipt and on which it is due."""

    reference: str | None = None
    received: str | None = None
    due: str | None = None

    def __repr__(self) -> str:  # a reference may name a person
        return f"Request(due={self.due!r})"


class RequestLine(Line, frozen=True):
    """A line of a file of requests that can be used."""

    kind: Kind
    request: Request

    @property
    def key(self) -> str:
        """The value with its kind: an email and an equal distinct ID are not the same line."""
        return f"{self.kind.name}\0{self.value}"


class RefusedRequest(RefusedLine, frozen=True):
    """A line of a file of requests that cannot be used; its request has no parts that cannot be read."""

    request: Request


class RequestRules(msgspec.Struct, frozen=True, kw_only=True):
    """How rows are read.

    Arguments:
        allow_shared_ids: also accept placeholder IDs.
        reference: that of the whole job, for rows without one.
        received: that of the whole job, for rows without one.
    """

    allow_shared_ids: bool = False
    reference: str | None = None
    received: str | None = None


def read_requests(pieces: Iterator[Piece], rules: RequestRules, name: str) -> Iterator[RequestLine | RefusedRequest]:
    """Yield the rows of a CSV file of requests.

    Arguments:
        pieces: of its lines.
        rules: how rows are read.
        name: of the file in errors.

    Raises:
        InputError: the file is empty, lacks a column, or is not valid CSV.
    """
    header = read_header(pieces, name)
    if header is None:
        raise InputError(f"{name} is empty: it must hold requests")
    columns, delimiter = _columns(header, rules, name)
    number = 0
    for number, cells in row_cells(pieces, delimiter, name):
        if cells is None:
            yield RefusedRequest(number, Reason.TOO_LONG, Request())
            continue
        row = {column: cells[at] for column, at in columns.items() if at < len(cells)}
        yield _checked(number, row, rules, is_blank=not any(map(str.strip, cells)))
    if not number:
        raise InputError(f"{name} has a header and no row: it must hold requests")


def read_request_values(values: Iterable[object], rules: RequestRules) -> Iterator[RequestLine | RefusedRequest]:
    """Yield requests that are given as mappings, numbered from 1.

    Raises:
        InputError: there is none, or one is not a mapping of the columns to strings.
    """
    number = 0
    for number, value in enumerate(values, 1):
        if not isinstance(value, Mapping):
            raise InputError(f"request {number} has type {type(value).__name__}: give mappings with {_listed(COLUMNS)}")
        if unknown := [str(key) for key in value if key not in COLUMNS]:
            raise InputError(f"request {number} has the key {plain(unknown[0])!r}: the keys are {_listed(COLUMNS)}")
        row = {key: _text(each) for key, each in value.items() if each is not None}
        yield _checked(number, row, rules, is_blank=not any(map(str.strip, row.values())))
    if not number:
        raise InputError("the selection is empty: it must hold requests")


def _columns(header: Header, rules: RequestRules, name: str) -> tuple[dict[str, int], bytes]:
    """Return where each column is, and the delimiter, which is the one that separates most of them."""
    best: tuple[dict[str, int], bytes] = {}, b","
    for delimiter in DELIMITERS if header.delimiter is None else (header.delimiter,):
        names = [folded(cell) for cell in header.cells(delimiter) or ()]
        for column in COLUMNS:
            if names.count(column) > 1:
                raise InputError(f"{name} has more than one column named {column!r}: rename one of them")
        found = {column: names.index(column) for column in COLUMNS if column in names}
        if len(found) > len(best[0]):
            best = found, delimiter
    columns, delimiter = best
    names = [folded(cell) for cell in header.cells(delimiter) or ()]
    if not any(column in columns for column in ID_COLUMNS):
        near = next(filter(None, (suggestion(column, names) for column in ID_COLUMNS)), "")
        raise InputError(
            f"{name} has no column named {_listed(ID_COLUMNS, 'or')}{near}: line {header.line} must be the header"
        )
    for column, default in (("reference", rules.reference), ("received", rules.received)):
        if column not in columns and default is None:
            near = suggestion(column, names)
            raise InputError(
                f"{name} has no column named {column!r}{near}: add it, or give --{column} for the whole job"
            )
    return best


def row_cells(pieces: Iterable[Piece], delimiter: bytes, name: str) -> Iterator[tuple[int, list[str] | None]]:
    """Yield the number and the cells of each row of a CSV file; None for the cells of one that is too long.

    Arguments:
        pieces: of the lines after the header.
        delimiter: between two cells.
        name: of the file in errors.

    Raises:
        InputError: a quote is missing or misplaced.
    """
    parts: list[bytes] = []
    first, size, quotes = 0, 0, 0
    for number, data, end in pieces:
        first = first or number
        size += len(data)
        quotes += data.count(b'"')
        if size <= ROW_MAX:
            parts.append(data)
        elif quotes % 2:
            raise invalid_csv(name, first)
        if end is None:
            continue
        if quotes % 2:
            parts.append(end)
            continue
        yield first, _cells(b"".join(parts), delimiter, name, first) if size <= ROW_MAX else None
        parts, first, size, quotes = [], 0, 0, 0
    if first:
        raise invalid_csv(name, first)


def _cells(row: bytes, delimiter: bytes, name: str, line: int) -> list[str]:
    text = row.decode("utf-8", "surrogateescape")
    try:
        return next(csv.reader(StringIO(text, newline=""), delimiter=delimiter.decode(), strict=True), [])
    except csv.Error:
        raise invalid_csv(name, line) from None


def _checked(
    number: int, row: Mapping[str, str], rules: RequestRules, *, is_blank: bool
) -> RequestLine | RefusedRequest:
    if is_blank:
        return RefusedRequest(number, Reason.BLANK, Request())
    reference, received = (row.get(column, "").strip() for column in ("reference", "received"))
    reference, received = reference or rules.reference or "", received or rules.received or ""
    shown = reference if _can_be_kept(reference) else ""
    day = parse_received(received)
    request = Request(
        reference=shown or None,
        received=None if day is None else day.isoformat(),
        due=None if day is None else due_date(day).isoformat(),
    )
    given = {column: row[column] for column in ID_COLUMNS if row.get(column, "").strip()}
    if len(given) != 1:
        return RefusedRequest(number, Reason.SEVERAL_IDS if given else Reason.NO_ID, request)
    if reference and not shown:
        return RefusedRequest(number, Reason.BAD_REFERENCE, request)
    if day is None:
        return RefusedRequest(number, Reason.NOT_A_DATE, request)
    column, value = next(iter(given.items()))
    kind = _kind(column, rules)
    line = line_check(kind)(number, value, is_cell=True)
    if isinstance(line, RefusedLine):
        return RefusedRequest(number, line.reason, request)
    return RequestLine(number, line.value, kind, request)


def _kind(column: str, rules: RequestRules) -> Kind:
    if column == "distinct_id":
        return Kind.ANY_DISTINCT_ID if rules.allow_shared_ids else Kind.DISTINCT_ID
    return Kind.EMAIL if column == "email" else Kind.PERSON_ID


def _can_be_kept(reference: str) -> bool:
    return 0 < len(reference) <= TEXT_MAX and plain(reference, limit=None) == reference


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, UUID) else _iso(value)


def _iso(value: Any) -> str:
    """Return a date or a time in ISO 8601; any other value as text."""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _listed(names: Iterable[str], word: str = "and") -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}"
