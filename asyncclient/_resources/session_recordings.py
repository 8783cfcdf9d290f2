"""SessionRecordings: the recordings of a person, deleting them by ID, and whether they are deleted (contract 6.7)."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any
from uuid import UUID

from asyncclient._protocol import endpoints
from asyncclient._protocol.http import Request
from asyncclient._resources.query_pages import iter_query_pages
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.erasure import RecordingMark, RecordingPage, RecordingsDeleted
from asyncclient.models import QueryResult


class SessionRecordings:
    """`client.session_recordings`: `client.persons.delete_recordings` deletes all of a person."""

    def __init__(self, pipeline: RequestPipeline) -> None:
        self._pipeline = pipeline

    async def iter_marks(
        self, distinct_ids: Sequence[str], *, page_size: int = 10_000, timeout_s: float | None = None
    ) -> AsyncGenerator[list[RecordingMark], None]:
        """Yield the recordings of distinct IDs, and whether each is marked as deleted, page by page (contract 6.7).

        Needs the scope query:read. The server removes marked recordings after a grace period, so that a recording that
        is missing proves nothing: note the distinct IDs and the recordings before a deletion.

        Arguments:
            distinct_ids: 1 to 1,000 distinct IDs.
            page_size: recordings per request, 1 to 10,000.
            timeout_s: seconds for each request; None means the client's timeout.

        Returns:
            Lists of recordings, one list per page, in ascending order of their IDs.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            BadRequest: the server does not show whether recordings are deleted.
            PermissionDenied: the key lacks the scope.
            ListingError: the server's rows are not in ascending order, so that some could be missed.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """

        def page(last: str, limit: int) -> Request[QueryResult]:
            return endpoints.recording_marks(distinct_ids, after=last, limit=limit, timeout_s=timeout_s)

        problem = "a row is not a recording"
        async for rows in iter_query_pages(self._pipeline, page, page_size, _is_recording, problem):
            yield [RecordingMark(row[0], tuple(row[1]), row[2] != 0) for row in rows]

    async def list(
        self,
        person: UUID | str,
        *,
        date_from: str | None = None,
        date_to: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> RecordingPage:
        """Return one page of a person's recordings, the newest first; needs session_recording:read (contract 6.7).

        Without `date_from` the server shows those of the last days only. It leaves deleted recordings out.

        Arguments:
            person: UUID of the person; resolve a distinct ID first.
            date_from: from when, as an ISO date or relative to now, such as "-90d"; None for the server's default.
            date_to: until when, in the same form; None for now.
            limit: rows, 1 to 10,000.
            offset: rows to skip.

        Returns:
            The page; `has_next` says whether there are more.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            PermissionDenied: the key lacks the scope.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.list_recordings(person, date_from=date_from, date_to=date_to, limit=limit, offset=offset)
        return await self._pipeline.call(request)

    async def bulk_delete(self, ids: Sequence[str]) -> RecordingsDeleted:
        """Delete recordings by their IDs; needs session_recording:write (contract 6.7).

        Servers before July 2026 take 20 at once. IDs that the server does not have are no error: compare the counts.

        Arguments:
            ids: 1 to 100 IDs of recordings.

        Returns:
            How many recordings were deleted.

        Raises:
            InvalidArgument: not 1 to 100 IDs, or one that cannot be used; raised before anything is sent.
            BadRequest: the server takes fewer at once.
            PermissionDenied: the key lacks the scope.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.delete_recordings_by_id(ids))


def _is_recording(row: list[Any]) -> bool:
    """Return whether a row is a session ID, its distinct IDs, and a mark of 0 or 1."""
    if len(row) != 3 or not isinstance(row[0], str) or not isinstance(row[1], list):
        return False
    return all(isinstance(each, str) for each in row[1]) and row[2] in (0, 1)
