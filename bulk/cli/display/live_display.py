"""Shows a running job: redrawn on a terminal, a line now and then elsewhere, JSON lines on stdout where asked.

Progress goes to stderr, so that stdout stays for what a command is called for.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TextIO, cast

from bulk.cli.display import messages
from bulk.cli.streams.output import BEHIND, FULL
from bulk.cli.streams.text import Drawing, queued
from bulk.events import JobEnded, JobEvent, PhaseChanged, PlanProgress, Progress, WaitingForServer
from bulk.files.json_lines import encode_line
from bulk.sanitize import paragraph, plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

Event = JobEvent | PlanProgress

LINE_EVERY_S = 10.0
WAITING_EVERY_S = 60.0
BAR_WIDTH = 40
SHOW_CURSOR = "\x1b[?25h"


class Display(Protocol):
    """Shows events as they come, without waiting for a slow reader.

    `close` puts the terminal right and may be called twice; `restore` does so from a signal handler, after which
    nothing is drawn any more.
    """

    def __call__(self, event: Event) -> None: ...

    def note(self, text: str) -> None:
        """Show a line."""

    def close(self) -> None: ...

    def restore(self) -> None: ...


def open_display(*, json: bool, stream: TextIO | None = None) -> Display:
    """The display that fits: redrawn where `stream` is a terminal.

    Args:
        json: write events to stdout too.
        stream: for people; stderr by default.
    """
    people = sys.stderr if stream is None else stream
    shown: Display = Terminal(people) if people.isatty() else Lines(people)
    return JsonLines(shown, sys.stdout) if json else shown


class Lines:
    """A line now and then, for logs.

    Args:
        stream: where to.
        clock: seconds, only ever growing.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._due: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Show an event if it is worth a line now."""
        match event:
            case Progress():
                if self._is_due("progress", LINE_EVERY_S):
                    text = "; ".join([messages.pace(event), *messages.axes(event)])
                    self.note("; ".join(part for part in (text, messages.budget(event.budget)) if part))
            case PlanProgress():
                if self._is_due("planning", LINE_EVERY_S):
                    self.note(messages.planning(event))
            case WaitingForServer() if not self._is_due("waiting", WAITING_EVERY_S):
                pass
            case _:
                if text_of := messages.sentence(event):
                    self.note(text_of)

    def note(self, text: str) -> None:
        """Write a line; a reader that went away does not stop a job."""
        with suppress(OSError):
            self._stream.write(f"{time.strftime('%H:%M:%S')} {text}\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing to put right."""

    def restore(self) -> None:
        """Nothing to put right."""

    def _is_due(self, name: str, every_s: float) -> bool:
        now = self._clock()
        if now < self._due.get(name, now):
            return False
        self._due[name] = now + every_s
        return True


class Terminal:
    """A few lines that are drawn again as things move; what is worth keeping scrolls up above them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._queued = queued(stream)
        self._console: Console | None = None
        self._live: Live | None = None
        self._is_restored = False

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Progress | PlanProgress):
            if self._is_restored or (self._queued is not None and self._queued.is_behind):
                return
            self._draw(_progress(event) if isinstance(event, Progress) else _text(messages.planning(event)))
        elif not isinstance(event, PhaseChanged) and (text := messages.sentence(event)):
            self.note(text)

    def note(self, text: str) -> None:
        """Put a line above the display."""
        self._open().print(paragraph(text), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the display away and give the cursor back."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def restore(self) -> None:
        """Give the cursor back, and draw no more."""
        self._is_restored = True
        if self._live is not None and self._queued is not None:
            self._queued.draw(SHOW_CURSOR)

    def _open(self) -> "Console":
        if self._console is None:
            from rich.console import Console

            # the console wants a whole text stream, and uses what a drawing has
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
    """Writes each event to stdout as a line of ASCII JSON, and hands it on to what people see.

    Where stdout's reader is behind, progress is dropped before anything else, and never the end of a job; a line
    says how many events were. A reader that went away ends the lines, not the job.
    """

    def __init__(self, people: Display, stream: TextIO) -> None:
        self._people = people
        self._stream = stream
        self._dropped = 0

    def __call__(self, event: Event) -> None:
        """Write and show an event."""
        line = encode_line(event) + b"\n"
        if self._dropped:
            line = encode_line({"event": "dropped", "events": self._dropped}) + b"\n" + line
        if write_line(self._stream, line, limit=_limit(event)):
            self._dropped = 0
        else:
            self._dropped += 1
        self._people(event)

    def note(self, text: str) -> None:
        """Show people a line."""
        self._people.note(text)

    def close(self) -> None:
        """Put the terminal right."""
        self._people.close()

    def restore(self) -> None:
        """Put the terminal right from a signal handler."""
        self._people.restore()


def write_line(stream: TextIO, line: bytes, *, limit: int | None = None) -> bool:
    """Write a line of an event that a reader who went away need not get, and return whether it was taken.

    Args:
        stream: where to.
        line: ASCII, with its end.
        limit: bytes that may be waiting to be written already; None where it is never dropped for that.
    """
    if (output := queued(stream)) is not None:
        return output.event(line, limit=limit)
    try:
        stream.write(line.decode())
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _limit(event: Event) -> int | None:
    if isinstance(event, Progress | PlanProgress | WaitingForServer):
        return BEHIND
    return None if isinstance(event, JobEnded) else FULL


def _text(line: str) -> "RenderableType":
    from rich.text import Text

    return Text(plain(line, limit=None), no_wrap=True, overflow="ellipsis")


def _progress(event: Progress) -> "RenderableType":
    from rich.console import Group
    from rich.progress_bar import ProgressBar

    bar = ProgressBar(total=max(1, event.count), completed=event.done, width=BAR_WIDTH)
    lines = [messages.pace(event), *messages.axes(event), messages.budget(event.budget)]
    return Group(bar, *(_text(line) for line in lines if line))
