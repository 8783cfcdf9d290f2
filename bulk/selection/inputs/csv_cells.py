"""Reads one column of CSV text without holding more than that column's cell. Pure.

The format is RFC 4180 with any of four delimiters. The csv module cannot be used: it holds whole records, has one limit
for the cells of all columns, and replaces the line ends within a cell.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from io import StringIO
from itertools import chain
from typing import NamedTuple

from bulk.errors import InputError
from bulk.formatting import count_of
from bulk.selection.inputs.line_splitter import Piece

HEADER_MAX = 65_536
"""Maximum bytes of the header."""
_NO_NAME = re.compile(r"[0-9@]")
DELIMITERS = (b",", b";", b"\t", b"|")


class Header(NamedTuple):
    """The header of a CSV file.

    Arguments:
        text: the record without its line end.
        delimiter: that of a first line such as `sep=;`; None without one.
        line: its line number.
    """

    text: bytes
    delimiter: bytes | None
    line: int

    def cells(self, delimiter: bytes) -> list[str] | None:
        """Return the names of the columns for a delimiter, without spaces around them; None if they are not CSV.

        A quote within a name, as in 5", may have taken the lines up to the next one for more of the header.
        """
        text = StringIO(self.text.decode("utf-8", "surrogateescape"), newline="")
        try:
            record, *others = list(csv.reader(text, delimiter=delimiter.decode(), strict=True)) or [[]]
        except csv.Error:  # its message may hold the field
            return None
        return None if others else [cell.strip() for cell in record]


class Cell(NamedTuple):
    """The cell of a record.

    Arguments:
        line: the number of the line on which the record begins.
        text: empty where the record is too short; None if the cell is too long.
        is_quoted: whether it is in quotes.
        is_blank: whether all cells of its record are blank.
    """

    line: int
    text: str | None
    is_quoted: bool
    is_blank: bool


def named_delimiter(line: bytes) -> bytes | None:
    """Return the delimiter that a line such as `sep=;` names; None for any other line."""
    text = line.strip(b'"')
    if text[:4].lower() == b"sep=" and (delimiter := text[4:].strip(b" ") or text[4:5]) in DELIMITERS:
        return delimiter
    return None


def read_header(pieces: Iterator[Piece], name: str) -> Header | None:
    """Return the header and leave the pieces after it; None for an empty file.

    Raises:
        InputError: the header is too long.
    """
    delimiter, text, line = None, b"", 0
    for number, data, end in pieces:
        line = line or number
        text += data
        if len(text) > HEADER_MAX:
            raise InputError(f"{name}: line {line:,} is longer than {HEADER_MAX:,} bytes: it must be the header")
        if end is None:
            continue
        if number == 1 and (delimiter := named_delimiter(text)) is not None:
            text, line = b"", 0
        elif not text.strip():
            text, line = b"", 0  # a blank line before the header
        elif text.count(b'"') % 2:
            text += end
        else:
            return Header(text, delimiter, line)
    return Header(text, delimiter, line) if line else None


def column_index(header: Header, column: str, name: str) -> tuple[int, bytes]:
    """Return the index of a column and the delimiter of the file, which is the one that separates this column.

    A name is first compared exactly, then without upper and lower case and with any blanks as one space.

    Raises:
        InputError: there is no such column, or more than one. The message does not show the header, because in a file
            without one it is personal data, but for a name that is close to the given one.
    """
    delimiters = DELIMITERS if header.delimiter is None else (header.delimiter,)
    records = {delimiter: cells for delimiter in delimiters if (cells := header.cells(delimiter)) is not None}
    if not records:
        raise invalid_csv(name, header.line)
    forms: tuple[Callable[[str], str], ...] = (str.strip, folded)
    for form in forms:
        found = {d: [form(cell) for cell in cells].count(form(column)) for d, cells in records.items()}
        matching = [delimiter for delimiter, count in found.items() if count]
        if not matching:
            continue
        delimiter = max(matching, key=lambda each: len(records[each]))
        if found[delimiter] > 1:
            raise InputError(f"{name} has more than one column named {column!r}: rename one of them")
        return [form(cell) for cell in records[delimiter]].index(form(column)), delimiter
    if header.text.count(b'"') % 2:  # the header ends with the file, and not where it should
        raise invalid_csv(name, header.line)
    columns = max(len(cells) for cells in records.values())
    near = suggestion(column, chain.from_iterable(records.values()))
    raise InputError(
        f"{name} has no column named {column!r}{near}: line {header.line} must be the header, "
        f"which has {count_of(columns, 'column')}"
    )


def suggestion(column: str, names: Iterable[str]) -> str:
    """Return the name that is spelled most like that of a missing column, in parentheses; empty if none is close.

    A name with a digit or an @ is left out: where the file has no header, its first line is personal data.
    """
    by_folded = {folded(name): name for name in names if not _NO_NAME.search(name)}
    close = get_close_matches(folded(column), by_folded, n=1)
    return f" (did you mean {by_folded[close[0]]!r}?)" if close else ""


def folded(name: str) -> str:
    """Return the name of a column as it is compared: without case, and with any blanks as one space."""
    return " ".join(name.replace("\ufeff", "").casefold().split())


def read_cells(pieces: Iterable[Piece], index: int, delimiter: bytes, name: str, *, limit: int) -> Iterator[Cell]:
    """Yield the cell of a column for each record.

    Arguments:
        pieces: of the lines after the header.
        index: of the column, from 0.
        delimiter: between two cells.
        name: of the file in errors.
        limit: bytes of a cell in this column; other columns have none.

    Raises:
        InputError: a quote is missing or misplaced.
    """
    record = _Record(index, delimiter, limit)
    is_new = True
    for number, data, end in pieces:
        if is_new and end is not None and b'"' not in data:
            cells = data.split(delimiter)
            is_blank = not data.replace(delimiter, b"").strip()
            yield _cell(number, cells[index] if index < len(cells) else b"", limit=limit, is_blank=is_blank)
            continue
        if is_new:
            record.begin(number)
            is_new = False
        if not record.add(data):
            raise invalid_csv(name, record.line)
        if end is not None and not record.add_end(end):
            yield record.cell()
            is_new = True
    if not is_new:
        raise invalid_csv(name, record.line)


def invalid_csv(name: str, line: int) -> InputError:
    """Return the error for a record with misplaced quotes."""
    return InputError(f"{name}: the record on line {line:,} is not valid CSV: correct its quotes or line ends")


def _cell(line: int, data: bytes, *, limit: int, is_blank: bool, is_quoted: bool = False) -> Cell:
    return Cell(line, data.decode("utf-8", "surrogateescape") if len(data) <= limit else None, is_quoted, is_blank)


class _Record:
    """The state of reading one record; keeps only the cell of one column."""

    def __init__(self, index: int, delimiter: bytes, limit: int) -> None:
        self._index = index
        self._delimiter = delimiter
        self._limit = limit
        self.begin(0)

    def begin(self, line: int) -> None:
        self.line = line
        self._kept = bytearray()
        self._column = 0
        self._is_quoted = self._in_quotes = self._after_quote = False
        self._at_start = self._is_blank = True

    def cell(self) -> Cell:
        kept = bytes(self._kept)
        return _cell(self.line, kept, limit=self._limit, is_blank=self._is_blank, is_quoted=self._is_quoted)

    def add(self, data: bytes) -> bool:
        """Read a part of a line, and return whether its quotes are in order."""
        position = 0
        while position < len(data):
            if self._in_quotes:
                end = data.find(b'"', position)
                self._keep(data[position:] if end < 0 else data[position:end])
                if end < 0:
                    break
                self._in_quotes, self._after_quote = False, True
                position = end + 1
            elif self._after_quote:
                self._after_quote = False
                if data.startswith(b'"', position):
                    self._keep(b'"')
                    self._in_quotes = True
                elif data.startswith(self._delimiter, position):
                    self._next_column()
                else:
                    return False
                position += 1
            elif self._at_start and data.startswith(b'"', position):
                self._at_start, self._in_quotes = False, True
                self._is_quoted = self._is_quoted or self._column == self._index
                position += 1
            else:
                end = data.find(self._delimiter, position)
                self._keep(data[position:] if end < 0 else data[position:end])
                self._at_start = False
                if end < 0:
                    break
                self._next_column()
                position = end + 1
        return True

    def add_end(self, end: bytes) -> bool:
        """Read the end of a line, and return whether the record continues after it."""
        if not self._in_quotes:
            return False
        self._keep(end)
        return True

    def _next_column(self) -> None:
        self._column += 1
        self._at_start = True

    def _keep(self, data: bytes) -> None:
        self._is_blank = self._is_blank and not data.strip()
        if self._column == self._index and len(self._kept) <= self._limit:
            self._kept += data
