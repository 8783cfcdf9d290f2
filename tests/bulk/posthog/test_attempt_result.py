"""What answers mean: anything but an exact success is read back, and what is never sent again is known (11, 12)."""

from typing import Any
from uuid import UUID

import pytest

from asyncclient import ApiStatusError, BulkDeleteSummary, NotFound, RateLimited, ServerError
from asyncclient.models import DeletionError
from bulk.posthog.attempt_result import NextAction, judge_bulk, judge_error, safe_code, unanswered
from bulk.states import Axis

UUIDS = [UUID(int=number) for number in range(1, 4)]
PERSON, QUEUE = (Axis.PERSON,), (Axis.EVENTS, Axis.RECORDINGS)
WHERE: dict[str, Any] = {"method": "POST", "path": "p", "route": "r"}


def judged(axes: tuple[Axis, ...], **fields: Any) -> tuple[str, NextAction]:
    verdict = judge_bulk(BulkDeleteSummary(**fields), UUIDS, axes)
    return verdict.outcome, verdict.then


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
        (PERSON, {"persons_found": 3, "persons_deleted": 2}, ("unknown", NextAction.READ)),
        (PERSON, {"persons_found": 2, "persons_deleted": 2}, ("unknown", NextAction.READ)),
        (PERSON, {"persons_found": 0, "persons_deleted": 0}, ("unknown", NextAction.READ)),
        (QUEUE, {"persons_found": 3, "events_queued_for_deletion": True}, ("ok", NextAction.NOTHING)),
        (QUEUE, {"persons_found": 3, "events_queued_for_deletion": 3}, ("ok", NextAction.NOTHING)),
        (QUEUE, {"persons_found": 3, "events_queued_for_deletion": False}, ("unknown", NextAction.READ)),
        (QUEUE, {"persons_found": 3, "recordings_queued_for_deletion": 0}, ("unknown", NextAction.READ)),
        (QUEUE, {"persons_found": 3, "persons_deleted": 1}, ("unknown", NextAction.STOP)),
        (QUEUE, {"persons_found": 3, "persons_queued_for_deletion": 3}, ("unknown", NextAction.STOP)),
    ],
)
def test_only_an_exact_success_is_one(axes: tuple[Axis, ...], fields: dict[str, Any], expected: Any) -> None:
    assert judged(axes, **fields) == expected


def test_those_named_in_errors_are_read_and_the_others_accepted() -> None:
    summary = BulkDeleteSummary(
        persons_found=3,
        persons_deleted=2,
        deletion_errors=(
            DeletionError(person_uuid=UUIDS[1], step="delete_postgres"),
            DeletionError(person_uuid=UUIDS[2], step="log_activity"),
        ),
    )
    verdict = judge_bulk(summary, UUIDS, PERSON)
    assert (verdict.outcome, verdict.then, verdict.accepted) == ("ok", NextAction.READ, (0, 2))


@pytest.mark.parametrize("uuid", [None, UUID(int=99)])
def test_an_error_that_names_nobody_of_the_batch_leaves_all_unknown(uuid: UUID | None) -> None:
    errors = (DeletionError(person_uuid=uuid, step="resolve_persons"),)
    assert judged(PERSON, persons_found=3, persons_deleted=2, deletion_errors=errors) == ("unknown", NextAction.READ)


def test_a_404_is_read_and_never_sent_again() -> None:
    assert judge_error(NotFound(404, **WHERE)).then is NextAction.READ_AND_REJECT


def test_how_long_to_wait_is_taken_from_any_answer() -> None:
    assert judge_error(ServerError(503, retry_after_s=7.0, **WHERE)).retry_after_s == 7.0


def test_free_text_in_place_of_a_code_is_not_kept() -> None:
    assert safe_code("This field is required.") == "other"
    assert safe_code("jane@example.org") == "other"
    assert safe_code("invalid_input") == "invalid_input"
    assert safe_code(None) is None


def test_a_pause_above_the_ceiling_is_named() -> None:
    assert "7200 s" in str(unanswered(RateLimited(429, retry_after_s=7200.0, **WHERE)))
    assert "pause" not in str(unanswered(RateLimited(429, retry_after_s=60.0, **WHERE)))


def test_a_request_that_is_too_large_was_not_done_and_is_sent_in_halves() -> None:
    verdict = judge_error(ApiStatusError(413, **WHERE))
    assert (verdict.outcome, verdict.then, verdict.status) == ("failed", NextAction.READ_AND_HALVE, 413)
    assert judge_error(ApiStatusError(418, **WHERE)).then is NextAction.STOP
