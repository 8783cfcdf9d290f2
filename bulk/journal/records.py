"""The records of a journal: one frozen struct per type of line.

Targets are named by their number in the plan. No record holds an identifier of a person, a value of a property, free
text of the server, or a key (guarantee 27). Times are the server's clock in seconds since the epoch.
"""

from typing import Any

import msgspec

from bulk.requests.due_dates import RequestsDue
from bulk.requests.job_record import JobRecord
from bulk.selection.inputs.coverage import InputCoverage


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", gc=False):
    """`gc=False`: no record is part of a reference cycle, so the garbage collector need not search millions of them."""


class JobOpened(_Record, frozen=True, tag="job_opened"):
    """The first line: the job that this journal belongs to (guarantee 6).

    `job` is a random name. The checksums of all lines depend on it, so a line of another journal is detected.
    `coverage` counts the input that the plan does not cover; None in journals of earlier versions. `record` is who
    ordered the job and why, in the operator's words, and `due` the number of requests per day on which they are due.
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
    coverage: InputCoverage | None = None
    record: JobRecord | None = None
    due: tuple[RequestsDue, ...] = ()


class RunStarted(_Record, frozen=True, tag="run_started"):
    """A process started to work on the job; whatever is open before this line was interrupted.

    `purpose` is "run" or "verify". A run tries targets again whose attempts were exhausted. `route` is the one by
    which properties are changed.
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
    """Somebody approved the plan with this digest; later runs do not ask again.

    `approver` names who, if that was given.
    """

    at: float
    digest: str
    how: str
    approver: str | None = None


class UnmatchedExpected(_Record, frozen=True, tag="unmatched_expected"):
    """A user confirmed that the input lines which match no person have none in PostHog, once for all later runs.

    `lines` is how many they are, and `operator` names who confirmed it, if that was given.
    """

    at: float
    lines: int
    operator: str | None = None


class Intent(_Record, frozen=True, tag="intent"):
    """A request is about to leave; on disk before it does (guarantee 1). `axes` is what the request may change.

    `server_at` is the server's clock when the request was built, which deletion rows are compared with (guarantee 20).
    `bucket` is the rate limit that the request counts in. One intent may cover a block of targets with one request
    per target, sent one after the other: `requests` is their maximum number.
    """

    attempt: int
    route: str
    bucket: str
    axes: tuple[str, ...]
    targets: str
    at: float
    server_at: float
    requests: int = 1


class AttemptEnded(_Record, frozen=True, tag="result"):
    """How an attempt ended (guarantee 11): `outcome` is ok, failed (certainly without effect) or unknown.

    With `ok`, `accepted` names the targets that were accepted, if they are not all; the outcome of the others is
    unknown. For a block, `outcome` is that of its last request, `requests` is how many were made, and targets that
    are not `reached` stay as they were. `error` is the kind of error and `code` the server's error code. `queued`
    means that the server said it deletes later.
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
    """A new state of targets on one axis, with the reason where the state alone does not explain it.

    `covered_until` is the time of the deletion row by the server's clock, in whole seconds since the epoch: events up
    to then are covered (guarantee 20).
    """

    axis: str
    state: str
    targets: str
    reason: str | None = None
    covered_until: int | None = None


class StatesChanged(_Record, frozen=True, tag="states"):
    """What reading persons or deletion rows, or a rule of the engine, established.

    `refunded` names targets whose last attempt does not count, because it made progress (guarantee 12).
    """

    at: float
    source: str
    changes: tuple[Change, ...] = ()
    refunded: str | None = None


class ReadRequest(_Record, frozen=True, tag="read"):
    """A request that counts in a rate limit and changes nothing (guarantee 13)."""

    bucket: str
    at: float


class TestBatchPassed(_Record, frozen=True, tag="test_batch_passed"):
    """The first small batch did what it should in every stage; later runs do not repeat it (guarantee 24)."""

    at: float
    targets: str


class PersonsKept(_Record, frozen=True, tag="persons_kept"):
    """All persons of these attempts were read as present, some seconds after empty responses (guarantee 24).

    Each attempt told the server to keep its persons, and the response did not say whether it did.
    """

    at: float
    attempts: tuple[int, ...]


class KeyListTested(_Record, frozen=True, tag="key_list"):
    """The properties of one person were removed in one call, and reading back shows whether the server takes that.

    If it is not `taken`, each property takes a call (contract 6.8). The last record counts.
    """

    at: float
    taken: bool


class PropertiesShown(_Record, frozen=True, tag="properties_shown"):
    """A response showed properties that the job removes, or a call for them was accepted: they are not hidden.

    Until then, no person counts as lacking them (contract 2, guarantee 11).
    """

    at: float
    keys: tuple[str, ...]


class LimitChanged(_Record, frozen=True, tag="limit_changed"):
    """An unexpected 429 lowered a rate limit (guarantee 13)."""

    at: float
    bucket: str
    window_s: float
    old: int | None = None
    new: int | None = None


class PauseTaken(_Record, frozen=True, tag="pause"):
    """All requests of a rate limit waited, because the server asked for it (guarantee 14)."""

    at: float
    bucket: str
    duration_s: float


class Waited(_Record, frozen=True, tag="waited"):
    """The run waited, for at least 10 s in all: no work was possible, or no request could leave.

    `kind` is that of `WaitKind`, except for pauses, which have records of their own. `wait` tells the waits of a run
    apart: a wait is recorded while it lasts, each time it has doubled, and once it is over, and its last record counts.
    Waits of one kind that are less than a minute apart are one, from `since` to `until`; `waited_s` is how long it
    waited in between.
    """

    at: float
    wait: int
    kind: str
    since: float
    until: float
    waited_s: float


class Verified(_Record, frozen=True, tag="verified"):
    """A verification read everything that it had to; `persons` is how many it was about.

    `unread` names targets that could not be read. `returned` names targets that are gone and whose distinct ID belongs
    to a new person. `listed` names targets that are gone and that the list of persons still shows (contract 8);
    `listing` is why the list could not be read, or None.
    """

    at: float
    persons: int
    unread: str | None = None
    returned: str | None = None
    listed: str | None = None
    listing: str | None = None


class RunEnded(_Record, frozen=True, tag="run_ended"):
    """The run ended in good order, for this reason."""

    at: float
    reason: str


class CopyMade(_Record, frozen=True, tag="copy_made"):
    """A complete file with the persons of the plan was written, to be handed out (Art. 15 and 20 GDPR).

    `persons` is how many it has, in the format `layout`, and `sha256` is that of the file. `missing` names targets that
    PostHog does not have, `unread` those that could not be read. `requests` reads were made within the last hour; they
    count as made at `at` (guarantee 13).
    """

    at: float
    persons: int
    layout: str
    sha256: str
    requests: int
    missing: str | None = None
    unread: str | None = None


class FilesShredded(_Record, frozen=True, tag="shredded"):
    """Files that identify persons are overwritten and removed.

    It is on disk before the first file is touched, and once more with `done` when they are all gone. `files` names
    their kinds: "before_image", "plan", "receipts".
    """

    at: float
    files: tuple[str, ...]
    done: bool = False


Record = (
    JobOpened
    | RunStarted
    | Approved
    | UnmatchedExpected
    | Intent
    | AttemptEnded
    | StatesChanged
    | ReadRequest
    | TestBatchPassed
    | PersonsKept
    | KeyListTested
    | PropertiesShown
    | LimitChanged
    | PauseTaken
    | Waited
    | Verified
    | RunEnded
    | CopyMade
    | FilesShredded
)

FORMAT = 2
"""The journal format that this version writes and reads."""
