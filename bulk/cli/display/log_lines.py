"""Shows a job as lines of text, for logs, pipes and terminals that cannot move their cursor."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TextIO

from bulk.cli.display import messages, screen
from bulk.cli.display.messages import Event
from bulk.cli.display.terminal import fit
from bulk.cli.display.wait_lines import local_time
from bulk.events import (
    Activity,
    PauseStarted,
    PlanProgress,
    Progress,
    ServerReachable,
    ServerUnreachable,
    Wait,
    WaitKind,
)

LINE_EVERY_S = 10.0
QUICK_S = 2.0
"""Checks and exports that take less time get no line."""

_ANNOUNCED_BY_EVENTS = frozenset({WaitKind.OUTAGE, WaitKind.PAUSE})


class Lines:
    """Writes a line every 10 s, at every change of phase, and when a wait begins.

    Arguments:
        stream: where to write.
        clock: returns monotonic seconds.
        now: returns the local time.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = local_time,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._now = now
        self._next_at: float | None = None
        self._announced: tuple[WaitKind, str | None] | None = None

    def __call__(self, event: Event) -> None:
        """Write the line of an event; progress only if the last line of progress is old enough, or a wait begins."""
        match event:
            case Activity() if event.wait is None and event.elapsed_s < QUICK_S:
                pass
            case Progress() | PlanProgress() | Activity():
                if self._begins(event.wait) or self._is_due():
                    self._next_at = self._clock() + LINE_EVERY_S
                    self.note(screen.log_line(event, now=self._now()))
            case ServerUnreachable() if self._announced == (WaitKind.OUTAGE, None):
                pass
            case _:
                if isinstance(event, PauseStarted):
                    self._announced = WaitKind.PAUSE, event.bucket
                elif isinstance(event, ServerUnreachable | ServerReachable):
                    self._announced = (WaitKind.OUTAGE, None) if isinstance(event, ServerUnreachable) else None
                if line := messages.event_line(event, now=self._now()):
                    self.note(line)

    def note(self, text: str) -> None:
        """Write a line; a closed stream does not stop the job."""
        with suppress(OSError):
            self._stream.write(fit(f"{self._now():%H:%M:%S} {text}", self._stream) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Do nothing: a log needs no restoring."""

    def restore(self) -> None:
        """Do nothing: a log needs no restoring."""

    def _begins(self, wait: Wait | None) -> bool:
        """Return whether a wait begins that no line has named."""
        if wait is None and self._announced is not None and self._announced[0] in _ANNOUNCED_BY_EVENTS:
            return False  # it may not be shown yet
        before, self._announced = self._announced, None if wait is None else (wait.kind, wait.bucket)
        return self._announced is not None and self._announced != before

    def _is_due(self) -> bool:
        return self._next_at is None or self._clock() >= self._next_at
