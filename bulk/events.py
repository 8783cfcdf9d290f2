"""The events that a running job passes to its caller. Values only; none of them identifies a person."""

from enum import StrEnum
from typing import Literal

import msgspec


class WaitKind(StrEnum):
    """What a command waits for. Of several waits, the one whose kind comes first is shown."""

    OUTAGE = "outage"
    """The server does not respond, and is probed until it does."""
    PAUSE = "pause"
    """The server asked for a pause."""
    RATE_LIMIT = "rate_limit"
    """A request would exceed the rate limit."""
    CATCHING_UP = "catching_up"
    """The server accepted changes that do not show yet."""
    SECOND_READ = "second_read"
    """Persons that a response left out are read again."""
    RETRY = "retry"
    """A request failed and is sent again."""
    RESPONSE = "response"
    """The response to a request has not come yet."""
    FILE = "file"
    """A large file is read."""
    OVERWRITE = "overwrite"
    """A large file is overwritten."""
    INPUT = "input"
    """The next lines of a list of IDs are read; a pipe may not have them yet."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """A wait of more than 2 s.

    `waited_s` is how long it has lasted. `left_s` is how much longer it lasts, None if that is not known; in an outage
    it is the time until the next probe, and `gives_up_in_s` the time until the last one. `bucket` is a rate limit,
    `targets` the number of persons that are waited for, and `reason` what the last probe ended with. While the server
    catches up, `axis` is "person" for deletions and "properties" for changes, and `gives_up_in_s` is the time that is
    left to wait. `file` is the name of a file that is read or overwritten, and `percent` how much of it is done.
    """

    kind: WaitKind
    waited_s: float
    left_s: float | None = None
    bucket: str | None = None
    targets: int | None = None
    gives_up_in_s: float | None = None
    reason: str | None = None
    axis: str | None = None
    file: str | None = None
    percent: int | None = None


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    pass


class PlanProgress(_Event, frozen=True, tag="planning"):
    """The progress of planning, at least once per second.

    `seen` input lines or listed persons were read, as `unit` says; `targets` persons are in the plan so far.
    """

    seen: int
    targets: int
    requests: int
    unit: Literal["line", "person"] = "person"
    elapsed_s: float = 0.0
    wait: Wait | None = None


class Activity(_Event, frozen=True, tag="activity"):
    """The progress of work without a plan's targets, once per second.

    `phase` is "checking" or "exporting"; "reading" or "destroying" for files alone; "reporting" at the end of a run;
    "checking person" and "sending" of a split; or "submitting" of a deletion of events without a person.
    `persons` is how many were exported so far; None in the other phases.
    """

    phase: str
    elapsed_s: float
    requests: int
    persons: int | None = None
    wait: Wait | None = None


class ProtectionChecked(_Event, frozen=True, tag="protection"):
    """The plan contains none of the persons that must not be in a plan (`protect`).

    `lines` of the protection list were read, of which `unmatched` match no person. `warnings` say in sentences what
    protects nobody; they name lines by number and conditions by key and operator.
    """

    lines: int
    unmatched: int
    warnings: tuple[str, ...] = ()


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
    """A phase begins: "checking", "test batch", "sending" or "reading back"."""

    phase: str


class WindowBudget(msgspec.Struct, frozen=True, kw_only=True):
    """The requests that one window of a rate limit allows, and how many of them are used."""

    bucket: str
    window_s: float
    limit: int
    used: int
    frees_in_s: float


class Progress(_Event, frozen=True, tag="progress"):
    """The progress of the job, a few times per second: for each axis, the number of targets by state.

    `targets_per_s` is the rate of this phase over the time in which work was possible, `overall_per_s` the rate over
    all its time. `eta_s` includes the rate limits and the waits ahead; None while there is no estimate. With
    `eta_is_limit` it is no estimate, but the time after which the phase ends in any case. `elapsed_s` counts from the
    start of the run.
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
    overall_per_s: float = 0.0
    elapsed_s: float = 0.0
    wait: Wait | None = None
    eta_is_limit: bool = False


class RouteChosen(_Event, frozen=True, tag="route"):
    """The route by which properties are changed, "rest" or "capture", and why it was chosen."""

    route: str
    why: str


class KeyListTested(_Event, frozen=True, tag="key_list"):
    """Whether the server removes all properties of a person in one call; otherwise each of them takes a call."""

    taken: bool


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
    """The server has not responded for `away_s` seconds: all requests wait, and the server is probed again.

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
    Activity
    | ProtectionChecked
    | JobStarted
    | PhaseChanged
    | Progress
    | RouteChosen
    | KeyListTested
    | TestBatchDone
    | Trouble
    | PauseStarted
    | LimitMoved
    | ServerUnreachable
    | ServerReachable
    | WaitingForServer
    | JobEnded
)
