"""What an attempt's answer means, and what follows from it: decisions as values. Pure; sends and reads nothing.

Success is judged as contract 6.5 has it: anything but an exact success is settled by reading, and only what
survives is sent again (promise 11). Which errors may be sent again is promise 12.
"""

import re
from collections.abc import Sequence
from enum import Enum
from uuid import UUID

import msgspec

from asyncclient import (
    ApiStatusError,
    AuthenticationFailed,
    BadRequest,
    BulkDeleteSummary,
    Conflict,
    ConnectFailed,
    InvalidResponse,
    NotFound,
    PermissionDenied,
    PostHogError,
    RateLimited,
    RouteNotFound,
    ServerError,
    TimedOut,
    TransportError,
    UnprocessableEntity,
)
from bulk.errors import NotFinished
from bulk.states import Axis

STEPS_AFTER_DELETION = frozenset({"log_activity", "publish_clickhouse_tombstone"})
"""A deletion error in one of these steps speaks of a person that is deleted all the same (contract 6.5)."""

LONGEST_PAUSE_S = 3600.0
"""A server that asks for a longer pause ends the run as resumable (promise 14)."""

TOO_LARGE = 413
"""What stands before the server takes less in one request than the server does: nothing of it was done."""

EMPTY_BODY = "empty_body"
"""The client's code of an answer that has nothing in its body although something belongs there."""

UNANSWERED = (TransportError, ServerError, RateLimited, InvalidResponse)
"""What a read may end with after its retries: the server's trouble, not the job's."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class NextAction(Enum):
    """What to do after an attempt."""

    NOTHING = "nothing"
    AGAIN = "send again: nothing was done"
    READ = "read, then send the survivors again"
    READ_AND_HALVE = "read, then send the survivors again in halves"
    READ_AND_REJECT = "read; the survivors have failed for good"
    STOP = "stop the job"


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended.

    `accepted` is None for all of its targets, else positions in the batch. `retry_after_s` is how long the server
    asks to wait. `cause` is what the run ends with when the key was refused. Of a block of requests, one after the
    other, `requests` were made, the error speaks of the target at position `at`, and those from `reached` on are as
    they were.
    """

    outcome: str
    then: NextAction
    accepted: tuple[int, ...] | None = None
    status: int | None = None
    error: str | None = None
    code: str | None = None
    queued: bool = False
    retry_after_s: float | None = None
    cause: PostHogError | None = None
    requests: int | None = None
    at: int | None = None
    reached: int | None = None

    @property
    def label(self) -> str:
        """The error in a word or two, for journal and people: kind, status and code, never free text."""
        return ":".join(str(part) for part in (self.error, self.status, self.code) if part is not None)


OK = AttemptResult(outcome="ok", then=NextAction.NOTHING)


def safe_code(code: str | None) -> str | None:
    """A server's error code if it is one; its free text ends up there in some answers (contract 4)."""
    return code if code is None or _CODE.fullmatch(code) else "other"


def judge_bulk(summary: BulkDeleteSummary, uuids: Sequence[UUID], axes: Sequence[Axis]) -> AttemptResult:
    """What a 2xx of bulk_delete says of the persons that were sent (contract 6.5).

    Arguments:
        summary: the body, which may be empty in the oldest era.
        uuids: what was sent, in order.
        axes: what the call was to change; PERSON without `keep_person`.
    """
    if summary.is_empty:
        return OK
    if Axis.PERSON not in axes and (summary.persons_deleted or summary.persons_queued_for_deletion):
        return AttemptResult(outcome="unknown", then=NextAction.STOP, status=202, error="deleted_instead_of_kept")
    queued = bool(summary.persons_queued_for_deletion)
    failed = {e.person_uuid for e in summary.deletion_errors if e.step not in STEPS_AFTER_DELETION}
    counts_right = summary.persons_found == len(uuids) and _did_what_was_asked(summary, axes, len(failed))
    if counts_right and not failed:
        return AttemptResult(outcome="ok", then=NextAction.NOTHING, queued=queued)
    if counts_right and failed <= set(uuids):
        accepted = tuple(index for index, uuid in enumerate(uuids) if uuid not in failed)
        return AttemptResult(
            outcome="ok",
            then=NextAction.READ,
            accepted=accepted,
            status=202,
            error="deletion_errors",
            queued=queued,
        )
    return AttemptResult(outcome="unknown", then=NextAction.READ, status=202, error="counts_differ", queued=queued)


def _did_what_was_asked(summary: BulkDeleteSummary, axes: Sequence[Axis], failed: int) -> bool:
    found = summary.persons_found or 0
    if Axis.PERSON in axes:
        return (summary.persons_deleted or 0) + (summary.persons_queued_for_deletion or 0) >= found - failed
    if (
        Axis.EVENTS in axes
        and summary.events_queued_for_deletion is not None
        and not summary.events_queued_for_deletion
    ):
        return False
    return not (
        Axis.RECORDINGS in axes
        and summary.recordings_queued_for_deletion is not None
        and not summary.recordings_queued_for_deletion
    )


