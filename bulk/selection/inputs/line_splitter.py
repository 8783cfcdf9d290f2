"""Splits UTF-8 text into lines without holding a whole line. Pure.

A line feed ends a line, with or without a carriage return before it. A carriage return ends a line too in a file whose
beginning has carriage returns and no line feed, and in a CSV file whose first line ends with one.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

_HEAD = 65_536
_ANY_END = re.compile(rb"\r\n|\n|\r")


class Piece(NamedTuple):
    """A part of a line.

    Arguments:
        number: of the line, from 1.
        data: bytes of the line without its end.
        end: the end of the line, empty at the end of the file; None where the line continues in the next piece.
    """

    number: int
    data: bytes
    end: bytes | None


def split_lines(chunks: Iterable[bytes], *, is_csv: bool = False) -> Iterator[Piece]:
    """Yield the pieces of each line.

    Arguments:
        chunks: the text, in parts of any size.
        is_csv: whether quoted cells may contain line ends.
    """
    chunks = iter(chunks)
    head = next((chunk for chunk in chunks if chunk), b"")
    while b"\n" not in head and len(head) < _HEAD and (more := next(chunks, None)) is not None:
        head += more
    first = _ANY_END.search(head)
    is_return = first is not None and first[0] == b"\r" and first.end() < len(head)
    find_end = _find_any if is_return and (is_csv or b"\n" not in head) else _find_line_feed
    number, is_open, held = 1, False, b""
    for chunk in chain((head,), chunks):
        data = held + chunk
        held = b"\r" if data.endswith(b"\r") else b""  # a line feed may follow
        data = data.removesuffix(b"\r")
        position = 0
        while (found := find_end(data, position)) is not None:
            yield Piece(number, data[position : found[0]], data[found[0] : found[1]])
            number, is_open, position = number + 1, False, found[1]
        if position < len(data):
            yield Piece(number, data[position:], None)
            is_open = True
    if held or is_open:
        yield Piece(number, b"", held)


def _find_line_feed(data: bytes, start: int) -> tuple[int, int] | None:
    at = data.find(b"\n", start)
    if at < 0:
        return None
    return (at - 1 if at > start and data[at - 1] == 0x0D else at), at + 1


def _find_any(data: bytes, start: int) -> tuple[int, int] | None:
    found = _ANY_END.search(data, start)
    return None if found is None else found.span()


def whole_lines(pieces: Iterable[Piece], limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield number and bytes of each line; None for the bytes of a line that is longer than the limit.

    Arguments:
        pieces: from `split_lines`.
        limit: in bytes.
    """
    parts, size = [], 0
    for number, data, end in pieces:
        size += len(data)
        if size <= limit:
            parts.append(data)
        if end is not None:
            yield number, b"".join(parts) if size <= limit else None
            parts, size = [], 0
