"""CsvRowSplitter: cuts a stream of CSV into whole rows and counts them. Pure.

It looks at quotes and line ends only and decodes nothing. A quote in a cell is doubled, and a cell that contains a line
end is quoted, so a line end after an even number of quotes ends a row.
"""

from asyncclient.errors import PostHogError

MAX_ROW_BYTES = 32 * 1024 * 1024


class BrokenCsv(PostHogError):
    """The CSV cannot be split into rows."""


class CsvRowSplitter:
    """Takes blocks of bytes as they arrive and returns whole rows."""

    def __init__(self) -> None:
        self.lines = 0
        self._quoted = False
        self._rest: list[bytes] = []
        self._held = 0

    def feed(self, block: bytes) -> bytes:
        """Take a block and return the rows that are complete now, unchanged; empty if none is.

        Raises:
            BrokenCsv: a row is longer than any person's can be.
        """
        parts = block.split(b'"')
        outside = slice(1 if self._quoted else 0, None, 2)
        ends = sum(part.count(b"\n") for part in parts[outside])
        cut = self._last_end(parts, len(block)) if ends else 0
        self._quoted ^= len(parts) % 2 == 0
        self.lines += ends
        whole = b"".join([*self._rest, block[:cut]]) if cut else b""
        if cut:
            self._rest, self._held = [], 0
        self._rest.append(block[cut:])
        self._held += len(block) - cut
        if self._held > MAX_ROW_BYTES:
            raise BrokenCsv(f"a row is longer than {MAX_ROW_BYTES >> 20} MiB")
        return whole

    def end(self) -> None:
        """Check that the last row is complete: the server ends each row with a line end (contract 6.1).

        Raises:
            BrokenCsv: the CSV was cut off.
        """
        if self._quoted:
            raise BrokenCsv("it ends within a cell")
        if self._held:
            raise BrokenCsv("its last row has no line end")

    def _last_end(self, parts: list[bytes], length: int) -> int:
        """Return the position just after the line end of the last complete row."""
        at = length
        for index in range(len(parts) - 1, -1, -1):
            at -= len(parts[index])
            found = parts[index].rfind(b"\n") if index % 2 == self._quoted else -1
            if found >= 0:
                return at + found + 1
            at -= 1
        raise AssertionError("a line end was counted")
