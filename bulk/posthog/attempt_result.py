"""Classifies the response to an attempt, or its error, and decides what the job does next. Pure.

Contract 6.5 defines the success of a bulk deletion. After anything but an exact success the targets are read back, and
only those that still need the call are sent again (guarantee 11). Guarantee 12 says which errors allow a retry.
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
    ConnectionLost,
    IntermediaryError,
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
    Unreachable,
    UntrustedCertificate,
)
from bulk.errors import NotFinished
from bulk.formatting import format_duration
from bulk.states import Axis

STEPS_AFTER_DELETION = frozenset({"log_activity", "publish_clickhouse_tombstone"})
"""A deletion error in one of these steps is about a person that is deleted nevertheless (contract 6.5)."""

MAX_PAUSE_S = 3600.0
"""A server that asks for a longer pause ends the run, which can be resumed (guarantee 14)."""

TOO_LARGE = 413
"""A proxy in front of the server refused the size of the request, so the server executed nothing of it."""

EMPTY_BODY = "empty_body"
"""The client's error code for a response without the body that the call always has."""

DELETED_INSTEAD_OF_KEPT = "deleted_instead_of_kept"
"""The error of an attempt after which the server says that it deleted persons that it was told to keep."""

NO_SUMMARY = "no_summary"
"""The error of an attempt after which the server does not say whether it kept the persons that it was told to keep."""

TRANSIENT_ERRORS = (TransportError, ServerError, RateLimited, InvalidResponse, IntermediaryError)
"""Errors with which a read may end after its retries, and that say nothing about the job."""

_POSSIBLE_OUTAGES = (ConnectFailed, ConnectionLost, TimedOut, ServerError)

_LIST_REFUSED = (400, 422, 500)
"""Statuses with which a server may refuse a list of keys that it does not take (contract 6.8)."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class NextAction(Enum):
    """What the job does after an attempt."""

    NOTHING = "nothing"
    RETRY = "send again: the server changed nothing"
    READ_BACK = "read back, then send again what is not done"
    READ_BACK_AND_HALVE = "read back, then send again what is not done, in halves"
    READ_BACK_AND_REJECT = "read back; what is not done has failed for good"
    STOP = "stop the job"

    @property
    def reads_back(self) -> bool:
        """Whether the targets are read back before anything else."""
        return self in _READ_BACK


_READ_BACK = (NextAction.READ_BACK, NextAction.READ_BACK_AND_HALVE, NextAction.READ_BACK_AND_REJECT)


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended.

    Arguments:
        outcome: "ok", "failed" (the server changed nothing) or "unknown".
        next_action: what the job does now.
        accepted: positions in the batch of the targets that the server accepted; None for all of them.
        status: the HTTP status of an error.
        error: the kind of error, such as `server_error`.
        code: the server's own error code.
        queued: whether the server deletes the persons later.
        retry_after_s: how long the server asks to wait.
        cause: the exception with which the run ends, where the key was refused or PostHog was not reached.
        possible_outage: whether it takes a probe to tell whether the server is in an outage.
        requests: in a block of consecutive requests, how many were made.
        failed_at: in a block, the position of the target that the error is about.
        reached: in a block, the position of the first target that no request was made for.
        list_refused: whether the server may have refused several keys in one call.
        keys: in a block, the properties that the failed request was to remove.
    """

    outcome: str
    next_action: NextAction
    accepted: tuple[int, ...] | None = None
    status: int | None = None
    error: str | None = None
    code: str | None = None
    queued: bool = False
    retry_after_s: float | None = None
    cause: PostHogError | NotFinished | None = None
    possible_outage: bool = False
    requests: int | None = None
    failed_at: int | None = None
    reached: int | None = None
    list_refused: bool = False
    keys: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The error as `kind:status:code`, for journal and messages; never the server's free text."""
        return ":".join(str(part) for part in (self.error, self.status, self.code) if part is not None)

    @property
    def response(self) -> str:
        """The status and the server's error code, for messages; the label if the response had no status."""
        return " ".join(str(part) for part in (self.status, self.code) if part is not None) or self.label


OK = AttemptResult(outcome="ok", next_action=NextAction.NOTHING)


