"""What a running job says to people, as lines of text. Pure; everything foreign is made plain here."""

from bulk.escape import plain
from bulk.progress import (
    CanaryDone,
    JobEnded,
    JobEvent,
    JobStarted,
    LimitMoved,
    PauseStarted,
    PhaseChanged,
    PlanProgress,
    Progress,
    RouteChosen,
    Trouble,
    WaitingForServer,
    WindowBudget,
)

PHASES = {
    "canary": "canary: a small batch goes all the way first",
    "sending": "sending",
    "reading back": "reading back",
}
WAITED_FOR = {"person": "still there", "properties": "not applied yet"}


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
    """How far and how fast."""
    percent = 100 * event.done / event.count if event.count else 100.0
    text = f"{event.done:,} of {event.count:,} ({percent:.0f} %), {event.targets_per_s:,.0f}/s"
    if event.eta_s is not None and event.done < event.count:
        text += f", about {duration(event.eta_s)} left"
    return text


def budget(windows: tuple[WindowBudget, ...]) -> str:
    """What the rate limits' windows still allow."""
    if not windows:
        return ""
    return "left: " + ", ".join(
        f"{max(0, window.limit - window.used):,} of {window.limit:,} {plain(window.bucket)} "
        f"in {duration(window.window_s)}"
        for window in windows
    )


def sentence(event: JobEvent | PlanProgress) -> str | None:
    """The line that an event is worth in a log; None for those that only move a display."""
    match event:
        case JobStarted():
            project = f"project {event.project_id} ({plain(event.project_name)})"
            again = f", run {event.runs_before + 1} of this job" if event.runs_before else ""
            return f"{plain(event.operation)}: {event.remaining:,} of {event.count:,} to do in {project}{again}"
        case PhaseChanged():
            return PHASES.get(event.phase, plain(event.phase))
        case CanaryDone():
            return f"canary: {event.targets:,} persons done as asked, the rest follows"
        case RouteChosen():
            return f"route {event.route}: {plain(event.why)}"
        case Trouble():
            return _trouble(event)
        case PauseStarted():
            return f"pause: the server asks for {duration(event.for_s)} without {plain(event.bucket)} requests"
        case LimitMoved():
            old, new = (f"{limit:,}" if limit is not None else "none" for limit in (event.old, event.new))
            return (
                f"limit lowered after an unexpected 429: {plain(event.bucket)}, "
                f"{old} to {new} in {duration(event.window_s)}"
            )
        case WaitingForServer():
            return (
                f"{event.targets:,} accepted and {WAITED_FOR.get(event.axis, 'not as asked yet')}; "
                f"reading again in {duration(event.next_read_s)}, for {duration(event.wait_left_s)} more"
            )
        case JobEnded():
            return "; ".join([f"run over ({plain(event.reason)})", *axes(event)])
    return None


def planning(event: PlanProgress) -> str:
    """How far the planning is."""
    return f"planning: {event.seen:,} read, {event.targets:,} targets, {event.requests:,} requests"


def _trouble(event: Trouble) -> str:
    parts = [part for part in (event.error, event.status, event.code) if part is not None]
    text = f"{plain(event.route)}: {plain(' '.join(str(part) for part in parts))} for {event.targets:,} targets"
    return text + (f", again in {duration(event.retry_in_s)}" if event.retry_in_s is not None else "")
