"""What persons leave behind: session recordings, and events that a query selects (contract 6.7, 13)."""

from typing import Any
from uuid import UUID

import msgspec

from asyncclient.models import Instant

ACTIVE_STATUSES = frozenset({"draft", "pending", "approved", "in_progress", "queued"})
"""Statuses of requests that count towards the five that a project may have at once."""


class SessionRecording(msgspec.Struct, frozen=True):
    """A session recording.

    Arguments:
        id: ID of the recording, which is that of its session.
        distinct_id: distinct ID that it was captured under; no repr shows it.
        start_time: when it begins, with its time zone.
        end_time: when it ends, with its time zone.
        recording_duration: seconds from its start to its end.
        viewed: whether the key's user has watched it.
    """

    id: str
    distinct_id: str | None = None
    start_time: Instant | None = None
    end_time: Instant | None = None
    recording_duration: float | None = None
    viewed: bool | None = None

    def __repr__(self) -> str:
        return f"SessionRecording(id={self.id!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("id", self.id)]


class RecordingPage(msgspec.Struct, frozen=True):
    """A page of recordings.

    Arguments:
        results: the newest first.
        has_next: whether there are more.
    """

    results: list[SessionRecording]
    has_next: bool = False


class RecordingsDeleted(msgspec.Struct, frozen=True):
    """The response to a deletion of recordings by their IDs.

    Arguments:
        success: whether the server carried it out.
        deleted_count: how many recordings it deleted; those that it does not have, or that are deleted, do not count.
        total_requested: how many IDs it was given.
    """

    success: bool = True
    deleted_count: int | None = None
    total_requested: int | None = None


class RecordingMark(msgspec.Struct, frozen=True):
    """Whether a recording is marked as deleted.

    Arguments:
        session_id: ID of the recording.
        distinct_ids: those of the requested distinct IDs that it was captured under; no repr shows them.
        is_deleted: whether it is marked as deleted.
    """

    session_id: str
    distinct_ids: tuple[str, ...]
    is_deleted: bool

    def __repr__(self) -> str:
        return f"RecordingMark(session_id={self.session_id!r}, is_deleted={self.is_deleted})"

    def __rich_repr__(self) -> list[tuple[str, str | bool]]:
        return [("session_id", self.session_id), ("is_deleted", self.is_deleted)]


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
