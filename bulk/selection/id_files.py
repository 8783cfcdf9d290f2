"""Reads IDs from a file as a stream of usable and refused lines: one per line, a CSV column, or exported persons.

Memory use does not grow with the file. Distinct IDs and emails are used exactly as written, including spaces at either
end, because the server compares them exactly; only the line end and a byte order mark are removed.
"""

from collections.abc import Iterable, Iterator
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from bulk.errors import InputError
from bulk.files.content_meter import ContentMeter
from bulk.files.file_errors import as_file_trouble
from bulk.selection.inputs.csv_cells import Cell, Header, column_index, folded, named_delimiter, read_cells, read_header
from bulk.selection.inputs.decoding import CHUNK, to_utf8
from bulk.selection.inputs.exported_persons import (
    PERSON_MAX,
    exported_column,
    is_csv_header,
    value_of_cell,
    value_of_line,
)
from bulk.selection.inputs.json_documents import json_refusal
from bulk.selection.inputs.line_checks import (
    DISTINCT_ID_MAX,
    EMAIL_MAX,
    Kind,
    Line,
    Reason,
    RefusedLine,
    block_check,
    check_whole_line,
    line_check,
)
from bulk.selection.inputs.line_splitter import Block, Piece, pieces_of, split_blocks, whole_blocks, whole_lines

__all__ = [
    "DISTINCT_ID_MAX",
    "EMAIL_MAX",
    "LINE_MAX",
    "Kind",
    "Line",
    "Reason",
    "RefusedLine",
    "read_any_ids",
    "read_file",
    "read_pieces",
    "read_stream",
    "read_values",
]

_BLANK_PIECES = 1_000
LINE_MAX = 65_536
"""Maximum length of a line, or of a cell in the column that is read, in bytes; a longer one is refused."""


def read_file(
    path: Path, kind: Kind, *, column: str | None = None, meter: ContentMeter | None = None
) -> Iterator[Line | RefusedLine]:
    """Yield the lines of a file of IDs.

    Arguments:
        path: the file, or a pipe.
        kind: what the lines hold.
        column: the header of the CSV column that holds the IDs; None where the file has one ID per line, or is an
            export of persons.
        meter: gets all bytes and lines of the file.

    Raises:
        InputError: the file is empty, is of a kind that cannot be read, lacks the column, or is not valid CSV.
        FileTrouble: it cannot be opened or read.
    """
    with as_file_trouble(path, "cannot be read"), path.open("rb") as stream:
        yield from read_stream(stream, kind, column=column, name=str(path), meter=meter)


def read_stream(
    stream: BinaryIO,
    kind: Kind,
    *,
    column: str | None = None,
    name: str = "the input",
    meter: ContentMeter | None = None,
) -> Iterator[Line | RefusedLine]:
    """Yield the lines of a binary stream, like `read_file`.

    Arguments:
        stream: read from its position, and not closed.
        kind: what the lines hold.
        column: the header of the CSV column that holds the IDs.
        name: the stream's name in errors.
        meter: gets all bytes and lines that are read.
    """
    blocks, first = _begin(_read_blocks(stream, name, meter, is_csv=column is not None), name)
    pieces = pieces_of(blocks)
    if column is not None:
        lines = _csv(pieces, kind, column, name, is_json=first is not None and value_of_line(first, kind) is not None)
    elif first is not None and value_of_line(first, kind) is not None:
        lines = _json_lines(pieces, kind)
    elif first is not None and (named_delimiter(first) is not None or is_csv_header(Header(first, None, 1))):
        lines = _exported_csv(pieces, kind, name)
    else:
        check = block_check(kind)
        lines = chain.from_iterable(check(number, block) for number, block in whole_blocks(blocks, LINE_MAX - 1))
    head = next(lines, None)
    if head is None:
        raise InputError(f"{name} is empty: it must hold {kind.value}")
    yield head
    yield from lines


def read_any_ids(path: Path) -> Iterator[Line | RefusedLine]:
    """Yield the lines of a file in which each line identifies a person in any way.

    Of an export of persons, each line is yielded twice, as a distinct ID and as a UUID. Any other line is yielded
    whole, also of a CSV file, whose header is left out.

    Raises:
        InputError: the file is empty, or is of a kind that cannot be read.
        FileTrouble: it cannot be opened or read.
    """
    with as_file_trouble(path, "cannot be read"), path.open("rb") as stream:
        blocks, first = _begin(_read_blocks(stream, str(path)), str(path))
        pieces = pieces_of(blocks)
        if first is None and next(pieces, None) is None:
            raise InputError(f"{path} is empty: it must hold one distinct ID, UUID or email per line")
        if first is not None and not _is_export(first):
            is_csv = named_delimiter(first) is not None or is_csv_header(Header(first, None, 1))
            yield from _whole_lines(pieces, str(path), has_header=is_csv)
            return
    for lines in zip(*(read_file(path, kind) for kind in (Kind.ANY_DISTINCT_ID, Kind.PERSON_ID)), strict=True):
        # a person without a distinct ID is protected by its UUID
        yield from [line for line in lines if isinstance(line, Line) or line.reason is not Reason.NO_ROW_ID] or lines


def _is_export(first: bytes) -> bool:
    kind = Kind.PERSON_ID
    return value_of_line(first, kind) is not None or exported_column(Header(first, None, 1), kind) is not None


def _whole_lines(pieces: Iterator[Piece], name: str, *, has_header: bool) -> Iterator[Line | RefusedLine]:
    if has_header:
        read_header(pieces, name)
    for number, data in whole_lines(pieces, PERSON_MAX):
        yield check_whole_line(number, None if data is None else data.decode("utf-8", "surrogateescape"))


