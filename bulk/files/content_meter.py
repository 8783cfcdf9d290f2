"""Identifies the content of an input while it is read, so that the same input is recognized and a changed one noticed.

The digest is a SHA-256 of the bytes of a file or stream, or of the values given. It can be checked against a guess, so
only a plan holds it, as it holds the identifiers themselves.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import BinaryIO

import msgspec

_CHUNK = 1 << 20


class InputContent(msgspec.Struct, frozen=True, kw_only=True):
    """What an input held.

    Args:
        digest: `sha256:` and the hex digits.
        lines: number of lines or values.
    """

    digest: str
    lines: int


class ContentMeter:
    """Computes the content of an input while it is read."""

    def __init__(self) -> None:
        self._hash = sha256()
        self._pending = bytearray()
        self._line_ends = 0
        self._is_in_line = False

    def add(self, data: bytes) -> None:
        """Add bytes as they were read."""
        self._pending += data
        if len(self._pending) >= _CHUNK:
            self._flush()

    def content(self) -> InputContent:
        """Return the content of everything added so far."""
        self._flush()
        return InputContent(digest=f"sha256:{self._hash.hexdigest()}", lines=self._line_ends + self._is_in_line)

    def _flush(self) -> None:
        if not self._pending:
            return
        self._hash.update(self._pending)
        self._line_ends += self._pending.count(b"\n")
        self._is_in_line = not self._pending.endswith(b"\n")
        self._pending = bytearray()


class MeteredStream:
    """A binary stream that adds everything read from it to a meter."""

    def __init__(self, stream: BinaryIO, meter: ContentMeter) -> None:
        self._stream = stream
        self._meter = meter

    def readline(self, limit: int = -1) -> bytes:
        """Return the next line, or its first `limit` bytes."""
        data = self._stream.readline(limit)
        self._meter.add(data)
        return data


def metered_values(values: Iterable[object], meter: ContentMeter) -> Iterator[object]:
    """Yield values, and add each to a meter as a line; a line end within a value is escaped."""
    for value in values:
        text = str(value).replace("\\", "\\\\").replace("\n", "\\n")
        meter.add(text.encode("utf-8", "surrogatepass") + b"\n")
        yield value
