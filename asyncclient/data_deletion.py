"""Requests to delete events that a query selects (contract 13)."""

from typing import Any
from uuid import UUID

import msgspec

from asyncclient.models import Instant

ACTIVE_STATUSES = frozenset({"draft", "pending", "approved", "in_progress", "queued"})
"""Statuses of requests that count towards the five that a project may have at once."""


class EventCount(msgspec.Struct, frozen=True):
    """The response to a preview.

    Arguments:
        count: how many events the query selects now.
    """

    count: int


class DataDeletionRequest(msgspec.Struct, frozen=True):
    """A request to delete the events that a query selects.

    Arguments:
        id: ID of the request, a UUID or a number; `get` takes it.
        status: "draft", "pending", "approved", "in_progress", "queued", "completed" or "failed".
        submission_id: the ID that it was created with.
        query: HogQL; no repr shows it.
        variables: the query's variables; no repr shows them.
        count: how many events it deletes; None if the server does not say.
        created_at: creation time, with its time zone.
        completed_at: when PostHog found none of the events any more; None before.
    """

    id: int | str
    status: str
    submission_id: UUID | None = None
    query: str | None = None
    variables: Any = None
    count: int | None = None
    created_at: Instant | None = None
    completed_at: Instant | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is neither completed nor failed."""
        return self.status in ACTIVE_STATUSES

    @property
    def is_completed(self) -> bool:
        """Whether PostHog checked that none of the events is left."""
        return self.status == "completed"

    def __repr__(self) -> str:
        return f"DataDeletionRequest(id={self.id!s}, status={self.status!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("id", self.id), ("status", self.status)]
