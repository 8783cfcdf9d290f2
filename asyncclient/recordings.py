"""Session recordings, and whether they are deleted (contract 6.7)."""

import msgspec

from asyncclient.models import Instant


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
