"""Shows a running job: redrawn on a terminal, a line every few seconds elsewhere, JSON lines with --json.

Progress goes to stderr, so that stdout holds results only.
"""

import os
import sys
from typing import Protocol, TextIO

from bulk.cli.display.json_events import JsonLines
from bulk.cli.display.log_lines import Lines
from bulk.cli.display.messages import Event
from bulk.cli.display.notes import Notes, is_progress_hidden
from bulk.cli.display.terminal import Terminal


class Display(Protocol):
    """Shows events as they arrive, without waiting for a slow reader.

    `close` restores the terminal and may be called twice. `restore` does so in a signal handler; nothing is drawn
    after it.
    """

    def __call__(self, event: Event) -> None: ...

    def note(self, text: str) -> None:
        """Show a line of text."""

    def close(self) -> None: ...

    def restore(self) -> None: ...


def open_display(*, json: bool, stream: TextIO | None = None, in_place: bool = True) -> Display:
    """Return the display for a stream: redrawn if it is a terminal that can move its cursor.

    Arguments:
        json: whether to write events to stdout too.
        stream: where people read; stderr by default.
        in_place: whether a terminal may be redrawn; not if results are written to the same one.
    """
    people = sys.stderr if stream is None else stream
    in_place = in_place and not (json and sys.stdout.isatty())
    is_redrawn = in_place and people.isatty() and os.environ.get("TERM") != "dumb"
    shown: Display = Terminal(people) if is_redrawn else Lines(people)
    if is_progress_hidden():
        shown = Notes(people)
    return JsonLines(shown, sys.stdout) if json else shown