def safe_code(code: str | None) -> str | None:
    """Return the server's error code, or "other" where the field holds free text (contract 4)."""
    return code if code is None or _CODE.fullmatch(code) else "other"


def classify_bulk_delete(summary: BulkDeleteSummary, uuids: Sequence[UUID], axes: Sequence[Axis]) -> AttemptResult:
    """Classify a 2xx response to bulk_delete (contract 6.5).

    Arguments:
        summary: the body, which is empty on the oldest servers.
        uuids: the persons that were sent, in order.
        axes: what the call had to change; includes PERSON unless `keep_person` was sent.
    """
    if summary.is_empty:
        return OK
    if Axis.PERSON not in axes and (summary.persons_deleted or summary.persons_queued_for_deletion):
        return AttemptResult(outcome="unknown", next_action=NextAction.STOP, status=202, error=DELETED_INSTEAD_OF_KEPT)
    queued = bool(summary.persons_queued_for_deletion)
    failed = {e.person_uuid for e in summary.deletion_errors if e.step not in STEPS_AFTER_DELETION}
    counts_right = summary.persons_found == len(uuids) and _is_complete(summary, axes, len(failed))
    if counts_right and not failed:
        return AttemptResult(outcome="ok", next_action=NextAction.NOTHING, queued=queued)
    if counts_right and failed <= set(uuids):
        accepted = tuple(index for index, uuid in enumerate(uuids) if uuid not in failed)
        return AttemptResult(
            outcome="ok",
            next_action=NextAction.READ_BACK,
            accepted=accepted,
            status=202,
            error="deletion_errors",
            queued=queued,
        )
    return AttemptResult(
        outcome="unknown", next_action=NextAction.READ_BACK, status=202, error="counts_differ", queued=queued
    )


def _is_complete(summary: BulkDeleteSummary, axes: Sequence[Axis], failed: int) -> bool:
    """Return whether the counts of a summary cover all persons but those that failed."""
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
    (IntermediaryError, "unknown", NextAction.STOP),
    (Unreachable, "failed", NextAction.STOP),
    (AuthenticationFailed, "failed", NextAction.STOP),
    (PermissionDenied, "failed", NextAction.STOP),
    (RateLimited, "failed", NextAction.RETRY),
    (NotFound, "unknown", NextAction.READ_BACK_AND_REJECT),
    (BadRequest, "unknown", NextAction.READ_BACK_AND_REJECT),
    (Conflict, "unknown", NextAction.READ_BACK_AND_REJECT),
    (UnprocessableEntity, "unknown", NextAction.READ_BACK_AND_REJECT),
    (ServerError, "unknown", NextAction.READ_BACK_AND_HALVE),
    (ConnectFailed, "failed", NextAction.RETRY),
    (TimedOut, "unknown", NextAction.READ_BACK_AND_HALVE),
    (TransportError, "unknown", NextAction.READ_BACK),
    (InvalidResponse, "unknown", NextAction.READ_BACK),
    (RouteNotFound, "failed", NextAction.STOP),
    (ApiStatusError, "unknown", NextAction.STOP),
)
"""The first row that matches decides. The last row catches statuses that no call here expects: redirects, 402, 405."""


def classify_error(error: PostHogError) -> AttemptResult:
    """Classify the error with which an attempt at one call ended."""
    row = next((row for row in _KINDS if isinstance(error, row[0])), None)
    if row is None:
        raise error
    _, outcome, next_action = row
    if isinstance(error, ApiStatusError) and error.status == TOO_LARGE:
        outcome, next_action = "failed", NextAction.READ_BACK_AND_HALVE
    return AttemptResult(
        outcome=outcome,
        next_action=next_action,
        status=error.status if isinstance(error, ApiStatusError) else None,
        code=safe_code(error.code) if isinstance(error, ApiStatusError) else None,
        error=error_name(error),
        retry_after_s=error.retry_after_s if isinstance(error, ApiStatusError) else None,
        cause=_cause(error),
        possible_outage=isinstance(error, _POSSIBLE_OUTAGES),
    )


def _cause(error: PostHogError) -> PostHogError | NotFinished | None:
    """Return the exception with which an error ends the run; None if the breaker ends it, or the run continues."""
    if isinstance(error, IntermediaryError):
        return to_not_finished(error)
    return error if isinstance(error, AuthenticationFailed | PermissionDenied | Unreachable) else None


