"""The events that a running job passes to its caller. Values only; none of them identifies a person."""

import msgspec


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    pass


class PlanProgress(_Event, frozen=True, tag="planning"):
    """The progress of planning: `seen` input lines or listed persons were read, `targets` are in the plan so far."""

    seen: int
    targets: int
    requests: int


class JobStarted(_Event, frozen=True, tag="started"):
    """The job passed its checks and starts.

    `purpose` is "run" or "verify". `remaining` targets have no final state. `runs_before` is 0 in the first run.
    """

    job: str
    operation: str
    project_id: int
    project_name: str
    count: int
    remaining: int
    runs_before: int
    purpose: str = "run"


class PhaseChanged(_Event, frozen=True, tag="phase"):
    """A phase begins: "test batch", "sending" or "reading back"."""

    phase: str


class WindowBudget(msgspec.Struct, frozen=True, kw_only=True):
    """The requests that one window of a rate limit allows, and how many of them are used."""

    bucket: str
    window_s: float
    limit: int
    used: int
    frees_in_s: float


class Progress(_Event, frozen=True, tag="progress"):
    """The progress of the job, at most a few times per second: for each axis, the number of targets by state.

    `eta_s` takes the rate limits into account; None while there is no estimate.
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
    """The route by which properties are changed, "rest" or "capture", and why it was chosen."""

    route: str
    why: str


class TestBatchDone(_Event, frozen=True, tag="test_batch"):
    """The test batch succeeded; the other targets follow."""

    targets: int


class Trouble(_Event, frozen=True, tag="trouble"):
    """A request for `targets` persons failed. `route` and `error` are names; None for `retry_in_s` means no retry."""

    route: str
    error: str
    targets: int
    status: int | None = None
    code: str | None = None
    retry_in_s: float | None = None


class PauseStarted(_Event, frozen=True, tag="pause"):
    """The server asked for a pause: all requests of this rate limit wait."""

    bucket: str
    for_s: float


class LimitMoved(_Event, frozen=True, tag="limit"):
    """An unexpected 429 lowered a rate limit from `old` to `new` requests per window; None means unlimited."""

    bucket: str
    window_s: float
    old: int | None = None
    new: int | None = None


class ServerUnreachable(_Event, frozen=True, tag="unreachable"):
    """The server does not respond since `away_s` seconds: all requests wait, and the server is probed again.

    The next probe comes in `retry_in_s`, the last one in `gives_up_in_s`; if that fails too, the command ends and can
    be resumed. `reason` is the HTTP status of the last probe, or what happened to it.
    """

    away_s: float
    retry_in_s: float
    gives_up_in_s: float
    reason: str


class ServerReachable(_Event, frozen=True, tag="reachable"):
    """The server responds again after an outage of `away_s` seconds."""

    away_s: float


class WaitingForServer(_Event, frozen=True, tag="waiting"):
    """The server accepted changes for `targets` persons that do not show yet; they are read again in `next_read_s`.

    `wait_left_s` is the time that is left to wait. `axis` is "person" for deletions, "properties" for changes.
    """

    targets: int
    next_read_s: float
    wait_left_s: float
    axis: str = "person"


class JobEnded(_Event, frozen=True, tag="ended"):
    """The run or the verification ended, as `purpose` says. `exit_code` is that of the command line."""

    reason: str
    exit_code: int
    person: dict[str, int]
    events: dict[str, int]
    recordings: dict[str, int]
    properties: dict[str, int] = {}
    purpose: str = "run"


OutageEvent = ServerUnreachable | ServerReachable

PlanEvent = PlanProgress | OutageEvent
"""The events of `make_plan`."""

JobEvent = (
    JobStarted
    | PhaseChanged
    | Progress
    | RouteChosen
    | TestBatchDone
    | Trouble
    | PauseStarted
    | LimitMoved
    | ServerUnreachable
    | ServerReachable
    | WaitingForServer
    | JobEnded
)
