"""Responses are classified: after anything but an exact success targets are read back, and some are never retried."""

from typing import Any
from uuid import UUID

import pytest

from asyncclient import (
    ApiStatusError,
    BadRequest,
    BulkDeleteSummary,
    Conflict,
    ConnectFailed,
    ConnectionLost,
    Intermediary,
    IntermediaryError,
    NotFound,
    PermissionDenied,
    PostHogError,
    RateLimited,
    RedirectedAway,
    ServerError,
    TimedOut,
    UnprocessableEntity,
)
from asyncclient.models import DeletionError
from bulk.errors import NotFinished
from bulk.posthog.attempt_result import NextAction, classify_bulk_delete, classify_error, safe_code, to_not_finished
from bulk.states import Axis

UUIDS = [UUID(int=number) for number in range(1, 4)]
PERSON, QUEUE = (Axis.PERSON,), (Axis.EVENTS, Axis.RECORDINGS)
WHERE: dict[str, Any] = {"method": "POST", "path": "p", "route": "r"}


def judged(axes: tuple[Axis, ...], **fields: Any) -> tuple[str, NextAction]:
    verdict = classify_bulk_delete(BulkDeleteSummary(**fields), UUIDS, axes)
    return verdict.outcome, verdict.next_action


@pytest.mark.parametrize(
    ("axes", "fields", "expected"),
    [
        (PERSON, {}, ("ok", NextAction.NOTHING)),
        (PERSON, {"persons_found": 3, "persons_deleted": 3}, ("ok", NextAction.NOTHING)),
        (PERSON, {"persons_found": 3, "persons_queued_for_deletion": 3}, ("ok", NextAction.NOTHING)),
        (
            PERSON,
            {"persons_found": 3, "persons_deleted": 1, "persons_queued_for_deletion": 2},
            ("ok", NextAction.NOTHING),
        ),
        (PERSON, {"persons_found": 3, "persons_deleted": 2}, ("unknown", NextAction.READ_BACK)),
        (PERSON, {"persons_found": 2, "persons_deleted": 2}, ("unknown", NextAction.READ_BACK)),
        (PERSON, {"persons_found": 0, "persons_deleted": 0}, ("unknown", NextAction.READ_BACK)),
        (QUEUE, {"persons_found": 3, "events_queued_for_deletion": True}, ("ok", NextAction.NOTHING)),
        (QUEUE, {"persons_found": 3, "events_queued_for_deletion": 3}, ("ok", NextAction.NOTHING)),
        (QUEUE, {"persons_found": 3, "events_queued_for_deletion": False}, ("unknown", NextAction.READ_BACK)),
        (QUEUE, {"persons_found": 3, "recordings_queued_for_deletion": 0}, ("unknown", NextAction.READ_BACK)),
        (QUEUE, {"persons_found": 3, "persons_deleted": 1}, ("unknown", NextAction.STOP)),
        (QUEUE, {"persons_found": 3, "persons_queued_for_deletion": 3}, ("unknown", NextAction.STOP)),
    ],
)
def test_only_a_response_with_exact_counts_is_a_success(
    axes: tuple[Axis, ...], fields: dict[str, Any], expected: Any
) -> None:
    assert judged(axes, **fields) == expected


def test_persons_with_a_deletion_error_are_read_back_and_the_others_are_accepted() -> None:
    summary = BulkDeleteSummary(
        persons_found=3,
        persons_deleted=2,
        deletion_errors=(
            DeletionError(person_uuid=UUIDS[1], step="delete_postgres"),
            DeletionError(person_uuid=UUIDS[2], step="log_activity"),
        ),
    )
    verdict = classify_bulk_delete(summary, UUIDS, PERSON)
    assert (verdict.outcome, verdict.next_action, verdict.accepted) == ("ok", NextAction.READ_BACK, (0, 2))


@pytest.mark.parametrize("uuid", [None, UUID(int=99)])
def test_a_deletion_error_about_no_person_of_the_batch_leaves_all_unknown(uuid: UUID | None) -> None:
    errors = (DeletionError(person_uuid=uuid, step="resolve_persons"),)
    assert judged(PERSON, persons_found=3, persons_deleted=2, deletion_errors=errors) == (
        "unknown",
        NextAction.READ_BACK,
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RateLimited(429, **WHERE), ("failed", NextAction.RETRY)),
        (ConnectFailed("refused", sent=False, **WHERE), ("failed", NextAction.RETRY)),
        (BadRequest(400, **WHERE), ("unknown", NextAction.READ_BACK_AND_REJECT)),
        (NotFound(404, **WHERE), ("unknown", NextAction.READ_BACK_AND_REJECT)),
        (Conflict(409, **WHERE), ("unknown", NextAction.READ_BACK_AND_REJECT)),
        (UnprocessableEntity(422, **WHERE), ("unknown", NextAction.READ_BACK_AND_REJECT)),
        (ServerError(503, **WHERE), ("unknown", NextAction.READ_BACK_AND_HALVE)),
        (TimedOut("no response", sent=True, **WHERE), ("unknown", NextAction.READ_BACK_AND_HALVE)),
        (ConnectionLost("reset", sent=True, **WHERE), ("unknown", NextAction.READ_BACK)),
        (PermissionDenied(403, **WHERE), ("failed", NextAction.STOP)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_no_error_counts_as_sent(error: PostHogError, expected: tuple[str, NextAction]) -> None:
    result = classify_error(error)
    assert (result.outcome, result.next_action) == expected
    assert result.accepted is None


def test_retry_after_is_read_from_every_error_response() -> None:
    assert classify_error(ServerError(503, retry_after_s=7.0, **WHERE)).retry_after_s == 7.0


def test_free_text_in_place_of_an_error_code_is_dropped() -> None:
    assert safe_code("This field is required.") == "other"
    assert safe_code("jane@example.org") == "other"
    assert safe_code("invalid_input") == "invalid_input"
    assert safe_code(None) is None


def test_a_pause_that_is_too_long_is_in_the_message() -> None:
    assert "7200 s" in str(to_not_finished(RateLimited(429, retry_after_s=7200.0, **WHERE)))
    assert "pause" not in str(to_not_finished(RateLimited(429, retry_after_s=60.0, **WHERE)))


def test_a_request_that_is_too_large_failed_and_is_sent_in_halves() -> None:
    verdict = classify_error(ApiStatusError(413, **WHERE))
    assert (verdict.outcome, verdict.next_action, verdict.status) == ("failed", NextAction.READ_BACK_AND_HALVE, 413)
    assert classify_error(ApiStatusError(418, **WHERE)).next_action is NextAction.STOP


@pytest.mark.parametrize("kind", [IntermediaryError, RedirectedAway])
def test_a_response_that_is_not_posthogs_stops_the_run_as_not_finished(kind: type[ApiStatusError]) -> None:
    result = classify_error(kind(403, intermediary=Intermediary("cloudflare"), **WHERE))
    assert (result.outcome, result.next_action) == ("unknown", NextAction.STOP)
    assert isinstance(result.cause, NotFinished)
    assert "403" in str(result.cause)
    assert "(Server: cloudflare)" in str(result.cause)
    assert str(result.cause).endswith("then run the same command again to resume.")


def test_a_refusal_of_the_key_ends_the_run_with_itself() -> None:
    error = PermissionDenied(403, **WHERE)
    assert classify_error(error).cause is error


def test_a_message_has_the_status_and_the_code_of_a_response() -> None:
    assert classify_error(ApiStatusError(418, code="teapot", **WHERE)).response == "418 teapot"
    assert classify_error(ApiStatusError(418, **WHERE)).response == "418"
