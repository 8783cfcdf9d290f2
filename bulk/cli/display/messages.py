"""What a running job says to people, as lines of text. Pure; everything foreign is made plain here."""

from bulk.events import (
    JobEnded,
    JobEvent,
    JobStarted,
    LimitMoved,
    PauseStarted,
    PhaseChanged,
    PlanProgress,
    Progress,
    RouteChosen,
    TestBatchDone,
    Trouble,
    WaitingForServer,
    WindowBudget,
)
from bulk.sanitize import plain

PHASES = {"canary": "Test batch", "sending": "Sending", "reading back": "Reading back"}
WAITED_FOR = {"person": "deletions", "properties": "changes"}
BUCKETS = {"deletes": "deletions", "others": "reads and changes"}
WINDOWS = {60: "this minute", 3600: "this hour"}


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 45 s, 12 min 5 s, 3 h 20 min, 2 d 4 h."""
    if seconds is None:
        return "unknown"
    if 0 < seconds < 1:
        return f"{max(0.1, seconds):.1f} s"
    whole = max(0, round(seconds))
    for unit, name, smaller, smaller_name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{whole} s"


def number_of(count: int, noun: str) -> str:
    """A count with its noun, in the plural where that is due."""
    return f"{count:,} {noun}" + "s" * (count != 1)


def counts(title: str, states: dict[str, int]) -> str:
    """One axis: how many targets are in each state; empty where nothing was asked for."""
    shown = {state: count for state, count in states.items() if state != "not_asked"}
    if not shown:
        return ""
    return f"{title}: " + ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in shown.items())


def axes(event: Progress | JobEnded) -> list[str]:
    """The axes that were asked for, one line each."""
    lines = [
        counts("persons", event.person),
        counts("events", event.events),
        counts("recordings", event.recordings),
        counts("properties", event.properties),
    ]
    return [line for line in lines if line]


def pace(event: Progress) -> str:
    """What is being done, how far and how fast."""
    percent = 100 * event.done / event.count if event.count else 100.0
    phase = PHASES.get(event.phase, plain(event.phase))
    text = f"{phase}: {event.done:,} of {event.count:,} ({percent:.0f} %), {event.targets_per_s:,.0f}/s"
    if event.eta_s is not None and event.done < event.count:
        text += f", about {duration(event.eta_s)} left"
    return text


def budget(windows: tuple[WindowBudget, ...]) -> str:
    """What the rate limit that has least left still allows; empty without limits."""
    if not windows:
        return ""
    window = min(windows, key=lambda one: (one.limit - one.used) / max(1, one.limit))
    when = WINDOWS.get(round(window.window_s), f"in {duration(window.window_s)}")
    left = max(0, window.limit - window.used)
    return f"Rate limit: {left:,} of {window.limit:,} {_bucket(window.bucket)} left {when}"


def _bucket(name: str) -> str:
    return BUCKETS.get(name, plain(name))


def sentence(event: JobEvent | PlanProgress) -> str | None:
    """The line that an event is worth in a log; None for those that only move a display."""
    match event:
        case JobStarted():
            project = f"project {event.project_id} ({plain(event.project_name)})"
            again = f", run {event.runs_before + 1} of this job" if event.runs_before else ""
            return f"{plain(event.operation)}: {event.remaining:,} of {event.count:,} to do in {project}{again}"
        case PhaseChanged():
            again = ": a small batch is done and read back before the rest" * (event.phase == "canary")
            return PHASES.get(event.phase, plain(event.phase)) + again
        case TestBatchDone():
            return f"Test batch OK: {number_of(event.targets, 'person')}. Continuing with the rest"
        case RouteChosen():
            return f"Route: {_ROUTES.get(event.route, plain(event.route))} ({plain(event.why)})"
        case Trouble():
            return _trouble(event)
        case PauseStarted():
            return f"Rate limited: the server asked us to wait {duration(event.for_s)} ({_bucket(event.bucket)})"
        case LimitMoved():
            old, new = (f"{limit:,}" if limit is not None else "none" for limit in (event.old, event.new))
            return (
                f"Rate limit lowered after an unexpected 429: {_bucket(event.bucket)}, "
                f"{old} to {new} in {duration(event.window_s)}"
            )
        case WaitingForServer():
            return (
                f"{event.targets:,} {WAITED_FOR.get(event.axis, 'requests')} accepted but not yet visible; "
                f"checking again in {duration(event.next_read_s)}, for up to {duration(event.wait_left_s)}"
            )
        case JobEnded():
            return "; ".join([_ENDS.get(event.reason, f"Run ended early: {plain(event.reason)}"), *axes(event)])
    return None


_ROUTES = {"rest": "REST", "capture": "capture"}
_ENDS = {"finished": "Run finished", "stopped": "Run stopped", "interrupted": "Run interrupted"}


def planning(event: PlanProgress) -> str:
    """How far the planning is."""
    return (
        f"Planning: {event.seen:,} read, {number_of(event.targets, 'target')}, {number_of(event.requests, 'request')}"
    )


def _trouble(event: Trouble) -> str:
    parts = [part for part in (event.error, event.status, event.code) if part is not None]
    text = (
        f"{plain(event.route)}: {plain(' '.join(str(part) for part in parts))} for {number_of(event.targets, 'target')}"
    )
    return text + (f", retrying in {duration(event.retry_in_s)}" if event.retry_in_s is not None else "")
