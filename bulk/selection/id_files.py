"""Reads IDs from a file, one per line or in a CSV column, as a stream of usable and refused lines.

Memory use does not grow with the file. A refused line is identified by its number and a fixed reason, never by its
content. Distinct IDs and emails are used exactly as written, including spaces at either end, because the server
compares them exactly; only the line end and a byte order mark are removed. Only a line feed ends a line.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import msgspec

from bulk.errors import InputError
from bulk.files.content_meter import ContentMeter, MeteredStream
from bulk.files.file_errors import as_file_trouble
from bulk.formatting import count_of
from bulk.selection.placeholder_ids import is_placeholder

DISTINCT_ID_MAX = 400
"""Maximum length of a distinct ID in PostHog's persons store, in characters."""
EMAIL_MAX = 320
"""Maximum length of an email address, in characters: 64, an @, and 255."""
LINE_MAX = 65_536
"""Maximum length of a line in bytes; a longer line is refused."""

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UUID = re.compile(
    r"(?:urn:uuid:)?(?P<open>\{)?"
    r"(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?(open)\})",
    re.IGNORECASE | re.ASCII,
)
_CANONICAL_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Reason(Enum):
    """The reason why a line is refused."""

    BLANK = "blank"
    NUL = "NUL byte"
    CONTROL = "control character"
    NOT_UTF8 = "not UTF-8"
    TOO_LONG = "too long"
    PLACEHOLDER = "placeholder ID"
    NOT_A_UUID = "not a UUID"
    NOT_AN_EMAIL = "not an email"


class Kind(Enum):
    """What the lines of an input hold."""

    DISTINCT_ID = "distinct IDs"
    ANY_DISTINCT_ID = "distinct IDs, including placeholder IDs"
    PERSON_ID = "person UUIDs"
    EMAIL = "emails"


class Line(msgspec.Struct, frozen=True):
    """One usable value and the number of the line that it starts on, counted from 1."""

    number: int
    value: str


class RefusedLine(msgspec.Struct, frozen=True):
    """A line that cannot be used, and the reason."""

    number: int
    reason: Reason


def read_file(
    path: Path, kind: Kind, *, column: str | None = None, meter: ContentMeter | None = None
) -> Iterator[Line | RefusedLine]:
    """Yield the lines of a file of IDs.

    Args:
        path: the file, or a pipe.
        kind: what the lines hold.
        column: the header of the CSV column that holds the IDs; None where the file has one ID per line.
        meter: gets all bytes of the file.

    Raises:
        InputError: the file is empty, is not UTF-8 text, lacks the column, or is not valid CSV.
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

    Args:
        stream: read from its position, and not closed.
        kind: what the lines hold.
        column: the header of the CSV column that holds the IDs.
        name: the stream's name in errors.
        meter: gets all bytes that are read.
    """
    check = _line_check(kind)
    empty = True
    lines = _lines(stream if meter is None else MeteredStream(stream, meter), name)
    for number, text in lines if column is None else _cells(lines, column, name):
        empty = False
        yield check(number, text)
    if empty:
        raise InputError(f"{name} is empty: it must hold {kind.value}")


def read_values(values: Iterable[object], kind: Kind) -> Iterator[Line | RefusedLine]:
    """Yield the values of an iterable as lines numbered from 1.

    Args:
        values: strings, or UUIDs where `kind` is PERSON_ID.
        kind: what the values are.

    Raises:
        InputError: there is no value, or a value is neither a string nor a UUID.
    """
    check = _line_check(kind)
    number = 0
    for number, value in enumerate(values, 1):
        if not isinstance(value, str | UUID) or (isinstance(value, UUID) and kind is not Kind.PERSON_ID):
            raise InputError(f"value {number} of the {kind.value} has type {type(value).__name__}: give strings")
        yield check(number, str(value))
    if not number:
        raise InputError(f"the selection is empty: it must hold {kind.value}")


def _line_check(kind: Kind) -> Callable[[int, str | None], Line | RefusedLine]:
    rule = _RULES[kind]

    def check(number: int, text: str | None) -> Line | RefusedLine:
        reason = _unreadable(text)
        if reason is not None or text is None:
            return RefusedLine(number, reason or Reason.TOO_LONG)
        result = rule(text)
        return RefusedLine(number, result) if isinstance(result, Reason) else Line(number, result)

    return check


