"""Splits UTF-8 text into lines without holding a whole line. Pure.

A line feed ends a line, with or without a carriage return before it. A carriage return ends a line too in a file whose
beginning has carriage returns and no line feed, and in a CSV file whose first line ends with one.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, count, repeat
from typing import NamedTuple

from bulk.files.content_meter import ContentMeter

_HEAD = 65_536
_ANY_END = re.compile(rb"(\r\n|\n|\r)")

Piece = tuple[int, bytes, bytes | None]
"""A part of a line: the number of the line, from 1; bytes of it without its end; and its end.

The end is empty at the end of the file, and None where the line continues in the next piece.
"""


class Block(NamedTuple):
    """The lines that were read at once.

    Arguments:
        number: of the first of them.
        lines: their bytes without their ends; the first one continues the rest of the block before.
        ends: their ends, at least one per line.
        rest: the beginning of the line after them, or more of it.
    """

    number: int
    lines: list[bytes]
    ends: Iterable[bytes]
    rest: bytes = b""


def split_lines(chunks: Iterable[bytes], *, is_csv: bool = False) -> Iterator[Piece]:
    """Yield the pieces of each line; arguments as for `split_blocks`."""
    return pieces_of(split_blocks(chunks, is_csv=is_csv))


def pieces_of(blocks: Iterable[Block]) -> Iterator[Piece]:
    """Yield the pieces of each line of blocks."""
    for number, lines, ends, rest in blocks:
        yield from zip(count(number), lines, ends)
        if rest:
            yield number + len(lines), rest, None


def split_blocks(
    chunks: Iterable[bytes], *, is_csv: bool = False, meter: ContentMeter | None = None
) -> Iterator[Block]:
    """Yield the lines, those of one part of the text at a time.

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
        yield Block(number, lines, ends, rest)
        number += len(lines)
        is_open = bool(rest) or (is_open and not lines)
    if held or is_open:
        if meter is not None:
            meter.add_lines([b""])
        yield Block(number, [b""], [held])


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


def whole_blocks(blocks: Iterable[Block], limit: int) -> Iterator[tuple[int, list[bytes | None]]]:
    """Yield the number of the first line and the bytes of each line, those of one block at a time.

    Arguments:
        blocks: from `split_blocks`.
        limit: in bytes; None stands for a longer line.
    """
    parts: list[bytes] = []
    size = 0
    for number, lines, _, rest in blocks:
        if lines:
            whole: list[bytes | None] = [line if len(line) <= limit else None for line in lines]
            if size:
                size += len(lines[0])
                whole[0] = b"".join((*parts, lines[0])) if size <= limit else None
                parts, size = [], 0
            yield number, whole
        size += len(rest)
        if rest and size <= limit:
            parts.append(rest)
