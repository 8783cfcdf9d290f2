"""Splits UTF-8 text into lines without holding a whole line. Pure.

A line feed ends a line, with or without a carriage return before it. A carriage return ends a line too in a file whose
beginning has carriage returns and no line feed, and in a CSV file whose first line ends with one.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, count, repeat

from bulk.files.content_meter import ContentMeter

_HEAD = 65_536
_ANY_END = re.compile(rb"(\r\n|\n|\r)")

Piece = tuple[int, bytes, bytes | None]
"""A part of a line: the number of the line, from 1; bytes of it without its end; and its end.

The end is empty at the end of the file, and None where the line continues in the next piece.
"""


def split_lines(chunks: Iterable[bytes], *, is_csv: bool = False, meter: ContentMeter | None = None) -> Iterator[Piece]:
    """Yield the pieces of each line.

    Arguments:
        chunks: the text, in parts of any size.
        is_csv: whether quoted cells may contain line ends.
        meter: gets the lines.
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
        lines, ends, rest = split(data.removesuffix(b"\r"))
        if meter is not None:
            meter.add_lines(lines, rest)
        yield from zip(count(number), lines, ends)
        number += len(lines)
        if rest:
            yield number, rest, None
        is_open = bool(rest) or (is_open and not lines)
    if held or is_open:
        if meter is not None:
            meter.add_lines([b""])
        yield number, b"", held


def _split_at_line_feeds(data: bytes) -> tuple[list[bytes], Iterable[bytes], bytes]:
    """Return the complete lines, their ends, and what is left."""
    *lines, rest = data.split(b"\n")
    if b"\r" not in data:
        return lines, repeat(b"\n"), rest
    ends = [b"\r\n" if line.endswith(b"\r") else b"\n" for line in lines]
    return [line.removesuffix(b"\r") for line in lines], ends, rest


def _split_at_any(data: bytes) -> tuple[list[bytes], Iterable[bytes], bytes]:
    """Return the complete lines, their ends, and what is left."""
    *parts, rest = _ANY_END.split(data)
    return parts[::2], parts[1::2], rest


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