def _unreadable(text: str | None) -> Reason | None:
    if text is None:
        return Reason.TOO_LONG
    if text.isascii() and text.isprintable() and not text.isspace():
        return None if text else Reason.BLANK
    if "\0" in text:
        return Reason.NUL
    if _SURROGATE.search(text):
        return Reason.NOT_UTF8
    if not text.strip():
        return Reason.BLANK
    return Reason.CONTROL if _CONTROL.search(text) else None


def _distinct_id(text: str) -> str | Reason:
    return Reason.PLACEHOLDER if is_placeholder(text) else _any_distinct_id(text)


def _any_distinct_id(text: str) -> str | Reason:
    return Reason.TOO_LONG if len(text) > DISTINCT_ID_MAX else text


def _person_id(text: str) -> str | Reason:
    bare = text.strip()
    if _CANONICAL_UUID.fullmatch(bare):
        return bare
    return str(UUID(bare)) if _UUID.fullmatch(bare) else Reason.NOT_A_UUID


def _email(text: str) -> str | Reason:
    if "@" not in text.strip().strip("@"):
        return Reason.NOT_AN_EMAIL
    return Reason.TOO_LONG if len(text) > EMAIL_MAX else text


_RULES: dict[Kind, Callable[[str], str | Reason]] = {
    Kind.DISTINCT_ID: _distinct_id,
    Kind.ANY_DISTINCT_ID: _any_distinct_id,
    Kind.PERSON_ID: _person_id,
    Kind.EMAIL: _email,
}


def _lines(stream: BinaryIO | MeteredStream, name: str) -> Iterator[tuple[int, str | None]]:
    """Yield number and text of each line without its end; the text of a line that is too long is None.

    Bytes that are not UTF-8 become lone surrogates, which valid UTF-8 never decodes to.
    """
    number = 0
    while raw := stream.readline(LINE_MAX):
        number += 1
        cut = len(raw) == LINE_MAX and not raw.endswith(b"\n")
        if number == 1:
            if raw.startswith(_UTF16):
                raise InputError(f"{name} is UTF-16 text: save it as UTF-8")
            raw = raw.removeprefix(_BOM)
            if not raw:
                continue
        if cut:
            _skip_rest(stream)
            yield number, None
            continue
        yield number, raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")


def _skip_rest(stream: BinaryIO | MeteredStream) -> None:
    while (rest := stream.readline(LINE_MAX)) and not rest.endswith(b"\n"):
        pass


def _cells(lines: Iterator[tuple[int, str | None]], column: str, name: str) -> Iterator[tuple[int, str]]:
    """Yield the value in a column, and the number of the first line, of each CSV record after the header."""
    feed = _CsvFeed(lines, name)
    records = csv.reader(feed, strict=True)
    with _csv_trouble(feed, name):
        header = next(records, None)
    if header is None:
        return
    index = _column_index([cell.strip() for cell in header], column, name)
    while True:
        feed.first = None
        with _csv_trouble(feed, name):
            record = next(records, None)
        if record is None:
            return
        yield feed.first or 0, record[index] if index < len(record) else ""


class _CsvFeed:
    """Passes lines to the csv module and keeps the number of the line on which the current record begins."""

    def __init__(self, lines: Iterator[tuple[int, str | None]], name: str) -> None:
        self.first: int | None = None
        self._lines = lines
        self._name = name

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, text = next(self._lines)
        if self.first is None:
            self.first = number
        if text is None:
            raise InputError(f"{self._name}: line {number:,} is longer than {LINE_MAX:,} bytes: shorten or remove it")
        return text + "\n"


@contextmanager
def _csv_trouble(feed: _CsvFeed, name: str) -> Iterator[None]:
    try:
        yield
    except csv.Error:  # its message may hold the field
        raise InputError(
            f"{name}: the record on line {feed.first:,} is not valid CSV: correct its quotes or line ends"
        ) from None


def _column_index(header: list[str], column: str, name: str) -> int:
    """Return the index of a column. Errors do not show the header: in a file without one it is personal data."""
    wanted = column.strip()
    if header.count(wanted) == 1:
        return header.index(wanted)
    if wanted in header:
        raise InputError(f"{name} has more than one column named {column!r}: rename one of them")
    near = [cell for cell in header if cell.casefold() == wanted.casefold()]
    hint = (
        f"did you mean {near[0]!r}?"
        if near
        else f"line 1 must be the header, which has {count_of(len(header), 'column')}"
    )
    raise InputError(f"{name} has no column named {column!r}: {hint}")
