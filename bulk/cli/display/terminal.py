"""Shows a job on a terminal: progress is redrawn in place, and lines that are kept scroll up above it."""

import os
import re
import signal
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO

from rich.cells import cell_len

from bulk.cli.display import messages, screen
from bulk.cli.display.frame import SHOW_CURSOR, Frame
from bulk.cli.display.messages import Event
from bulk.cli.display.wait_lines import local_time
from bulk.cli.streams.text import as_text_output
from bulk.events import Activity, PhaseChanged, PlanProgress, Progress, ServerUnreachable
from bulk.report.duty import DutyState
from bulk.sanitize import paragraph

CHECKING = "checking"
_ALERT, _RESET = "\x1b[1;31m", "\x1b[0m"
_STATE_COLOURS = {
    DutyState.COMPLETE: "\x1b[32m",
    DutyState.WAITING: "\x1b[33m",
    DutyState.NEEDS_ATTENTION: "\x1b[31m",
}
FLUSH_S = 0.2
UNBROKEN = 100_000
"""The width of text in a file or a pipe: no line is broken, so that each row of a table is one line."""
COLUMNS, ROWS = 80, 24
"""The size of a terminal that does not tell it."""


class Terminal:
    """Redraws progress in place.

    It asks for the size of the terminal each time. If the process is suspended (Ctrl-Z), the cursor is shown
    meanwhile, and the progress is drawn again below it afterwards. In the background (`bg`) nothing is redrawn.

    Arguments:
        stream: the terminal.
        now: returns the local time.
    """

    def __init__(self, stream: TextIO, *, now: Callable[[], datetime] = local_time) -> None:
        self._stream = stream
        self._now = now
        self._queued = as_text_output(stream)
        self._frame = Frame(colour=may_use_colour())
        self._bar = _bar_for(stream)
        self._is_restored = False
        self._before: Any = None

    def __call__(self, event: Event) -> None:
        """Show an event."""
        match event:
            case PhaseChanged() if event.phase != CHECKING:
                pass  # the progress follows
            case Progress() | PlanProgress() | Activity() | PhaseChanged():
                self._draw(event)
            case ServerUnreachable():
                pass  # the progress shows it as a wait
            case _:
                if line := messages.event_line(event, now=self._now()):
                    self.note(line)

    def note(self, text: str) -> None:
        """Put a line above the progress."""
        columns, _ = _size(self._stream)
        lines = [part for line in paragraph(text).split("\n") for part in screen.fold(line, columns)]
        self._write(self._frame.print_above("\n".join(lines)))

    def close(self) -> None:
        """Remove the progress and show the cursor again."""
        self._write(self._frame.close())
        self._release_stop()

    def restore(self) -> None:
        """Remove the progress, show the cursor again, and draw no more."""
        self._is_restored = True
        self._write(self._frame.close() or SHOW_CURSOR)

    def _draw(self, event: screen.Shown) -> None:
        if self._is_restored or (self._queued is not None and self._queued.is_behind):
            return
        if not is_in_foreground(self._stream):  # another program has the terminal, such as the shell after `bg`
            self._frame.forget()
            return
        self._catch_stop()
        columns, rows = _size(self._stream)
        lines = screen.screen(event, width=max(10, columns - 1), now=self._now(), bar=self._bar)
        drawing = self._frame.draw(lines, rows=rows)
        if not self._is_restored:  # by a signal in the meantime
            self._write(drawing)

    def _write(self, text: str) -> None:
        if not text:
            return
        if self._queued is not None:
            self._queued.draw(text)
        else:
            self._stream.write(text)
            self._stream.flush()

    def _catch_stop(self) -> None:
        """Handle Ctrl-Z, unless the parent process ignores it."""
        if self._before is not None or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            self._before = signal.signal(signal.SIGTSTP, self._stop)

    def _release_stop(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTSTP, self._before)
            self._before = None

    def _stop(self, number: int, _: object) -> None:
        """Suspend the process with a usable terminal; this returns when it continues."""
        self._write(self._frame.leave())
        if self._queued is not None:
            self._queued.drain(timeout_s=FLUSH_S)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._stop)


def write_alert(stream: TextIO, text: str) -> None:
    """Write a text that the user must not miss: bold and red on a terminal that shows colour.

    Arguments:
        stream: where to write, without a line end.
        text: the text, in our own words.
    """
    _write_in_colour(stream, text, _ALERT)


def write_state(stream: TextIO, text: str, state: DutyState) -> None:
    """Write the line that tells the state of a job: green if it is complete, yellow if it waits, otherwise red.

    A heading in front of it keeps its colour, and so does everything on a stream that shows none.

    Arguments:
        stream: where to write.
        text: the line, without its end; it may be longer than a line of the terminal.
        state: the state.
    """
    text = fit(paragraph(text), stream)
    heading = _FIRST_COLUMN.match(text)
    start = heading.end() if heading is not None else 0
    stream.write(text[:start])
    _write_in_colour(stream, text[start:], _STATE_COLOURS[state])
    stream.write("\n")


def _write_in_colour(stream: TextIO, text: str, colour: str) -> None:
    output = as_text_output(stream)
    if output is not None and stream.isatty() and may_use_colour() and not output.is_behind:
        output.draw(f"{colour}{text}{_RESET}")
    else:
        stream.write(text)
        stream.flush()


def fit(text: str, stream: TextIO) -> str:
    """Return a text whose lines a terminal need not break; unchanged for any other stream.

    Arguments:
        text: the text.
        stream: where it is written.
    """
    if not stream.isatty():
        return text
    width = text_width(stream)
    return "\n".join(part for line in text.split("\n") for part in screen.fold(line, width, hang=_hang(line, width)))


def text_width(stream: TextIO, *, otherwise: int = UNBROKEN) -> int:
    """Return how many columns a line of text may take: those of a terminal but the last one.

    Arguments:
        stream: where the text is written.
        otherwise: the columns if it is no terminal.
    """
    return max(10, _size(stream)[0] - 1) if stream.isatty() else otherwise


def has_command(row: str) -> bool:
    """Return whether a row of headings and texts ends with a command line to copy."""
    return _COMMAND.search(row) is not None


_COMMAND = re.compile(r"(?:  |^ *To verify[^:]*: )posthog-bulk ")
_FIRST_COLUMN = re.compile(r"\S+(?: \S+)*  +(?=\S)")


def _hang(line: str, width: int) -> str:
    """Return the indentation of the lines that follow when a line is broken.

    It is that of the second column, if the line has columns and every word fits there.
    """
    column = _FIRST_COLUMN.match(line)
    if column is None or any(cell_len(column[0]) + cell_len(word) > width for word in line.split()):
        return screen.INDENT
    return " " * cell_len(column[0])


def is_in_foreground(terminal: TextIO) -> bool:
    """Return whether this process is in the foreground of a terminal: after `bg` it is not."""
    try:
        return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # a terminal without job control
        return True


def may_use_colour() -> bool:
    """Return whether the user and the terminal want colour (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _size(stream: TextIO) -> tuple[int, int]:
    """Return the columns and rows of a terminal; COLUMNS of the environment comes first."""
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns, rows = 0, 0
    set_to = os.environ.get("COLUMNS", "")
    return (int(set_to) if set_to.isdecimal() else 0) or columns or COLUMNS, rows or ROWS


def _bar_for(stream: TextIO) -> screen.Bar:
    """Return the bar whose characters the encoding of a stream has."""
    bar = screen.Bar()
    try:
        (bar.done + bar.left).encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return screen.ASCII_BAR
    return bar
