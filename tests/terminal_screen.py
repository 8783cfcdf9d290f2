"""A terminal in memory: takes what a display writes and holds the rows that a person would see."""

import io
import re

_SEQUENCE = re.compile(r"\x1b\[(\?(?:25|7)[lh]|\d*A|J|[\d;]*m)")


class TerminalScreen(io.StringIO):
    """Rows of text as wide as the terminal; a longer row is broken and noted, even where terminals are told to cut it.

    Arguments:
        columns: width.
    """

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.columns = columns
        self.is_cursor_hidden = False
        self.broken: list[str] = []
        self.colours: set[str] = set()
        self._rows = [""]
        self._row = 0
        self._column = 0

    @property
    def text(self) -> str:
        """The rows so far, without trailing spaces."""
        return "\n".join(row.rstrip() for row in self._rows).rstrip("\n")

    def isatty(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def write(self, text: str) -> int:
        rest = text
        while rest:
            if found := _SEQUENCE.match(rest):
                self._control(found[1])
                rest = rest[found.end() :]
                continue
            self._character(rest[0])
            rest = rest[1:]
        return len(text)

    def _control(self, sequence: str) -> None:
        if sequence.startswith("?25"):
            self.is_cursor_hidden = sequence.endswith("l")
        elif sequence.startswith("?7"):
            pass  # a line that is too long is to be noticed
        elif sequence.endswith("A"):
            self._row = max(0, self._row - int(sequence[:-1] or 1))
        elif sequence == "J":
            self._rows[self._row] = self._rows[self._row][: self._column]
            del self._rows[self._row + 1 :]
        elif sequence != "0m":
            self.colours.add(sequence)

    def _character(self, character: str) -> None:
        assert character != "\x1b", "a control sequence that this terminal does not know"
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._next_row()
        else:
            if self._column == self.columns:
                self.broken.append(self._rows[self._row])
                self._next_row()
            row = self._rows[self._row].ljust(self._column)
            self._rows[self._row] = row[: self._column] + character + row[self._column + 1 :]
            self._column += 1

    def _next_row(self) -> None:
        self._row += 1
        self._column = 0
        if self._row == len(self._rows):
            self._rows.append("")
