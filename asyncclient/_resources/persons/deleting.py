"""Persons deleted, and their events and recordings (contract 6.4 to 6.7)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import Format, PersonId
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.models import BulkDeleteSummary


class PersonDeletes:
    """The part of `client.persons` that deletes."""

    _core: RequestPipeline

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

        The server may delete the person and fail before it queues the events, which are out of reach then. To be safe
        queue first: `bulk_delete` with `keep_person`, or the engine of the package `bulk`.

        Arguments:
            id: UUID or number of the person; a distinct ID has to be resolved first.
            delete_events: queue the deletion of the person's events too.
            delete_recordings: ask for the deletion of the person's recordings too.
            keep_person: only queue, and keep the person; servers before December 2025 ignore it and delete.
            format: "csv" or "json"; documented, and no body is expected in either.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: there is no such person.
            ServerError: it may or may not be deleted; read to find out.
            InvalidResponse: the answer is not this call's; it may or may not be deleted.
            PostHogError: there is no answer, or it is an error.
        """
        await self._core.call(
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
            id: UUID or number of the person; a distinct ID has to be resolved first.
            properties: a documented field of the body, which the server does not read.
            format: "csv" or "json"; documented, and no body is expected in either.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: there is no such person.
            InvalidResponse: the answer is not this call's; whether it was taken is not known.
            PostHogError: there is no answer, or it is an error.
        """
        await self._core.call(endpoints.delete_events(id, properties, format=format))

    async def delete_recordings(
        self,
        id: PersonId,  # noqa: A002
        properties: Mapping[str, Any] | None = None,
        *,
        format: Format | None = None,  # noqa: A002
    ) -> None:
        """Ask for the deletion of one person's recordings (contract 6.7).

        The persons API tells nothing of it afterwards.

        Arguments:
            id: UUID or number of the person; a distinct ID has to be resolved first.
            properties: a documented field of the body, which the server does not read.
            format: "csv" or "json"; documented, and no body is expected in either.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: there is no such person.
            InvalidResponse: the answer is not this call's; whether it was taken is not known.
            PostHogError: there is no answer, or it is an error.
        """
        await self._core.call(endpoints.delete_recordings(id, properties, format=format))

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
        """Delete up to 1000 persons, or only queue their events and recordings with `keep_person` (contract 6.5).

        A success speaks of what was accepted: read the summary, then read the persons. Servers before April 2026 answer
        without a summary; one that has shown `deletion_status` must give it.

        Arguments:
            ids: 1 to 1000 UUIDs; or
            distinct_ids: 1 to 1000, which delete the whole person that each belongs to.
            delete_events: queue the deletion of their events.
            delete_recordings: ask for the deletion of their recordings.
            keep_person: only queue, and keep the persons; servers before December 2025 ignore it and delete.
            timeout_s: seconds for this call; None is the client's.

        Returns:
            What the server says it accepted; empty from a server that is too old to say.

        Raises:
            InvalidArgument: both or neither list, or not 1 to 1000 IDs; raised before anything is sent.
            InvalidResponse: the answer is not this call's; what was done is not known.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.bulk_delete(
            ids=ids,
            distinct_ids=distinct_ids,
            delete_events=delete_events,
            delete_recordings=delete_recordings,
            keep_person=keep_person,
            timeout_s=timeout_s,
            must_summarise=self._core.shared.returns_summaries,
        )
        return await self._core.call(request)
