"""PersonDeletes: deletes persons, their events and their recordings (contract 6.4 to 6.7, 6.11)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import DeletionStatus, Format, PersonId
from asyncclient._protocol.responses.page_rows import readable_rows
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.models import BulkDeleteSummary, DeletionRow, Page, UnreadableRow


class PersonDeletes:
    """The calls of `client.persons` that delete, and the status of deletions."""

    _pipeline: RequestPipeline

    async def delete(
        self,
        id: PersonId,  # noqa: A002
        *,
        delete_events: bool = False,
        delete_recordings: bool = False,
        keep_person: bool = False,
        format: Format | None = None,  # noqa: A002
    ) -> None:
        """Delete one person (contract 6.4).

        The server may delete the person and fail before it queues the deletion of events, which cannot be requested
        afterwards. To be safe, queue first: use `bulk_delete` with `keep_person`, or the package `bulk`.

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            delete_events: also queue the deletion of the person's events.
            delete_recordings: also request the deletion of the person's recordings.
            keep_person: keep the person and only queue; servers before December 2025 ignore this and delete.
            format: "csv" or "json", as documented; the response has no body in either.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: the person does not exist.
            ServerError: the person may or may not be deleted; read the person to find out.
            InvalidResponse: the response does not match this call; the person may or may not be deleted.
            PostHogError: there is no response, or it reports an error.
        """
        await self._pipeline.call(
            endpoints.delete_person(
                id,
                delete_events=delete_events,
                delete_recordings=delete_recordings,
                keep_person=keep_person,
                format=format,
            )
        )

    async def delete_events(
        self,
        id: PersonId,  # noqa: A002
        properties: Mapping[str, Any] | None = None,
        *,
        format: Format | None = None,  # noqa: A002
    ) -> None:
        """Queue the deletion of one person's events up to now (contract 6.6).

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            properties: a documented field of the body; the server does not read it.
            format: "csv" or "json", as documented; the response has no body in either.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: the person does not exist.
            InvalidResponse: the response does not match this call; the server may or may not have accepted the change.
            PostHogError: there is no response, or it reports an error.
        """
        await self._pipeline.call(endpoints.delete_events(id, properties, format=format))

    async def delete_recordings(
        self,
        id: PersonId,  # noqa: A002
        properties: Mapping[str, Any] | None = None,
        *,
        format: Format | None = None,  # noqa: A002
    ) -> None:
        """Request the deletion of one person's recordings (contract 6.7).

        The persons API does not show whether it was done.

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            properties: a documented field of the body; the server does not read it.
            format: "csv" or "json", as documented; the response has no body in either.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: the person does not exist.
            InvalidResponse: the response does not match this call; the server may or may not have accepted the change.
            PostHogError: there is no response, or it reports an error.
        """
        await self._pipeline.call(endpoints.delete_recordings(id, properties, format=format))

    async def bulk_delete(
        self,
        *,
        ids: Sequence[UUID | str] | None = None,
        distinct_ids: Sequence[str] | None = None,
        delete_events: bool = False,
        delete_recordings: bool = False,
        keep_person: bool = False,
        timeout_s: float | None = None,
    ) -> BulkDeleteSummary:
        """Delete up to 1,000 persons, or only queue their events and recordings with `keep_person` (contract 6.5).

        A success means that the server accepted the request: read the summary, then read the persons. Servers before
        April 2026 send no summary; a server that has `deletion_status` must send it.

        Arguments:
            ids: 1 to 1,000 UUIDs of persons. Or:
            distinct_ids: 1 to 1,000 distinct IDs; each deletes the whole person that it belongs to.
            delete_events: queue the deletion of their events.
            delete_recordings: request the deletion of their recordings.
            keep_person: keep the persons and only queue; servers before December 2025 ignore this and delete.
            timeout_s: seconds for this call; None means the client's timeout.

        Returns:
            The summary of what the server accepted; empty from an older server.

        Raises:
            InvalidArgument: both lists or none is given, or not 1 to 1,000 IDs; raised before anything is sent.
            InvalidResponse: the response does not match this call; the request may or may not have had an effect.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.bulk_delete(
            ids=ids,
            distinct_ids=distinct_ids,
            delete_events=delete_events,
            delete_recordings=delete_recordings,
            keep_person=keep_person,
            timeout_s=timeout_s,
            must_summarise=self._pipeline.shared.returns_summaries,
        )
        return await self._pipeline.call(request)

    async def deletion_status(
        self,
        *,
        status: DeletionStatus | None = None,
        person_uuid: UUID | str | None = None,
        limit: int = 100,
        offset: int = 0,
        on_unreadable: Callable[[UnreadableRow], None] | None = None,
    ) -> Page[DeletionRow]:
        """Return one page of requests to delete events, the newest first (contract 6.11, 8).

        Arguments:
            status: "pending", "completed" or "all"; None is the server's default, all.
            person_uuid: UUID of one person; None for all persons.
            limit: rows, 1 to 10,000.
            offset: rows to skip.
            on_unreadable: called with each row that cannot be read, which is then left out; without it, such a row
                raises InvalidResponse.

        Returns:
            The page; a missing row proves nothing.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.deletion_status(
            status=status, person=person_uuid, limit=limit, offset=offset, row_by_row=on_unreadable is not None
        )
        page = await self._pipeline.call(request)
        self._pipeline.shared.returns_summaries = True
        return page if on_unreadable is None else readable_rows(page, on_unreadable)