def read_values(values: Iterable[object], kind: Kind) -> Iterator[Line | RefusedLine]:
    """Yield the values of an iterable as lines numbered from 1.

    Arguments:
        values: strings, or UUIDs where `kind` is PERSON_ID.
        kind: what the values are.

    Raises:
        InputError: there is no value, or a value is neither a string nor a UUID.
    """
    check = line_check(kind)
    number = 0
    for number, value in enumerate(values, 1):
        if not isinstance(value, str | UUID) or (isinstance(value, UUID) and kind is not Kind.PERSON_ID):
            raise InputError(f"value {number} of the {kind.value} has type {type(value).__name__}: give strings")
        yield check(number, str(value))
    if not number:
        raise InputError(f"the selection is empty: it must hold {kind.value}")


def read_pieces(
    stream: BinaryIO, name: str, meter: ContentMeter | None = None, *, is_csv: bool = False
) -> Iterator[Piece]:
    """Return the pieces of the lines of a binary stream, decoded while they are taken.

    Arguments:
        stream: read from its position, and not closed.
        name: the stream's name in errors.
        meter: gets all bytes and lines that are read.
        is_csv: whether it is a CSV file.

    Raises:
        InputError: the stream is of a kind that cannot be read, or its compressed data is damaged.
    """
    return pieces_of(_read_blocks(stream, name, meter, is_csv=is_csv))


def _read_blocks(
    stream: BinaryIO, name: str, meter: ContentMeter | None = None, *, is_csv: bool = False
) -> Iterator[Block]:
    return split_blocks(to_utf8(_chunks(stream, meter), name), is_csv=is_csv, meter=meter)


def _chunks(stream: BinaryIO, meter: ContentMeter | None) -> Iterator[bytes]:
    # `read` would wait for more than what a pipe holds
    read = stream.read1 if isinstance(stream, BufferedReader) else stream.readline
    while data := read(CHUNK):
        if meter is not None:
            meter.add(data)
        yield data


def _begin(blocks: Iterator[Block], name: str) -> tuple[Iterator[Block], bytes | None]:
    """Return the same blocks, and the first line that is not blank if it is of a size that an export or a header has.

    Raises:
        InputError: the file is a JSON document, and not an export.
    """
    read: list[Block] = []
    line, seen = b"", 0
    for block in blocks:
        read.append(block)
        for _, data, end in pieces_of([block]):
            seen += 1
            line += data
            is_whole = end is not None
            if is_whole and not line.strip() and seen < _BLANK_PIECES:
                line = b""
            elif is_whole or len(line) > (PERSON_MAX if line.startswith(b"{") else LINE_MAX):
                if (refusal := json_refusal(line, name, is_whole=is_whole)) is not None:
                    raise refusal
                return chain(read, blocks), line if is_whole else None
    return iter(read), None


def _json_lines(pieces: Iterator[Piece], kind: Kind) -> Iterator[Line | RefusedLine]:
    check = line_check(kind)
    for number, data in whole_lines(pieces, PERSON_MAX):
        if data is None:
            yield RefusedLine(number, Reason.TOO_LONG)
        elif not data.strip():
            yield RefusedLine(number, Reason.BLANK)
        elif (value := value_of_line(data, kind)) is None:
            yield RefusedLine(number, Reason.NOT_A_PERSON)
        else:
            yield _without_id(check(number, value, is_cell=True))


def _exported_csv(pieces: Iterator[Piece], kind: Kind, name: str) -> Iterator[Line | RefusedLine]:
    header = read_header(pieces, name)
    if header is None:
        return
    found = exported_column(header, kind)
    if found is None:
        raise InputError(f"{name} is a CSV file: name the column that holds the {kind.value} with --column")
    yield from _exported_cells(read_cells(pieces, *found, name, limit=PERSON_MAX), kind)


def _exported_cells(cells: Iterable[Cell], kind: Kind) -> Iterator[Line | RefusedLine]:
    check, pick = line_check(kind), value_of_cell(kind)
    for line, text, _, is_blank in cells:
        if text is None:
            yield RefusedLine(line, Reason.TOO_LONG)
        elif not text:
            yield RefusedLine(line, Reason.BLANK if is_blank else Reason.NO_ROW_ID)
        elif (value := pick(text)) is None:
            yield RefusedLine(line, Reason.NOT_A_PERSON)
        else:
            yield _without_id(check(line, value, is_cell=True))


def _without_id(line: Line | RefusedLine) -> Line | RefusedLine:
    """Return a line; one whose ID is blank, but which is not, as one without an ID."""
    if isinstance(line, RefusedLine) and line.reason is Reason.BLANK:
        return RefusedLine(line.number, Reason.NO_ROW_ID)
    return line


def _csv(pieces: Iterator[Piece], kind: Kind, column: str, name: str, *, is_json: bool) -> Iterator[Line | RefusedLine]:
    if is_json:
        raise InputError(f"{name} is an export of persons in JSON lines: leave out --column")
    header = read_header(pieces, name)
    if header is None:
        return
    if folded(column) == "distinct_ids" and (found := exported_column(header, kind)) is not None:
        yield from _exported_cells(read_cells(pieces, *found, name, limit=PERSON_MAX), kind)
        return
    index, delimiter = column_index(header, column, name)
    check = line_check(kind)
    for line, text, is_quoted, is_blank in read_cells(pieces, index, delimiter, name, limit=LINE_MAX - 1):
        checked = check(line, text, is_cell=is_quoted or "\r" not in (text or ""))
        yield checked if is_blank else _without_id(checked)
