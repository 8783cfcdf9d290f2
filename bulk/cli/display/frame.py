"""The lines at the bottom of a terminal that are redrawn in place: what to write for them. Pure.

Between two writes the cursor is at the start of the first line. A terminal that gets another size breaks the lines into
more rows, joins them or cuts them, each in its own way, but keeps the cursor at its place in the text: everything from
there on is erased. Lines that are written for the old size while it changes are cut by the terminal, not broken.
"""

from collections.abc import Sequence

from bulk.cli.display.screen import Line

HIDE_CURSOR = "\x1b[?25l"
SHOW_CURSOR = "\x1b[?25h"
_CUT_LINES, _BREAK_LINES = "\x1b[?7l", "\x1b[?7h"
_WAITING = "\x1b[33m"
_RESET = "\x1b[0m"


class Frame:
    """The lines that a terminal shows now.

    Arguments:
        colour: whether a wait is shown in yellow.
    """

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._lines: tuple[Line, ...] = ()
        self._is_cursor_hidden = False

    def draw(self, lines: Sequence[Line], *, rows: int) -> str:
        """Return what replaces the lines by others.

        Arguments:
            lines: the new lines, each narrower than the terminal.
            rows: height of the terminal.
        """
        hide, erase = "" if self._is_cursor_hidden else HIDE_CURSOR, self._erase()
        self._lines, self._is_cursor_hidden = tuple(lines[: max(1, rows - 1)]), True
        return hide + erase + self._text() + self._to_first_line()

    def print_above(self, text: str) -> str:
        """Return what writes a text that stays, above the lines.

        Arguments:
            text: sanitized, without a line end.
        """
        return self._erase() + text + "\n" + self._text() + self._to_first_line()

    def close(self) -> str:
        """Return what removes the lines and shows the cursor."""
        text = self._erase() + (SHOW_CURSOR if self._is_cursor_hidden else "")
        self._lines, self._is_cursor_hidden = (), False
        return text

    def leave(self) -> str:
        """Return what leaves the lines on the terminal, with the cursor shown below them; the next lines are new."""
        text = self._erase() + (f"{self._text()}\n" if self._lines else "")
        text += SHOW_CURSOR if self._is_cursor_hidden else ""
        self._lines, self._is_cursor_hidden = (), False
        return text

    def forget(self) -> None:
        """Leave the lines to the terminal; the next lines are new."""
        self._lines = ()

    def _erase(self) -> str:
        return "\r\x1b[J" if self._lines else ""

    def _text(self) -> str:
        text = "\n".join(self._styled(line) for line in self._lines)
        return f"{_CUT_LINES}{text}{_BREAK_LINES}" if text else ""

    def _to_first_line(self) -> str:
        if not self._lines:
            return ""
        return "\r" + (f"\x1b[{len(self._lines) - 1}A" if len(self._lines) > 1 else "")

    def _styled(self, line: Line) -> str:
        return f"{_WAITING}{line.text}{_RESET}" if line.waits and self._colour else line.text
