"""Writes events as JSON lines: each with its time, the phase and the wait."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from bulk.cli.display.messages import Event
from bulk.cli.streams.output import BEHIND, FULL
from bulk.cli.streams.text import as_text_output
from bulk.events import (
    Activity,
    JobEnded,
    PhaseChanged,
    PlanProgress,
    Progress,
    ServerUnreachable,
    Wait,
    WaitingForServer,
)
from bulk.files.json_lines import encode_line

if TYPE_CHECKING:
    from bulk.cli.display.live_display import Display

PLANNING = "planning"
_MAY_BE_DROPPED = Progress | PlanProgress | Activity | WaitingForServer | ServerUnreachable


def command_event(kind: str, fields: dict[str, Any]) -> bytes:
    """Return the line of an event of the command itself, outside of any phase."""
    return encode_line({"event": kind, "at": _iso(utc_time()), "phase": None, **fields, "wait": None}) + b"\n"


def utc_time() -> datetime:
    """Return the time now in UTC."""
    return datetime.now(UTC)


class JsonLines:
    """Writes each event to stdout as a line of ASCII JSON, and passes it on to the display for people.

    If the reader of stdout is behind, progress is dropped first and the end of a job never; a "dropped" line counts
    what is missing. If the reader closes stdout, the lines end and the job continues.

    Arguments:
        people: the display for people.
        stream: stdout.
        now: returns the time, with its zone.
    """

    def __init__(self, people: "Display", stream: TextIO, *, now: Callable[[], datetime] = utc_time) -> None:
        self._people = people
        self._stream = stream
        self._now = now
        self._phase: str | None = None
        self._wait: dict[str, Any] | None = None
        self._dropped = 0

    def __call__(self, event: Event) -> None:
        """Write an event to stdout and show it to people."""
        now = self._now()
        self._note(event, now)
        line = encode_line(self._with_circumstances(msgspec.to_builtins(event), now)) + b"\n"
        if self._dropped:
            dropped = self._with_circumstances({"event": "dropped", "events": self._dropped}, now)
            line = encode_line(dropped) + b"\n" + line
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

    def _note(self, event: Event, now: datetime) -> None:
        """Take over the phase and the wait that an event tells."""
        match event:
            case PhaseChanged() | Activity() | Progress():
                self._phase = event.phase
            case PlanProgress():
                self._phase = PLANNING
            case _:
                pass
        if isinstance(event, Activity | Progress | PlanProgress):
            self._wait = None if event.wait is None else wait_fields(event.wait, now=now)
        elif isinstance(event, JobEnded):
            self._wait = None

    def _with_circumstances(self, fields: dict[str, Any], now: datetime) -> dict[str, Any]:
        kind = fields.pop("event")
        return {"event": kind, "at": _iso(now), "phase": self._phase, **fields, "wait": self._wait}


def wait_fields(wait: Wait, *, now: datetime) -> dict[str, Any]:
    """Return a wait as JSON shows it: with the times of its start and, if known, its end.

    Arguments:
        wait: the wait.
        now: the time, with its zone.
    """
    ends = {"until": wait.left_s, "gives_up_at": wait.gives_up_in_s}
    fields: dict[str, Any] = {"kind": wait.kind.value, "since": _iso(now - timedelta(seconds=wait.waited_s))}
    fields |= {name: None if left_s is None else _iso(now + timedelta(seconds=left_s)) for name, left_s in ends.items()}
    return (
        fields
        | {"bucket": wait.bucket, "targets": wait.targets, "axis": wait.axis}
        | {
            "reason": wait.reason,
            "file": wait.file,
            "percent": wait.percent,
        }
    )


def write_line(stream: TextIO, line: bytes, *, limit: int | None = None) -> bool:
    """Write a line without waiting, and return whether it was taken.

    Arguments:
        stream: where to.
        line: with its newline.
        limit: drop the line if more bytes than this are queued; None for no limit.
    """
    output = as_text_output(stream)
    if output is not None:
        return output.offer_line(line, limit=limit)
    try:
        stream.write(line.decode())
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _limit(event: Event) -> int | None:
    if isinstance(event, _MAY_BE_DROPPED):
        return BEHIND
    return None if isinstance(event, JobEnded) else FULL


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds")
