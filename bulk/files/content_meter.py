"""Identifies the content of an input while it is read, so that the same input is recognized and a changed one noticed.

The digest is a SHA-256 of the bytes of a file or stream, or of the values given. It can be checked against a guess, so
only a plan holds it, as it holds the identifiers themselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from zlib import crc32

import msgspec

from bulk.files.line_sketch import LineDifference, LineSketch

_CHUNK = 1 << 20
_LINES_AT_ONCE = 4_096


class InputContent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, eq=False):
    """What an input held; equal to any other one with the same digest.

    Arguments:
        digest: `sha256:` and the hex digits.
        lines: number of lines or values.
        sketch: of the lines, as `LineSketch` encodes it; empty in plans of earlier versions.
    """

    digest: str
    lines: int
    sketch: str = ""

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, InputContent) else NotImplemented

    def __ne__(self, other: object) -> bool:  # msgspec has its own, which does not follow from `__eq__`
        return not self == other

    def __hash__(self) -> int:
        return hash(self.digest)

    def difference(self, later: "InputContent") -> LineDifference | None:
        """Return by which lines a later content differs; None where one of them does not tell."""
        if not self.sketch or not later.sketch:
            return None
        try:
            return LineSketch.decode(self.sketch).difference(LineSketch.decode(later.sketch))
        except ValueError:
            return None


class ContentMeter:
    """Computes the content of an input while it is read: the digest of its bytes, and the number of its lines.

    Bytes and lines are added apart, because a file may be compressed, or in another encoding than UTF-8.
    """

    def __init__(self) -> None:
        self._hash = sha256()
        self._pending = bytearray()
        self._lines = 0
        self._is_in_line = False
        self._checksum = 0
        self._checksums: list[int] = []
        self._sketch = LineSketch()

    def add(self, data: bytes) -> None:
        """Add bytes as they were read."""
        self._pending += data
        if len(self._pending) >= _CHUNK:
            self._flush()

    def add_lines(self, lines: Sequence[bytes], rest: bytes = b"") -> None:
        """Add lines in UTF-8 and without their ends.

        Arguments:
            lines: the first one continues what was added as `rest` before.
            rest: the beginning of the next line, or more of it.
        """
        if self._is_in_line and lines:
            self._checksums.append(crc32(lines[0], self._checksum))
            self._checksum, self._is_in_line = 0, False
            lines = lines[1:]
        self._checksums += map(crc32, lines)
        if rest:
            self._checksum, self._is_in_line = crc32(rest, self._checksum), True
        if len(self._checksums) >= _LINES_AT_ONCE:
            self._flush_lines()

    def content(self) -> InputContent:
        """Return the content of everything added so far."""
        self._flush()
        if self._is_in_line:
            self.add_lines([b""])
        self._flush_lines()
        return InputContent(digest=f"sha256:{self._hash.hexdigest()}", lines=self._lines, sketch=self._sketch.encode())

    def _flush(self) -> None:
        if self._pending:
            self._hash.update(self._pending)
            self._pending = bytearray()

    def _flush_lines(self) -> None:
        self._lines += len(self._checksums)
        self._sketch.add(self._checksums)
        self._checksums.clear()


def metered_values(values: Iterable[object], meter: ContentMeter) -> Iterator[object]:
    """Yield values, and add each to a meter as a line; a line end within a value is escaped."""
    for value in values:
        data = str(value).replace("\\", "\\\\").replace("\n", "\\n").encode("utf-8", "surrogatepass")
        meter.add(data + b"\n")
        meter.add_lines([data])
        yield value
