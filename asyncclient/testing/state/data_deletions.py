"""The data deletion requests of the project: their statuses, and the job that deletes what their queries select.

Contract 13. PostHog approves a request by hand; `decide` does that here. The job deletes the events of approved
requests, and completes a request if its query then selects none.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

MAX_ACTIVE = 5
_ACTIVE = frozenset({"draft", "pending", "approved", "in_progress", "queued"})


class DeletionRequest(msgspec.Struct, kw_only=True):
    """One request; `count` is how many events its query selected when it was created."""

    id: UUID
    submission_id: UUID
    query: str
    variables: dict[str, Any]
    status: str
    count: int
    created_us: int
    completed_us: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether it counts towards the most that may be active."""
        return self.status in _ACTIVE


class DataDeletions:
    """The requests, in the order of their creation."""

    def __init__(self) -> None:
        self._requests: dict[UUID, DeletionRequest] = {}
        self._by_submission: dict[UUID, DeletionRequest] = {}

    def add(self, request: DeletionRequest) -> None:
        """Add a request."""
        self._requests[request.id] = self._by_submission[request.submission_id] = request

    def get(self, request_id: UUID) -> DeletionRequest | None:
        """Return a request by its ID, or None."""
        return self._requests.get(request_id)

    def of_submission(self, submission_id: UUID) -> DeletionRequest | None:
        """Return the request that was created with a submission ID, or None."""
        return self._by_submission.get(submission_id)

    def newest_first(self) -> list[DeletionRequest]:
        """Return all requests, the newest first."""
        return list(reversed(self._requests.values()))

    def active(self) -> int:
        """Return how many requests are neither completed nor failed."""
        return sum(each.is_active for each in self._requests.values())

    def decide(self, request_id: UUID, *, approved: bool) -> None:
        """Approve or refuse a pending request.

        Raises:
            LookupError: there is no pending request with this ID.
        """
        request = self._requests.get(request_id)
        if request is None or request.status != "pending":
            raise LookupError(f"there is no pending request {request_id}")
        request.status = "approved" if approved else "failed"

    def approve_all(self) -> int:
        """Approve every pending request, and return how many there were."""
        pending = [each.id for each in self._requests.values() if each.status == "pending"]
        for request_id in pending:
            self.decide(request_id, approved=True)
        return len(pending)

    def run(self, at_us: int, delete: Callable[[DeletionRequest], int]) -> int:
        """Delete the events of approved requests, and return how many requests were completed.

        Arguments:
            at_us: when the job runs.
            delete: deletes the events of a request, and returns how many of them are left.
        """
        completed = 0
        for request in self._requests.values():
            if request.status not in ("approved", "in_progress"):
                continue
            request.status = "in_progress"
            if not delete(request):
                request.status, request.completed_us = "completed", at_us
                completed += 1
        return completed
