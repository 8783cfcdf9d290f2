"""Splits UTF-8 text into lines without holding a whole line. Pure.

A line feed ends a line, with or without a carriage return before it. A carriage return ends a line too in a file whose
beginning has carriage returns and no line feed, and in a CSV file whose first line ends with one.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

_HEAD = 65_536
_ANY_END = re.compile(rb"(\r\n|\n|\r)")

Piece = tuple[int, bytes, bytes | None]
"""A part of a line: the number of the line, from 1; bytes of it without its end; and its end.

The end is empty at the end of the file, and None where the line continues in the next piece.
"""


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
    split = _split_at_any if is_return and (is_csv or b"\n" not in head) else _split_at_line_feeds
    number, is_open, held = 1, False, b""
    for chunk in chain((head,), chunks):
        data = held + chunk
        held = b"\r" if data.endswith(b"\r") else b""  # a line feed may follow
        lines, rest = split(data.removesuffix(b"\r"))
        for line, end in lines:
            yield number, line, end
            number += 1
            is_open = False
        if rest:
            yield number, rest, None
            is_open = True
    if held or is_open:
        yield number, b"", held


def _split_at_line_feeds(data: bytes) -> tuple[Iterable[tuple[bytes, bytes]], bytes]:
    """Return the complete lines with their ends, and what is left."""
    *lines, rest = data.split(b"\n")
    return ((line[:-1], b"\r\n") if line.endswith(b"\r") else (line, b"\n") for line in lines), rest


def _split_at_any(data: bytes) -> tuple[Iterable[tuple[bytes, bytes]], bytes]:
    """Return the complete lines with their ends, and what is left."""
    *parts, rest = _ANY_END.split(data)
    return zip(parts[::2], parts[1::2], strict=True), rest


def whole_lines(pieces: Iterable[Piece], limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield number and bytes of each line; None for the bytes of a line that is longer than the limit.

    Arguments:
        pieces: from `split_lines`.
        limit: in bytes.
    """
    parts, size = [], 0
    for number, data, end in pieces:
        if not size and end is not None:  # the whole line
            yield number, data if len(data) <= limit else None
            continue
        size += len(data)
        if size <= limit:
            parts.append(data)
        if end is not None:
            yield number, b"".join(parts) if size <= limit else None
            parts, size = [], 0