_KINDS: tuple[tuple[type[PostHogError], str, NextAction], ...] = (
    (AuthenticationFailed, "failed", NextAction.STOP),
    (PermissionDenied, "failed", NextAction.STOP),
    (RateLimited, "failed", NextAction.AGAIN),
    (NotFound, "unknown", NextAction.READ_AND_REJECT),
    (BadRequest, "unknown", NextAction.READ_AND_REJECT),
    (Conflict, "unknown", NextAction.READ_AND_REJECT),
    (UnprocessableEntity, "unknown", NextAction.READ_AND_REJECT),
    (ServerError, "unknown", NextAction.READ_AND_HALVE),
    (ConnectFailed, "failed", NextAction.AGAIN),
    (TimedOut, "unknown", NextAction.READ_AND_HALVE),
    (TransportError, "unknown", NextAction.READ),
    (InvalidResponse, "unknown", NextAction.READ),
    (RouteNotFound, "failed", NextAction.STOP),
    (ApiStatusError, "unknown", NextAction.STOP),
)
"""The first row that fits decides. The last one holds what none of these calls answers: redirects, 402, 405 ..."""


def judge_error(error: PostHogError) -> AttemptResult:
    """What an error says of the attempt that it ended."""
    fitting = next((row for row in _KINDS if isinstance(error, row[0])), None)
    if fitting is None:
        raise error
    _, outcome, then = fitting
    if isinstance(error, ApiStatusError) and error.status == TOO_LARGE:
        outcome, then = "failed", NextAction.READ_AND_HALVE
    return AttemptResult(
        outcome=outcome,
        then=then,
        status=error.status if isinstance(error, ApiStatusError) else None,
        code=safe_code(error.code) if isinstance(error, ApiStatusError) else None,
        error=_name(type(error)),
        retry_after_s=error.retry_after_s if isinstance(error, ApiStatusError) else None,
        cause=error if isinstance(error, AuthenticationFailed | PermissionDenied) else None,
    )


def judge_batch(error: PostHogError, persons: int) -> AttemptResult:
    """What an error says of an attempt to do something for so many persons in one request.

    A rejection names no person: parts of the batch tell whose fault it is.
    """
    verdict = judge_error(error)
    if verdict.then is NextAction.READ_AND_REJECT and persons > 1:
        return msgspec.structs.replace(verdict, then=NextAction.READ_AND_HALVE)
    return verdict


def judge_kept(error: PostHogError, persons: int) -> AttemptResult:
    """What an error says of an attempt to queue something of so many persons that are to be kept.

    A server that knows `keep_person` tells what it did. One that answers without a word may be too old for it, and
    have deleted the persons (contract 6.5, 8): no other call of that kind may follow.
    """
    verdict = judge_batch(error, persons)
    if isinstance(error, InvalidResponse) and error.code == EMPTY_BODY:
        return msgspec.structs.replace(verdict, then=NextAction.STOP, error="no_summary", code=None)
    return verdict


def judge_capture(error: PostHogError, events: int) -> AttemptResult:
    """What an error says of an attempt to send so many events in one request.

    Ingestion takes a request as a whole: what it fails at has nothing to do with how many persons it is for, so that
    halves fare no better. What it refuses may be one event's fault, which parts of it tell.
    """
    verdict = judge_batch(error, events)
    if isinstance(error, NotFound):  # no route: nothing that is sent there speaks of a person
        return msgspec.structs.replace(verdict, outcome="failed", then=NextAction.STOP)
    if verdict.then is NextAction.READ_AND_HALVE and isinstance(error, ServerError):
        return msgspec.structs.replace(verdict, then=NextAction.READ)
    return verdict


def raise_if_permanent(error: PostHogError) -> None:
    """Pass on an error of a read that could be done without, if nobody is to ask on.

    The key is refused, or the server asks for a pause above the ceiling (promises 12, 14).
    """
    asked_s = error.retry_after_s if isinstance(error, ApiStatusError) else None
    if (asked_s is not None and asked_s > LONGEST_PAUSE_S) or isinstance(error, AuthenticationFailed):
        raise error


def unanswered(error: PostHogError) -> NotFinished:
    """What a run ends with because of an error of `UNANSWERED`; a pause that is too long is named (promise 14)."""
    asked_s = error.retry_after_s if isinstance(error, ApiStatusError) else None
    if asked_s is not None and asked_s > LONGEST_PAUSE_S:
        return too_long_a_pause(asked_s)
    return NotFinished(f"the server does not answer as it should: {error}")


def too_long_a_pause(asked_s: float) -> NotFinished:
    """What a run ends with when the server asks for a pause above the ceiling, in seconds (promise 14)."""
    return NotFinished(f"the server asks for a pause of {asked_s:.0f} s, more than an hour")


def _name(kind: type[PostHogError]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
