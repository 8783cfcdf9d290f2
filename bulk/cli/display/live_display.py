"""Shows a running job: redrawn on a terminal, one line every few seconds elsewhere, JSON lines with --json.

Progress goes to stderr, so that stdout holds results only.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TextIO, cast

from bulk.cli.display import messages
from bulk.cli.streams.output import BEHIND, FULL
from bulk.cli.streams.text import Drawing, as_text_output
from bulk.events import (
    JobEnded,
    JobEvent,
    PhaseChanged,
    PlanEvent,
    PlanProgress,
    Progress,
    ServerReachable,
    ServerUnreachable,
    WaitingForServer,
)
from bulk.files.json_lines import encode_line
from bulk.sanitize import paragraph, plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

Event = JobEvent | PlanEvent

LINE_EVERY_S = 10.0
WAITING_EVERY_S = 60.0
BAR_WIDTH = 40
SHOW_CURSOR = "\x1b[?25h"


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


def open_display(*, json: bool, stream: TextIO | None = None) -> Display:
    """Return the display for a stream: redrawn if it is a terminal.

    Args:
        json: whether to write events to stdout too.
        stream: where people read; stderr by default.
    """
    people = sys.stderr if stream is None else stream
    shown: Display = Terminal(people) if people.isatty() else Lines(people)
    return JsonLines(shown, sys.stdout) if json else shown


class Lines:
    """Writes progress as one line every few seconds, for logs.

    Args:
        stream: where to write.
        clock: monotonic seconds.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._next_at: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Write the line of an event; progress only if the last line is old enough."""
        match event:
            case Progress():
                if self._is_due("progress", LINE_EVERY_S):
                    self.note("; ".join(_progress_lines(event)))
            case PlanProgress():
                if self._is_due("planning", LINE_EVERY_S):
                    self.note(messages.planning_line(event))
            case WaitingForServer() if not self._is_due("waiting", WAITING_EVERY_S):
                pass
            case ServerUnreachable() if not self._is_due("outage", LINE_EVERY_S):
                pass
            case _:
                if isinstance(event, ServerReachable):
                    self._next_at.pop("outage", None)  # the first line of another outage comes at once
                if line := messages.event_line(event, now=_local_time()):
                    self.note(line)

    def note(self, text: str) -> None:
        """Write a line; a closed stream does not stop the job."""
        with suppress(OSError):
            self._stream.write(f"{time.strftime('%H:%M:%S')} {text}\n")
            self._stream.flush()

    def close(self) -> None:
        """Do nothing: a log needs no restoring."""

    def restore(self) -> None:
        """Do nothing: a log needs no restoring."""

    def _is_due(self, name: str, every_s: float) -> bool:
        now = self._clock()
        if now < self._next_at.get(name, now):
            return False
        self._next_at[name] = now + every_s
        return True


class Terminal:
    """Redraws progress in place on a terminal; lines that are kept scroll up above it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._queued = as_text_output(stream)
        self._console: Console | None = None
        self._live: Live | None = None
        self._is_restored = False

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Progress | PlanProgress | ServerUnreachable):
            if self._is_restored or (self._queued is not None and self._queued.is_behind):
                return
            self._draw(_view(event))
        elif not isinstance(event, PhaseChanged) and (line := messages.event_line(event, now=_local_time())):
            self.note(line)

    def note(self, text: str) -> None:
        """Put a line above the display."""
        self._open().print(paragraph(text), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Remove the display and show the cursor again."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def restore(self) -> None:
        """Show the cursor again, and draw no more."""
        self._is_restored = True
        if self._live is not None and self._queued is not None:
            self._queued.draw(SHOW_CURSOR)

    def _open(self) -> "Console":
        if self._console is None:
            from rich.console import Console

            # typed as a text stream, of which rich uses only what a Drawing has
            file = self._stream if self._queued is None else cast("TextIO", Drawing(self._queued))
            self._console = Console(file=file, highlight=False, markup=False, emoji=False)
        return self._console

    def _draw(self, shown: "RenderableType") -> None:
        if self._live is None:
            from rich.live import Live

            self._live = Live(
                console=self._open(),
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(shown, refresh=True)


class JsonLines:
    """Writes each event to stdout as a line of ASCII JSON, and passes it on to the display for people.

    If the reader of stdout is behind, progress is dropped first and the end of a job never; a "dropped" line counts
    what is missing. If the reader closes stdout, the lines end and the job continues.
    """

    def __init__(self, people: Display, stream: TextIO) -> None:
        self._people = people
        self._stream = stream
        self._dropped = 0

    def __call__(self, event: Event) -> None:
        """Write an event to stdout and show it to people."""
        line = encode_line(event) + b"\n"
        if self._dropped:
            line = encode_line({"event": "dropped", "events": self._dropped}) + b"\n" + line
        if write_line(self._stream, line, limit=_limit(event)):
            self._dropped = 0
        else:
            self._dropped += 1
        self._people(event)

    def note(self, text: str) -> None:
        """Show people a line of text."""
        self._people.note(text)

    def close(self) -> None:
        """Restore the terminal."""
        self._people.close()

    def restore(self) -> None:
        """Restore the terminal from a signal handler."""
        self._people.restore()


def write_line(stream: TextIO, line: bytes, *, limit: int | None = None) -> bool:
    """Write the line of an event, and return whether it was accepted; a closed stream is no error.

    Args:
        stream: where to write.
        line: ASCII, with its newline.
        limit: drop the line if more bytes than this are waiting to be written; None to always keep it.
    """
    if (output := as_text_output(stream)) is not None:
        return output.offer_line(line, limit=limit)
    try:
        stream.write(line.decode())
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _limit(event: Event) -> int | None:
    if isinstance(event, Progress | PlanProgress | WaitingForServer | ServerUnreachable):
        return BEHIND
    return None if isinstance(event, JobEnded) else FULL


def _local_time() -> datetime:
    return datetime.now().astimezone()


def _progress_lines(event: Progress) -> list[str]:
    lines = [messages.progress_line(event), *messages.axis_lines(event), messages.rate_limit_line(event.budget)]
    return [line for line in lines if line]


def _line(text: str) -> "RenderableType":
    from rich.text import Text

    return Text(plain(text, limit=None), no_wrap=True, overflow="ellipsis")


def _view(event: Progress | PlanProgress | ServerUnreachable) -> "RenderableType":
    """Return what is redrawn in place: the progress, or for how long the server is not reachable."""
    match event:
        case Progress():
            return _progress_view(event)
        case PlanProgress():
            return _line(messages.planning_line(event))
        case _:
            return _line(messages.outage_line(event, now=_local_time()))


def _progress_view(event: Progress) -> "RenderableType":
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    first, *rest = _progress_lines(event)
    bar = Table.grid(padding=(0, 1))
    bar.add_row(ProgressBar(total=max(1, event.count), completed=event.done, width=BAR_WIDTH), _line(first))
    return Group(bar, *(_line(line) for line in rest))
