"""The lines that a job shows while it runs. Pure; text from the server or a file is sanitized here."""

from datetime import datetime, timedelta

from bulk.events import (
    JobEnded,
    JobEvent,
    JobStarted,
    LimitMoved,
    PauseStarted,
    PhaseChanged,
    PlanEvent,
    PlanProgress,
    Progress,
    RouteChosen,
    ServerReachable,
    ServerUnreachable,
    TestBatchDone,
    Trouble,
    WaitingForServer,
    WindowBudget,
)
from bulk.formatting import count_of, format_count, format_duration
from bulk.sanitize import plain
from bulk.states import ending_label, state_label

_PHASES = {"test batch": "Test batch", "sending": "Sending", "reading back": "Reading back"}
_PHASE_STARTS = {**_PHASES, "test batch": "Test batch: a few persons are processed and read back before the rest"}
_ACCEPTED_REQUESTS = {"person": "deletions", "properties": "changes"}
_BUCKETS = {"deletes": "deletions", "others": "reads and changes"}
_WINDOWS = {60: "this minute", 3600: "this hour"}
_ROUTES = {"rest": "REST", "capture": "capture"}

MINUTES_FROM_S = 120.0
"""Seconds from which on the end of a wait is shown without its seconds."""

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


def progress_line(event: Progress) -> str:
    """Return the phase, how many targets are done, the speed, and the time left."""
    percent = 100 * event.done / event.count if event.count else 100.0
    phase = _PHASES.get(event.phase, plain(event.phase))
    text = f"{phase}: {format_count(event.done)} of {format_count(event.count)} ({percent:.0f}%)"
    if event.targets_per_s >= 0.5:
        text += f", {event.targets_per_s:,.0f} persons/s"
    if event.eta_s is not None and event.done < event.count:
        text += f", about {format_duration(event.eta_s)} left"
    return text


def rate_limit_line(windows: tuple[WindowBudget, ...]) -> str:
    """Return what is left of the rate limit that is closest to used up; empty without rate limits."""
    if not windows:
        return ""
    window = min(windows, key=lambda one: (one.limit - one.used) / max(1, one.limit))
    left = max(0, window.limit - window.used)
    if left == 0 and window.frees_in_s > 0:
        return f"Waiting to stay within the rate limit: next request in {format_duration(window.frees_in_s)}"
    when = _WINDOWS.get(round(window.window_s), f"in {format_duration(window.window_s)}")
    return f"Rate limit: {format_count(left)} of {format_count(window.limit)} {_bucket(window.bucket)} left {when}"


def event_line(event: JobEvent | PlanEvent, *, now: datetime) -> str | None:
    """Return the line that reports an event in a log; None for an event that only updates a display.

    Args:
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
        case PhaseChanged():
            return _PHASE_STARTS.get(event.phase, plain(event.phase))
        case TestBatchDone():
            return f"Test batch OK: {count_of(event.targets, 'person')}. Continuing with the rest"
        case RouteChosen():
            return f"Route: {_ROUTES.get(event.route, plain(event.route))} ({plain(event.why)})"
        case Trouble():
            return _trouble_line(event)
        case PauseStarted():
            until = now + timedelta(seconds=event.for_s)
            return (
                f"Rate limited: the server asked us to wait {format_duration(event.for_s)} (until {until:%H:%M:%S}) "
                f"before further {_bucket(event.bucket)}"
            )
        case LimitMoved():
            old, new = (format_count(limit) if limit is not None else "none" for limit in (event.old, event.new))
            return (
                f"Rate limit lowered after an unexpected 429: {_bucket(event.bucket)}, "
                f"from {old} to {new} per {format_duration(event.window_s)}"
            )
        case ServerUnreachable():
            return outage_line(event, now=now)
        case ServerReachable():
            return f"Server reachable again after {format_duration(event.away_s)}"
        case WaitingForServer():
            return (
                f"{format_count(event.targets)} {_ACCEPTED_REQUESTS.get(event.axis, 'requests')} accepted but not yet "
                f"visible; checking again in {format_duration(event.next_read_s)}, "
                f"for up to {format_duration(event.wait_left_s)}"
            )
        case JobEnded():
            ending = f"{'Verification' if event.purpose == 'verify' else 'Run'} {ending_label(event.reason)}"
            # a run with a report is followed by a summary, which has the same counts
            return ending if event.reason in _WITH_REPORT else "; ".join([ending, *axis_lines(event)])
    return None


def outage_line(event: ServerUnreachable, *, now: datetime) -> str:
    """Return since when the server is not reachable, when it is tried again, and when the command gives up.

    Args:
        event: the event.
        now: the local time.
    """
    since, until = now - timedelta(seconds=event.away_s), now + timedelta(seconds=event.gives_up_in_s)
    gives_up = f"{until:%H:%M}" if event.gives_up_in_s >= MINUTES_FROM_S else f"{until:%H:%M:%S}"
    return (
        f"Server not reachable since {since:%H:%M:%S}; trying again in {format_duration(event.retry_in_s)}; "
        f"giving up at {gives_up} ({plain(event.reason)})"
    )


def planning_line(event: PlanProgress) -> str:
    """Return how far the planning is."""
    return (
        f"Planning: {format_count(event.seen)} read, {count_of(event.targets, 'person')} selected, "
        f"{count_of(event.requests, 'request')}"
    )


def _bucket(name: str) -> str:
    return _BUCKETS.get(name, plain(name))


def _trouble_line(event: Trouble) -> str:
    what = plain(event.error).replace("_", " ")
    if event.status is not None:
        what = f"{event.status} {what}"
    if event.code and event.code != "error":
        what += f" ({plain(event.code)})"
    text = f"{plain(event.route)} failed for {count_of(event.targets, 'person')}: {what}"
    return text + (f"; retrying in {format_duration(event.retry_in_s)}" if event.retry_in_s is not None else "")
