"""CSV cut into whole rows as it arrives, and counted. Pure: it looks at quotes and line ends and decodes nothing.

A quote in a cell is doubled and a cell with a line end in it is quoted, so a line end after an even number of quotes
ends a row.
"""

from asyncclient.errors import PostHogError

LONGEST_ROW = 32 * 1024 * 1024


class BrokenCsv(PostHogError):
    """The rows cannot be told apart."""


class CsvRows:
    """Feed it what comes; it gives whole rows back."""

    def __init__(self) -> None:
        self.lines = 0
        self._quoted = False
        self._rest: list[bytes] = []
        self._held = 0

    def feed(self, block: bytes) -> bytes:
        """The rows that are whole now, as they came; empty when none is.

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
        if self._held > LONGEST_ROW:
            raise BrokenCsv(f"a row is longer than {LONGEST_ROW >> 20} MiB")
        return whole

    def end(self) -> None:
        """Pass for CSV whose last row is whole: the server ends each row with a line end (contract 6.1).

        Raises:
            BrokenCsv: it was cut off.
        """
        if self._quoted:
            raise BrokenCsv("it ends within a cell")
        if self._held:
            raise BrokenCsv("its last row has no line end")

    def _last_end(self, parts: list[bytes], length: int) -> int:
        """Where the last row ends, just behind its line end."""
        at = length
        for index in range(len(parts) - 1, -1, -1):
            at -= len(parts[index])
            found = parts[index].rfind(b"\n") if index % 2 == self._quoted else -1
            if found >= 0:
                return at + found + 1
            at -= 1
        raise AssertionError("a line end was counted")
