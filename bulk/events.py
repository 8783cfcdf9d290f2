"""What a running job tells its caller, as typed events. Values only; nothing in them identifies a person."""

import msgspec


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    pass


class PlanProgress(_Event, frozen=True, tag="planning"):
    """How far the selection has been read. `seen` are input lines or listed persons, `targets` what is in the plan."""

    seen: int
    targets: int
    requests: int


class JobStarted(_Event, frozen=True, tag="started"):
    """The job is open, guarded and bound to its plan.

    `remaining` targets are not final; no runs before means a first run.
    """

    job: str
    operation: str
    project_id: int
    project_name: str
    count: int
    remaining: int
    runs_before: int


class PhaseChanged(_Event, frozen=True, tag="phase"):
    """What the job does now: "canary", "sending" or "reading back"."""

    phase: str


class WindowBudget(msgspec.Struct, frozen=True, kw_only=True):
    """What a rate limit's window still allows. Units are seconds and requests."""

    bucket: str
    window_s: float
    limit: int
    used: int
    frees_in_s: float


class Progress(_Event, frozen=True, tag="progress"):
    """Where the job stands: for each axis, targets by state. Sent at most a few times a second.

    `eta_s` knows the rate limits; None while nothing can be said.
    """

    phase: str
    count: int
    done: int
    person: dict[str, int]
    events: dict[str, int]
    recordings: dict[str, int]
    requests: int
    targets_per_s: float
    eta_s: float | None
    budget: tuple[WindowBudget, ...] = ()
    properties: dict[str, int] = {}


class RouteChosen(_Event, frozen=True, tag="route"):
    """By which route properties are changed, "rest" or "capture", and why."""

    route: str
    why: str


class TestBatchDone(_Event, frozen=True, tag="canary"):
    """The first batch did what it should; the rest follows."""

    targets: int


class Trouble(_Event, frozen=True, tag="trouble"):
    """A request did not end as it should. `route` and `error` are names, `targets` is how many it was for."""

    route: str
    error: str
    targets: int
    status: int | None = None
    code: str | None = None
    retry_in_s: float | None = None


class PauseStarted(_Event, frozen=True, tag="pause"):
    """Everybody waits because the server asked for it."""

    bucket: str
    for_s: float


class LimitMoved(_Event, frozen=True, tag="limit"):
    """An unexpected 429 lowered a limit; None means unlimited."""

    bucket: str
    window_s: float
    old: int | None = None
    new: int | None = None


class WaitingForServer(_Event, frozen=True, tag="waiting"):
    """`targets` were accepted and are not as asked yet; read again in `next_read_s`, for `wait_left_s` more.

    `axis` is what is waited for: "person" to be gone, "properties" to be changed.
    """

    targets: int
    next_read_s: float
    wait_left_s: float
    axis: str = "person"


class JobEnded(_Event, frozen=True, tag="ended"):
    """The run is over. `exit_code` is that of the command line's table."""

    reason: str
    exit_code: int
    person: dict[str, int]
    events: dict[str, int]
    recordings: dict[str, int]
    properties: dict[str, int] = {}


JobEvent = (
    JobStarted
    | PhaseChanged
    | Progress
    | RouteChosen
    | TestBatchDone
    | Trouble
    | PauseStarted
    | LimitMoved
    | WaitingForServer
    | JobEnded
)
