"""The duty of a job: whether it is complete, waits for PostHog, or needs attention. Values only.

`report`, `verify`, `status` and `jobs` show the same duty, in words, in JSON and as exit code; `duty_decision` decides
it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum

import msgspec

from bulk.formatting import format_time


class DutyState(Enum):
    """Whether a job is complete, waits for PostHog, or needs attention."""

    COMPLETE = "complete"
    WAITING = "waiting"
    NEEDS_ATTENTION = "needs_attention"


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EXIT_CODES = {DutyState.COMPLETE: 0, DutyState.WAITING: 75, DutyState.NEEDS_ATTENTION: 1}
"""The exit code of `verify`, `report` and `status` in each state."""


class JobWait(msgspec.Struct, frozen=True):
    """Something that a job waits for.

    Arguments:
        what: a noun phrase.
        targets: the set of the targets that it is about.
        verify_from: from when it is expected to be done, in epoch seconds.
        expected_at: when it is expected to begin; None where there is no such time.
    """

    what: str
    targets: bytearray
    verify_from: float
    expected_at: float | None = None


class DutyCause(msgspec.Struct, frozen=True, kw_only=True):
    """One cause for which a job needs attention.

    Arguments:
        kind: its name, for programs.
        count: how many persons, or input lines, it is about.
        targets: the numbers of the persons in the plan; None for input lines.
        what: what is wrong, as a clause.
        action: what to do about it: a sentence, or words that a command line ends. PLAN and JOURNAL stand for the files
            of the job.
    """

    kind: str
    count: int
    targets: str | None
    what: str
    action: str


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a job is complete, waits for PostHog, or needs attention.

    Arguments:
        state: the value of a `DutyState`.
        sentence: the state in one sentence, with its causes.
        causes: why it needs attention.
        waiting_for: what it waits for, also where it needs attention.
        expected_at: when PostHog is expected to begin the last of that, ISO 8601 in UTC; None if there is no such time.
        verify_from: from when a verification is expected to find it done, ISO 8601 in UTC; None if it waits for
            nothing.
    """

    state: str
    sentence: str
    causes: tuple[DutyCause, ...] = ()
    waiting_for: tuple[str, ...] = ()
    expected_at: str | None = None
    verify_from: str | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of `verify`, `report` and `status`."""
        return EXIT_CODES[DutyState(self.state)]


def while_running(duty: Duty) -> Duty:
    """Return the duty of a job that a process is working on: it waits for the end of that run."""
    running = "the end of the run that is in progress"
    return Duty(
        state=DutyState.WAITING.value,
        sentence=f"Waiting for {running}.",
        causes=duty.causes,
        waiting_for=(running, *duty.waiting_for),
    )


def waiting_words(waits: Sequence[JobWait], verify_from: str | None) -> str:
    """Return what a job waits for, with a sentence per time at which it is expected, and from when to verify."""
    by_time: dict[float | None, list[str]] = {}
    for wait in sorted(waits, key=lambda wait: (wait.expected_at is None, wait.expected_at or 0.0)):
        by_time.setdefault(wait.expected_at, []).append(wait.what)
    expected = [
        " and for ".join(what) + ("" if at is None else f", expected {_on_day(iso_seconds(at))}")
        for at, what in by_time.items()
    ]
    verify = "; verify" if len(expected) == 1 else ". Verify"
    return f"{'. Also waiting for '.join(expected)}{verify} from {_on_day(verify_from)}"


def _on_day(when: str | None) -> str:
    at = datetime.fromisoformat(when or "")
    return f"{_DAYS[at.weekday()]} {format_time(at)}"


def iso_seconds(at: float) -> str:
    """Return a time in seconds since the epoch as ISO 8601 in UTC, in full seconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
