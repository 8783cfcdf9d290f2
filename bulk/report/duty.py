"""The duty of a job: whether it is complete, waits for PostHog, or needs attention. Values only.

`report`, `verify`, `status` and `jobs` show the same duty, in words, in JSON and as exit code; `duty_decision` decides
it.
"""

from enum import Enum

import msgspec


class DutyState(Enum):
    """Whether a job is complete, waits for PostHog, or needs attention."""

    COMPLETE = "complete"
    WAITING = "waiting"
    NEEDS_ATTENTION = "needs_attention"


EXIT_CODES = {DutyState.COMPLETE: 0, DutyState.WAITING: 75, DutyState.NEEDS_ATTENTION: 1}
"""The exit code of `verify`, `report` and `status` in each state."""


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
