"""What a journal line says: one frozen struct a kind of line.

Targets are named by their number in the plan. No record holds an identifier of a person, a property's value,
free text of the server's or the key (promise 27). Times are seconds since the epoch; `at` is this machine's clock.
"""

from typing import Any

import msgspec


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="k", gc=False):
    """`gc=False`: no record is part of a cycle, and a replay that makes millions of them is not held up by searches."""


class JobOpened(_Record, frozen=True, tag="job"):
    """The first line: which job this journal belongs to (promise 6).

    `job` is a random name; checksums of all lines depend on it, so that no line of another journal fits in.
    """

    format: int
    job: str
    host: str
    project: int
    operation: dict[str, Any]
    selection: dict[str, Any]
    plan_digest: str
    count: int
    planned_at: str
    at: float


class RunStarted(_Record, frozen=True, tag="run"):
    """A process took the journal up; whatever it finds open before this line was interrupted.

    `purpose` is "run" or "verify"; a run gives targets whose attempts were used up another chance. `route` is the
    one that changes of properties take.
    """

    at: float
    purpose: str
    version: str
    concurrency: int
    batch_size: int
    wait_s: float
    rates: str
    route: str | None = None


class Approved(_Record, frozen=True, tag="approved"):
    """Somebody approved the plan with this digest; not asked again."""

    at: float
    digest: str
    how: str


class Intent(_Record, frozen=True, tag="intent"):
    """On disk before the request leaves (promise 1). `axes` is what the request may change.

    `server_at` is the server's clock as best known, against which deletion rows are compared (promise 20).
    `bucket` is the rate limit that the request counts in. An intent may cover a block of targets that get a request
    each, one after the other: `requests` is how many at most.
    """

    attempt: int
    route: str
    bucket: str
    axes: tuple[str, ...]
    targets: str
    at: float
    server_at: float
    requests: int = 1


class Answer(_Record, frozen=True, tag="answer"):
    """How an attempt ended (promise 11): ok, failed (certainly without effect) or unknown.

    With `ok`, `accepted` names the targets it holds for when they are not all; the others are unknown. So does it in
    a block, where `outcome` is that of the last request and `requests` is how many were made; targets that are not
    `reached` are as they were.
    `error` names the kind of error, `code` is the server's error code. `queued`: the server said that it deletes later.
    """

    attempt: int
    at: float
    outcome: str
    status: int | None = None
    error: str | None = None
    code: str | None = None
    accepted: str | None = None
    queued: bool = False
    requests: int | None = None
    reached: str | None = None


class Change(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Targets that are now in a state of an axis, and why where it is not plain.

    `covered_until` is the deletion row's own time by the server's clock, in whole seconds since the epoch: events up to
    then are covered (promise 20).
    """

    axis: str
    state: str
    targets: str
    reason: str | None = None
    covered_until: int | None = None


class Settled(_Record, frozen=True, tag="settled"):
    """What reading (the store, the deletion rows, a listing of who has a property) or the engine's rules established.

    `refunded` names targets whose last attempt does not count because it made progress (promise 12).
    """

    at: float
    source: str
    changes: tuple[Change, ...] = ()
    refunded: str | None = None


class Spent(_Record, frozen=True, tag="spent"):
    """Requests that count in a rate limit's windows beside the attempts: reads (promise 13)."""

    bucket: str
    at: float


class TestBatchPassed(_Record, frozen=True, tag="canary"):
    """The first batch did what it should, in every stage; not repeated (promise 24)."""

    at: float
    targets: str


class LimitChanged(_Record, frozen=True, tag="limit"):
    """An unexpected 429 lowered a limit (promise 13)."""

    at: float
    bucket: str
    window_s: float
    old: int | None = None
    new: int | None = None


class PauseTaken(_Record, frozen=True, tag="pause"):
    """Everybody waited because the server asked for it (promise 14)."""

    at: float
    bucket: str
    for_s: float


class RunEnded(_Record, frozen=True, tag="end"):
    """The run came to its end in good order, for this reason."""

    at: float
    reason: str


Record = (
    JobOpened
    | RunStarted
    | Approved
    | Intent
    | Answer
    | Settled
    | Spent
    | TestBatchPassed
    | LimitChanged
    | PauseTaken
    | RunEnded
)

FORMAT = 1
"""The journal format that this version writes and reads."""