def classify_batch_error(error: PostHogError, persons: int) -> AttemptResult:
    """Classify the error of one request for several persons.

    A rejection does not say which person caused it, so the batch is halved to find out.

    Arguments:
        persons: how many persons the request was for.
    """
    result = classify_error(error)
    if result.next_action is NextAction.READ_BACK_AND_REJECT and persons > 1:
        return msgspec.structs.replace(result, next_action=NextAction.READ_BACK_AND_HALVE)
    return result


def classify_key_list_error(error: PostHogError) -> AttemptResult:
    """Classify the error of a call that removes several properties of a person at once.

    A rejection may be about the list and not about the person, so one call per property follows.
    """
    result = classify_error(error)
    if result.status not in _LIST_REFUSED:
        return result
    rejected = result.next_action is NextAction.READ_BACK_AND_REJECT
    next_action = NextAction.READ_BACK if rejected else result.next_action
    return msgspec.structs.replace(result, next_action=next_action, list_refused=True)


def classify_keep_person_error(error: PostHogError, persons: int) -> AttemptResult:
    """Classify the error of one request with `keep_person`.

    A server that knows `keep_person` returns a summary. An empty response can come from a server that is too old for
    it and has deleted the persons (contract 6.5, 8), so they are read before anything else is sent.

    Arguments:
        persons: how many persons the request was for.
    """
    result = classify_batch_error(error, persons)
    if isinstance(error, InvalidResponse) and error.code == EMPTY_BODY:
        return msgspec.structs.replace(result, error=NO_SUMMARY, code=None)
    return result


def classify_capture_error(error: PostHogError, events: int) -> AttemptResult:
    """Classify the error of one capture request.

    Ingestion accepts a request as a whole, so a server error does not depend on the number of events, and halves would
    fail as well. A rejection may be caused by one event, which halving finds.

    Arguments:
        events: how many events the request held.
    """
    result = classify_batch_error(error, events)
    if isinstance(error, NotFound):  # the route does not exist: this 404 is not about a person
        return msgspec.structs.replace(result, outcome="failed", next_action=NextAction.STOP)
    if result.next_action is NextAction.READ_BACK_AND_HALVE and isinstance(error, ServerError):
        return msgspec.structs.replace(result, next_action=NextAction.READ_BACK)
    return result


def raise_if_permanent(error: PostHogError) -> None:
    """Raise the error of an optional read again if no other read can succeed.

    That is so where the server refuses the key, asks for a longer pause than `MAX_PAUSE_S`, or was in an outage for
    longer than it is waited out (guarantees 12, 14).
    """
    if isinstance(error, AuthenticationFailed | Unreachable) or pause_too_long(_requested_pause_s(error)):
        raise error


def to_not_finished(error: PostHogError) -> NotFinished:
    """Return the exception with which a run ends after one of `TRANSIENT_ERRORS` (guarantee 14), caused by it."""
    ended = _not_finished(error)
    ended.__cause__ = error
    return ended


def _not_finished(error: PostHogError) -> NotFinished:
    if isinstance(error, IntermediaryError | UntrustedCertificate):  # their messages say what to do
        return NotFinished(str(error), "then run the same command again to resume")
    if isinstance(error, Unreachable):
        return NotFinished(f"the server did not respond for {format_duration(error.away_s)} ({error.cause})")
    return pause_too_long(_requested_pause_s(error)) or NotFinished(
        f"the server does not respond as it should: {error}"
    )


def pause_too_long(requested_s: float | None) -> NotFinished | None:
    """Return the exception with which a run ends if the server asks for too long a pause (guarantee 14).

    Arguments:
        requested_s: how long the server asks to wait, if it does.
    """
    if requested_s is None or requested_s <= MAX_PAUSE_S:
        return None
    return NotFinished(f"the server asked us to wait {requested_s:.0f} s, which is more than an hour")


def _requested_pause_s(error: PostHogError) -> float | None:
    return error.retry_after_s if isinstance(error, ApiStatusError) else None


def error_name(error: PostHogError) -> str:
    """Return the name of an error's kind in journals and events, such as "server_error"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
