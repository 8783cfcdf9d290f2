"""The lines that a job shows while it runs. Pure; text from the server or a file is sanitized here."""

from datetime import datetime, timedelta

from bulk.cli.display.names import bucket_name, phase_name, phase_start, route_name
from bulk.cli.display.wait_lines import wait_line
from bulk.event_log import failure_line
from bulk.events import (
    JobEnded,
    JobEvent,
    JobStarted,
    KeyListTested,
    LimitMoved,
    PauseStarted,
    PhaseChanged,
    PlanEvent,
    Progress,
    ProtectionChecked,
    RouteChosen,
    ServerReachable,
    ServerUnreachable,
    TestBatchDone,
    Trouble,
    WindowBudget,
)
from bulk.formatting import count_of, format_count, format_duration
from bulk.progress.wait_tracker import outage_wait
from bulk.sanitize import plain
from bulk.states import ending_label, state_label

Event = JobEvent | PlanEvent

_WINDOWS = {60: "this minute", 3600: "this hour"}
_PER = {60: "minute", 3600: "hour"}

RATE_LIMITED = "rate_limited"
_WITH_REPORT = ("finished", "stopped")


def state_counts(title: str, states: dict[str, int]) -> str:
    """Return how many targets are in each state, as one line; empty if the operation does not concern this axis."""
    shown = {state: count for state, count in states.items() if state != "not_requested"}
    if not shown:
        return ""
    return f"{title}: " + ", ".join(f"{format_count(count)} {state_label(state)}" for state, count in shown.items())


def axis_lines(event: Progress | JobEnded) -> list[str]:
    """Return one line per axis that the operation concerns."""
    lines = [
        state_counts("Persons", event.person),
        state_counts("Events", event.events),
        state_counts("Recordings", event.recordings),
        state_counts("Properties", event.properties),
    ]
    return [line for line in lines if line]


def count_line(event: Progress) -> str:
    """Return the phase and how many targets are done."""
    percent = 100 * event.done // event.count if event.count else 100
    return f"{phase_name(event.phase)}: {format_count(event.done)} of {format_count(event.count)} ({percent}%)"


def rates(event: Progress) -> list[str]:
    """Return the rate over all time, and the one without waits if it is another; empty before anything is done."""
    unit_of = event.overall_per_s or None  # both in one unit, so that they can be compared
    overall, working = format_rate(event.overall_per_s), format_rate(event.targets_per_s, unit_of=unit_of)
    if not overall:
        return []
    return [overall if overall == working or not working else f"{overall} ({working} without waits)"]


def format_rate(per_s: float, *, unit_of: float | None = None) -> str:
    """Return a rate in the unit that suits it: 118 persons/s, 4.2 persons/s, 12 persons/min; empty for none.

    Arguments:
        per_s: persons per second.
        unit_of: a rate whose unit this one gets; None for its own.
    """
    if per_s <= 0:
        return ""
    if (per_s if unit_of is None else unit_of) < 1:
        return f"{max(1, round(60 * per_s)):,} persons/min"
    return f"{per_s:,.0f} persons/s" if per_s >= 10 else f"{per_s:.1f} persons/s"


def rate_limit_line(windows: tuple[WindowBudget, ...]) -> str:
    """Return what is left of the rate limit that is closest to used up; empty without rate limits."""
    if not windows:
        return ""
    window = min(windows, key=lambda one: (one.limit - one.used) / max(1, one.limit))
    left = max(0, window.limit - window.used)
    when = _WINDOWS.get(round(window.window_s), f"in {format_duration(window.window_s)}")
    return f"Rate limit: {format_count(left)} of {format_count(window.limit)} {bucket_name(window.bucket)} left {when}"


def event_line(event: Event, *, now: datetime) -> str | None:
    """Return the line that reports an event in a log; None for an event that only updates a display.

    Arguments:
        event: the event.
        now: the local time, for the end of a pause and the times of an outage.
    """
    match event:
        case JobStarted():
            project = f"project {event.project_id} ({plain(event.project_name)})"
            if event.purpose == "verify":
                return f"Verifying {count_of(event.count, 'person')} in {project}; nothing is changed"
            left = f"{format_count(event.remaining)} of {count_of(event.count, 'person')} left to process"
            return f"Run {event.runs_before + 1} in {project}: {plain(event.operation)}; {left}"
        case ProtectionChecked():
            return plain(" ".join(event.warnings), limit=None) or None
        case PhaseChanged():
            return phase_start(event.phase)
        case TestBatchDone():
            return f"Test batch OK: {count_of(event.targets, 'person')}. Continuing with the rest"
        case RouteChosen():
            return f"Route: {route_name(event.route)} ({plain(event.why)})"
        case KeyListTested():
            if event.taken:
                return "The server removes several properties of a person in one call"
            return "The server removes one property of a person per call"
        case Trouble():
            # the pause that a 429 asks for is shown once, not for every batch
            is_pause = event.error == RATE_LIMITED and event.retry_in_s is not None
            return None if is_pause else failure_line(event)
        case PauseStarted():
            until = now + timedelta(seconds=event.for_s)
            return (
                f"Rate limited: the server asked us to wait {format_duration(event.for_s)} (until {until:%H:%M:%S}) "
                f"before further {bucket_name(event.bucket)}"
            )
        case LimitMoved():
            old, new = (format_count(limit) if limit is not None else "no limit" for limit in (event.old, event.new))
            window = _PER.get(round(event.window_s), format_duration(event.window_s))
            return (
                f"Rate limit lowered after an unexpected 429: {bucket_name(event.bucket)}, "
                f"from {old} to {new} per {window}"
            )
        case ServerUnreachable():
            return wait_line(outage_wait(event), now=now)
        case ServerReachable():
            return f"Server reachable again after {format_duration(event.away_s)}"
        case JobEnded():
            ending = f"{'Verification' if event.purpose == 'verify' else 'Run'} {ending_label(event.reason)}"
            # a run with a report is followed by a summary, which has the same counts
            return ending if event.reason in _WITH_REPORT else "; ".join([ending, *axis_lines(event)])
    return None
