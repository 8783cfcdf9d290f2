"""The lines at the bottom of a terminal that are redrawn in place: what to write for them. Pure.

If the terminal has become narrower, it has broken the lines that are there into several rows; they are all erased.
"""

from collections.abc import Sequence

from rich.cells import cell_len

from bulk.cli.display.screen import Line

HIDE_CURSOR = "\x1b[?25l"
SHOW_CURSOR = "\x1b[?25h"
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

    def draw(self, lines: Sequence[Line], *, columns: int, rows: int) -> str:
        """Return what replaces the lines by others.

        Arguments:
            lines: the new lines, each narrower than the terminal.
            columns: width of the terminal.
            rows: height of the terminal.
        """
        shown = tuple(lines[: max(1, rows - 1)])
        text = self._erase(columns) + "\n".join(self._styled(line) for line in shown)
        hide = "" if self._is_cursor_hidden else HIDE_CURSOR
        self._lines, self._is_cursor_hidden = shown, True
        return hide + text

    def print_above(self, text: str, *, columns: int) -> str:
        """Return what writes a text that stays, above the lines.

        Arguments:
            text: sanitized, without a line end.
            columns: width of the terminal.
        """
        return self._erase(columns) + text + "\n" + "\n".join(self._styled(line) for line in self._lines)

    def close(self, *, columns: int) -> str:
        """Return what removes the lines and shows the cursor."""
        text = self._erase(columns) + (SHOW_CURSOR if self._is_cursor_hidden else "")
        self._lines, self._is_cursor_hidden = (), False
        return text

    def leave(self) -> str:
        """Return what leaves the lines where they are and shows the cursor below them; the next lines are new."""
        text = ("\n" if self._lines else "") + (SHOW_CURSOR if self._is_cursor_hidden else "")
        self._lines, self._is_cursor_hidden = (), False
        return text

    def _erase(self, columns: int) -> str:
        if not self._lines:
            return ""
        rows = sum(max(1, -(-cell_len(line.text) // max(1, columns))) for line in self._lines)
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        return f"\r{up}\x1b[J"

    def _styled(self, line: Line) -> str:
        return f"{_WAITING}{line.text}{_RESET}" if line.waits and self._colour else line.text
