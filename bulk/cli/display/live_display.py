"""Shows a running job: redrawn on a terminal, a line every few seconds elsewhere, JSON lines with --json.

Progress goes to stderr, so that stdout holds results only.
"""

import os
import sys
from typing import TextIO

from bulk.cli.display.display import Display
from bulk.cli.display.json_events import JsonLines
from bulk.cli.display.log_lines import Lines
from bulk.cli.display.terminal import Terminal


def open_display(*, json: bool, stream: TextIO | None = None, in_place: bool = True) -> Display:
    """Return the display for a stream: redrawn if it is a terminal that can move its cursor.

    Args:
        json: whether to write events to stdout too.
        stream: where people read; stderr by default.
        in_place: whether a terminal may be redrawn; not if results are written to the same one.
    """
    people = sys.stderr if stream is None else stream
    is_redrawn = in_place and people.isatty() and os.environ.get("TERM") != "dumb"
    shown: Display = Terminal(people) if is_redrawn else Lines(people)
    return JsonLines(shown, sys.stdout) if json else shown
