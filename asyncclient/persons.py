"""The persons API: list, read, delete (contract 6). Methods build a request, send it, and read the answer."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import msgspec

from asyncclient import _decoding, _endpoints
from asyncclient._core import Core
from asyncclient._endpoints import PersonId
from asyncclient._http import Request
from asyncclient._listing import Chosen, pages, raw_rows
from asyncclient.errors import InvalidArgument, shown
from asyncclient.filters import PropertyFilter
from asyncclient.models import BatchResults, BulkDeleteSummary, DeletionRow, Page, Person, PersonRef

_PERSON = msgspec.json.Decoder(Person)
_PERSONS = msgspec.json.Decoder(Page[Person])
_REFS = msgspec.json.Decoder(Page[PersonRef])
_BATCH = msgspec.json.Decoder(BatchResults[Person])
_BATCH_REFS = msgspec.json.Decoder(BatchResults[PersonRef])
_SUMMARY = msgspec.json.Decoder(BulkDeleteSummary)
_ROWS = msgspec.json.Decoder(Page[DeletionRow])
_NIL = UUID(int=0)


class Persons:
    """`client.persons`. Filters of the listings are ANDed; `search` is fuzzy: never select deletions by it."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def list(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        limit: int = 100,
        offset: int = 0,
        include_total: bool = False,
    ) -> Page[Person]:
        """One page of persons, newest first (contract 6.1).

        Arguments:
            distinct_id, email: exact matches.
            search: partial match on email or name, fuzzy.
            properties: conditions.
            limit: rows, 1 to 10,000.
            offset: rows to skip; rows shift under offsets, use `iter` to read everybody.
            include_total: ask for `count`, which costs the server a query.

        Raises:
            InvalidArgument: before anything is sent.
            PostHogError: no or no good answer.
        """
        request = _endpoints.list_persons(
            distinct_id=distinct_id,
            email=email,
            search=search,
            properties=properties,
            limit=limit,
            offset=offset,
            include_total=include_total,
        )
        return await self._core.read(request, _PERSONS)

    async def iter_pages(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 100,
    ) -> AsyncIterator[Page[Person]]:
        """Every person that matches, page by page; pages may be short or empty. Arguments and errors as `iter`."""
        chosen = Chosen(distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size)
        async for page, rows in pages(self._core, chosen, _PERSONS):
            yield msgspec.structs.replace(page, results=[*rows])

    async def iter(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 100,
    ) -> AsyncIterator[Person]:
        """Every person that matches, exactly once, in constant memory.

        Who was there, unmodified, during the whole listing is yielded once, whoever else comes and goes meanwhile
        (contract 6.1, pagination quirks).

        Arguments:
            distinct_id, email, search, properties: as in `list`.
            page_size: rows a request, 1 to 10,000.

        Raises:
            InvalidArgument: before anything is sent.
            ListingError: rows shift faster than they can be read, or the server leads in circles.
            PostHogError: no or no good answer.
        """
        chosen = Chosen(distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size)
        async for _, rows in pages(self._core, chosen, _PERSONS):
            for row in rows:
                yield row

    async def iter_refs(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 1000,
    ) -> AsyncIterator[PersonRef]:
        """As `iter`, but only who each person is: the quickest way to all ids."""
        chosen = Chosen(distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size)
        async for _, rows in pages(self._core, chosen, _REFS):
            for row in rows:
                yield row

    async def iter_raw(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 100,
    ) -> AsyncIterator[msgspec.Raw]:
        """As `iter`, but each person as the JSON object that the server sent, byte for byte."""
        chosen = Chosen(distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size)
        async for raw in raw_rows(self._core, chosen):
            yield raw

    async def get(self, id: PersonId) -> Person:  # noqa: A002
        """One person, with all its distinct ids (contract 6.2).

        Arguments:
            id: UUID or number; a distinct id has to be resolved first.

        Raises:
            NotFound: there is no such person.
        """
        return await self._core.read(_endpoints.get_person(id), _PERSON)

    async def delete(
        self,
        id: PersonId,  # noqa: A002
        *,
        delete_events: bool = False,
        delete_recordings: bool = False,
        keep_person: bool = False,
    ) -> None:
        """Delete one person (contract 6.4).

        The server may delete the person and fail before it queues the events, which are out of reach then. To be
        safe queue first: `bulk_delete` with `keep_person`, or the engine of the package `bulk`.

        Raises:
            NotFound: there is no such person.
            ServerError: it may or may not be deleted; read to find out.
        """
        await self._core.done(
            _endpoints.delete_person(
                id, delete_events=delete_events, delete_recordings=delete_recordings, keep_person=keep_person
            )
        )

    async def delete_events(self, id: PersonId) -> None:  # noqa: A002
        """Queue the deletion of one person's events up to now (contract 6.6)."""
        await self._core.done(_endpoints.delete_events(id))

    async def delete_recordings(self, id: PersonId) -> None:  # noqa: A002
        """Ask for the deletion of one person's recordings (contract 6.7); nothing can be read back of it."""
        await self._core.done(_endpoints.delete_recordings(id))

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

        A success speaks of what was accepted: read the summary, then read the persons.

        Arguments:
            ids: UUIDs; or
            distinct_ids: which delete the whole person that each belongs to.
            timeout_s: for this call, seconds.

        Raises:
            InvalidArgument: both or neither list, or not 1 to 1000 ids.
        """
        request = _endpoints.bulk_delete(
            ids=ids,
            distinct_ids=distinct_ids,
            delete_events=delete_events,
            delete_recordings=delete_recordings,
            keep_person=keep_person,
            timeout_s=timeout_s,
        )
        response = await self._core.send(request)
        if 200 <= response.status < 300 and not response.body.strip():
            return BulkDeleteSummary()
        return _decoding.read(request, response, _SUMMARY, self._core.shared.key)

    async def batch_by_distinct_ids(self, distinct_ids: Sequence[str]) -> dict[str, Person]:
        """The persons of up to 200 distinct ids; misses are left out (contract 6.11)."""
        found = await self._core.read(_endpoints.batch_by_distinct_ids(distinct_ids), _BATCH)
        return found.results

    async def refs_by_distinct_ids(self, distinct_ids: Sequence[str]) -> dict[str, PersonRef]:
        """As `batch_by_distinct_ids`, but only who each person is."""
        found = await self._core.read(_endpoints.batch_by_distinct_ids(distinct_ids), _BATCH_REFS)
        return found.results

    async def batch_by_uuids(self, uuids: Sequence[UUID | str]) -> dict[UUID, Person]:
        """The persons of up to 200 UUIDs; misses are left out. The cheapest read of the store (contract 6.11)."""
        found = await self._core.read(_endpoints.batch_by_uuids(uuids), _BATCH)
        return {person.uuid: person for person in found.results.values()}

    async def refs_by_uuids(self, uuids: Sequence[UUID | str]) -> dict[UUID, PersonRef]:
        """As `batch_by_uuids`, but only who each person is."""
        found = await self._core.read(_endpoints.batch_by_uuids(uuids), _BATCH_REFS)
        return {person.uuid: person for person in found.results.values()}

    async def deletion_status(
        self,
        *,
        status: str | None = None,
        person_uuid: UUID | str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Page[DeletionRow]:
        """Requests to delete events, newest first (contract 6.11, 8).

        Arguments:
            status: "pending", "completed" or "all".
            person_uuid: of one person only.
        """
        request = _endpoints.deletion_status(status=status, person=person_uuid, limit=limit, offset=offset)
        return await self._core.read(request, _ROWS)

    async def knows(self, route: str) -> bool:
        """Whether this server is new enough to have a route, found out by reading (contract 8, last but three).

        A route that a server does not know is read as a person's id there, so the answers tell them apart.

        Arguments:
            route: "bulk_delete", "batch_by_uuids", "batch_by_distinct_ids", "deletion_status", "delete_events" or
                "delete_recordings".

        Raises:
            InvalidArgument: it is none of these.
            PostHogError: the answer does not tell.
        """
        if route not in _PROBES:
            raise InvalidArgument(f"route {shown(route)} is none of {', '.join(_PROBES)}")
        await self._core.settle_prefix()  # an unknown route's answer is that of an unknown prefix
        request = _PROBES[route]
        response = await self._core.send(request)
        known = _decoding.knows(request, response)
        if known is None:
            raise _decoding.to_error(request, response, self._core.shared.key)
        return known


_PROBES: dict[str, Request] = {
    "bulk_delete": _endpoints.probe("bulk_delete/"),
    "batch_by_uuids": _endpoints.batch_by_uuids([]),
    "batch_by_distinct_ids": _endpoints.probe("batch_by_distinct_ids/"),
    "deletion_status": _endpoints.deletion_status(status=None, person=None, limit=1, offset=0),
    "delete_events": _endpoints.probe(f"{_NIL}/delete_events/"),
    "delete_recordings": _endpoints.probe(f"{_NIL}/delete_recordings/"),
}
