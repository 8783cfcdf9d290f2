"""Writes each event of a job to the logger `bulk` of the standard library's `logging`.

The records tell what a job does, how far it is and why it waits, with counts, states and the keys of properties; never
a person, a value or an API key. Without a handler of the application they go nowhere. Each record has its event as the
attribute `event`, for handlers that want its fields. Outages, pauses and lowered rate limits are events of the client,
which has a record for each in the logger `asyncclient`, and none here.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from bulk.events import (
    Activity,
    JobEnded,
    JobEvent,
    JobStarted,
    KeyListTested,
    LimitMoved,
    PauseStarted,
    PhaseChanged,
    PlanEvent,
    PlanProgress,
    Progress,
    ProtectionChecked,
    RouteChosen,
    ServerReachable,
    ServerUnreachable,
    TestBatchDone,
    Trouble,
    WaitingForServer,
)
from bulk.formatting import count_of, format_count, format_duration
from bulk.sanitize import plain
from bulk.states import ending_label

LOGGER: Final = logging.getLogger("bulk")
LOGGER.addHandler(logging.NullHandler())

PROGRESS_EVERY_S = 60.0
"""Seconds between two records of progress."""


class EventLog:
    """Writes events to the logger; progress and repeated waiting once a minute.

    Arguments:
        clock: monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at: dict[type, float] = {}

    @property
    def is_enabled(self) -> bool:
        """Whether progress is written at all."""
        return LOGGER.isEnabledFor(logging.INFO)

    @property
    def is_progress_due(self) -> bool:
        """Whether the next event of progress would be written."""
        return self.is_enabled and self._clock() >= self._next_at.get(Progress, 0.0)

    def before(self, on_progress: Callable[[Any], None] | None) -> Callable[[Any], None]:
        """Return a function that writes an event and then passes it on."""

        def write_and_pass_on(event: Any) -> None:
            self.write(event)
            if on_progress is not None:
                on_progress(event)

        return write_and_pass_on

    def write(self, event: JobEvent | PlanEvent) -> None:
        """Write an event, if its level is enabled."""
        level = logging.WARNING if isinstance(event, Trouble) else logging.INFO
        if not LOGGER.isEnabledFor(level):
            return
        if isinstance(event, Progress | PlanProgress | Activity | WaitingForServer):
            now, kind = self._clock(), type(event)
            if now < self._next_at.get(kind, 0.0):
                return
            self._next_at[kind] = now + PROGRESS_EVERY_S
        if (message := message_of(event)) is not None:
            LOGGER.log(level, "%s", message, extra={"event": event})


def message_of(event: JobEvent | PlanEvent) -> str | None:
    """Return the message that the log has for an event; None for one that the client has logged already."""
    match event:
        case PlanProgress():
            seen, selected = count_of(event.seen, event.unit), count_of(event.targets, "person")
            return f"planning: {seen} read, {selected} selected, {count_of(event.requests, 'request')}"
        case Activity():
            persons = "" if event.persons is None else f", {event.persons} persons"
            return f"{event.phase}: {count_of(event.requests, 'request')}{persons}"
        case JobStarted():
            return (
                f"job {event.job} started, run {event.runs_before + 1}: {plain(event.operation)} in project "
                f"{event.project_id}; {event.remaining} of {event.count} persons left to process"
            )
        case ProtectionChecked():
            read, unmatched = count_of(event.lines, "line"), event.unmatched
            return f"no protected person in the plan; {read} of the protection list read, {unmatched} without a person"
        case PhaseChanged():
            return f"phase: {event.phase}"
        case RouteChosen():
            return f"route: {event.route} ({event.why})"
        case KeyListTested():
            calls = "one call per person" if event.taken else "one call per person and property"
            return f"removing properties takes {calls}"
        case TestBatchDone():
            return f"test batch OK: {count_of(event.targets, 'person')}"
        case Progress():
            return _progress(event)
        case Trouble():
            return failure_line(event)
        case PauseStarted() | LimitMoved() | ServerUnreachable() | ServerReachable():
            return None
        case WaitingForServer():
            return (
                f"waiting for the server: {event.targets} accepted changes not yet visible ({event.axis}); "
                f"next check in {format_duration(event.next_read_s)}, for up to {format_duration(event.wait_left_s)}"
            )
        case JobEnded():
            ended = f"{'verification' if event.purpose == 'verify' else 'run'} ended: {ending_label(event.reason)}"
            return f"{ended}; exit code {event.exit_code}; {_states(event)}"


def _progress(event: Progress) -> str:
    text = f"{event.phase}: {event.done} of {event.count} persons, {count_of(event.requests, 'request')}"
    if event.eta_s is not None:
        text += f", {'at most' if event.eta_is_limit else 'about'} {format_duration(event.eta_s)} left"
    return f"{text}; {_states(event)}"


def _states(event: Progress | JobEnded) -> str:
    axes = {"persons": event.person, "events": event.events, "recordings": event.recordings}
    axes["properties"] = event.properties
    shown = (
        f"{axis}: {', '.join(f'{format_count(count)} {state}' for state, count in states.items())}"
        for axis, states in axes.items()
        if states and set(states) != {"not_requested"}
    )
    return "; ".join(shown)


def failure_line(event: Trouble) -> str:
    """Return which call failed, for how many persons, with what, and when it is repeated."""
    what = plain(event.error).replace("_", " ")
    details = [] if event.status is None else [f"HTTP {event.status}"]
    if event.code and event.code != "error":
        details.append(plain(event.code))
    if details:
        what += f" ({', '.join(details)})"
    text = f"API call {plain(event.route)} failed for {count_of(event.targets, 'person')}: {what}"
    if event.retry_in_s is None:
        return text
    return f"{text}; retrying {f'in {format_duration(event.retry_in_s)}' if event.retry_in_s > 0 else 'now'}"
