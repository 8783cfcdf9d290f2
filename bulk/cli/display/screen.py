"""What is shown of a job while it runs: decides the lines, for a terminal of any width and for a log. Pure.

The displays draw these lines and decide nothing about them.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from rich.cells import cell_len, set_cell_size

from bulk.cli.display import messages
from bulk.cli.display.names import phase_name, phase_start
from bulk.cli.display.wait_lines import clock_time, wait_line
from bulk.events import Activity, PhaseChanged, PlanProgress, Progress, WaitKind
from bulk.formatting import count_of, format_duration
from bulk.report.rendering.wrapping import head_length

_BREAKS = re.compile(r" (?!(?:s|min|h|d)\b)")
"""Where a line may be broken: not between a number and its unit of time."""

BAR_WIDTH = 40
INDENT = "  "
SHOWN_FROM_S = 1.0
"""A shorter time is not shown: the time since the start, or the one that is left after an outage."""

Shown = Progress | PlanProgress | Activity | PhaseChanged
"""The events that are redrawn in place."""

_ENDLESS = frozenset({WaitKind.OUTAGE, WaitKind.RESPONSE})
"""Waits whose end is not known, so that no end of the phase is shown."""


class Line(msgspec.Struct, frozen=True):
    """A line of the screen; `waits` marks one that shows a wait."""

    text: str
    waits: bool = False


class Bar(msgspec.Struct, frozen=True):
    """The characters of a progress bar."""

    done: str = "━"
    left: str = "─"

    def text(self, *, done: int, count: int, width: int) -> str:
        """Return the bar.

        Arguments:
            done: how many of `count` are done.
            count: how many there are.
            width: how many columns the bar takes.
        """
        filled = width if count <= 0 else min(width, width * done // count)
        return self.done * filled + self.left * (width - filled)


ASCII_BAR = Bar("#", "-")


def screen(event: Shown, *, width: int, now: datetime, bar: Bar = ASCII_BAR) -> list[Line]:
    """Return the lines of a terminal, none of which is wider than `width`.

    Arguments:
        event: the latest progress.
        width: columns, at least 10.
        now: the local time.
        bar: its characters.
    """
    lines = [Line(text) for text in flow(_figures(event, now), width)]
    if isinstance(event, Progress):
        shown = bar.text(done=event.done, count=event.count, width=min(BAR_WIDTH, width))
        lines.insert(0, Line(shown))
    if not isinstance(event, PhaseChanged) and event.wait is not None:
        lines += [Line(text, waits=True) for text in fold(wait_line(event.wait, now=now), width)]
    for text in _details(event):
        lines += [Line(part) for part in fold(text, width)]
    return lines


def log_line(event: Shown, *, now: datetime) -> str:
    """Return what a log shows of the progress: the same as `screen`, in one line.

    Arguments:
        event: the latest progress.
        now: the local time.
    """
    return "; ".join([progress_line(event, now=now), *_details(event)])


def progress_line(event: Shown, *, now: datetime) -> str:
    """Return how far the work is and what it waits for, without the counts of each state.

    Arguments:
        event: the latest progress.
        now: the local time.
    """
    wait = None if isinstance(event, PhaseChanged) or event.wait is None else wait_line(event.wait, now=now)
    return ", ".join(_figures(event, now)) + (f"; {wait}" if wait else "")


def flow(parts: Sequence[str], width: int) -> list[str]:
    """Return parts joined by commas, with as many in a line as fit; a part that is too wide is folded."""
    lines: list[str] = []
    for number, part in enumerate(parts):
        text = part + "," * (number < len(parts) - 1)
        if lines and cell_len(lines[-1]) + 1 + cell_len(text) <= width:
            lines[-1] += f" {text}"
        else:
            lines += fold(text, width)
    return lines


def fold(text: str, width: int, *, hang: str = INDENT) -> list[str]:
    """Return a text in lines of at most `width` columns, broken between words; a wider word after a separator.

    Arguments:
        text: one line, whose own indentation is repeated in each line.
        width: columns.
        hang: the further indentation of all lines but the first, cut at half of the width.
    """
    if cell_len(text) <= width:
        return [text]
    words = _BREAKS.split(text.lstrip(" "))
    lead = " " * min(len(text) - len(text.lstrip(" ")), width // 2)
    following = lead + hang[: max(len(INDENT), width // 2 - len(lead))]
    lines: list[str] = []
    current = lead + words[0]
    for word in [*words[1:], None]:
        while cell_len(current) > width:
            head = set_cell_size(current, width).rstrip()
            head = head[: head_length(current, len(head))]
            lines.append(head)
            current = following + current[len(head) :]
        if word is not None and cell_len(current) + 1 + cell_len(word) <= width:
            current += f" {word}"
        else:
            lines.append(current.rstrip())
            current = following + (word or "")
    return lines


def _figures(event: Shown, now: datetime) -> list[str]:
    """Return how far the work is: counts, rates, elapsed time, and the expected end."""
    match event:
        case Progress():
            parts = [messages.count_line(event), *messages.rates(event), *_elapsed(event.elapsed_s)]
            return parts + _time_left(event, now)
        case PlanProgress():
            return [
                f"{phase_name('planning')}: {count_of(event.seen, event.unit)} read",
                f"{count_of(event.targets, 'person')} selected",
                count_of(event.requests, "request"),
                *_elapsed(event.elapsed_s),
            ]
        case Activity():
            first = phase_start(event.phase)
            if event.persons is not None:
                first += f": {count_of(event.persons, 'person')}"
            requests = [count_of(event.requests, "request")] if event.requests else []
            return [first, *requests, *_elapsed(event.elapsed_s)]
        case _:
            return [phase_start(event.phase)]


def _elapsed(elapsed_s: float) -> list[str]:
    return [f"elapsed {format_duration(elapsed_s)}"] if elapsed_s >= SHOWN_FROM_S else []


def _time_left(event: Progress, now: datetime) -> list[str]:
    if event.eta_s is None or event.done >= event.count:
        return []
    most = "at most" if event.eta_is_limit else "about"
    if event.wait is not None and event.wait.kind in _ENDLESS:
        after_s = event.eta_s - (event.wait.left_s or 0.0)
        return [f"{most} {format_duration(after_s)} left once the server responds"] if after_s >= SHOWN_FROM_S else []
    return [
        f"{most} {format_duration(event.eta_s)} left",
        f"end {'by' if event.eta_is_limit else 'about'} {clock_time(now + timedelta(seconds=event.eta_s), now=now)}",
    ]


def _details(event: Shown) -> list[str]:
    if not isinstance(event, Progress):
        return []
    lines = messages.axis_lines(event)
    if event.wait is None and (limit := messages.rate_limit_line(event.budget)):
        lines.append(limit)
    return lines
