"""Persons listed and read: pages, iterators, one person, all as CSV (contract 6.1, 6.2)."""

from collections.abc import AsyncGenerator, Sequence
from typing import Literal, overload

import msgspec

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import Format, PersonId
from asyncclient._protocol.ids import number, person_uuid
from asyncclient._resources.persons.csv_export import CsvExport
from asyncclient._resources.persons.listing import Chosen, pages, raw_rows, rows
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import InvalidResponse
from asyncclient.filters import PropertyFilter
from asyncclient.models import Page, Person, PersonRef

_PERSONS = msgspec.json.Decoder(Page[Person])
_REFS = msgspec.json.Decoder(Page[PersonRef])


class PersonReads:
    """The part of `client.persons` that lists and reads."""

    _core: RequestPipeline

    @overload
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
        format: Literal["json"] | None = None,
    ) -> Page[Person]: ...
    @overload
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
        format: Literal["csv"],
    ) -> str: ...
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
        format: Format | None = None,  # noqa: A002
    ) -> Page[Person] | str:
        """One page of persons, newest first (contract 6.1).

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name, fuzzy: never select deletions by it.
            properties: conditions, which must all hold.
            limit: rows, 1 to 10,000.
            offset: rows to skip; rows shift under offsets, so use `iter` to read every person.
            include_total: ask for `count`, which costs the server a query.
            format: "json", or "csv" for the server's text, up to 32 MiB; it ignores limit and offset. `export_csv` has
                no such bound.

        Returns:
            The page, or the text where the format is "csv".

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.list_persons(
            distinct_id=distinct_id,
            email=email,
            search=search,
            properties=properties,
            limit=limit,
            offset=offset,
            include_total=include_total,
            format=format,
        )
        if format == "csv":
            return await self._core.call(endpoints.in_csv(request))
        return await self._core.call(request)

    def export_csv(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        timeout_s: float | None = None,
    ) -> CsvExport:
        """All persons that match as CSV, in constant memory: a header line, then a line per person (contract 6.1).

        ```python
        async with client.persons.export_csv(email="a@example.com") as export:
            async for block in export:
                file.write(block)
        print(export.rows, export.cut)
        ```

        The server caps the rows, which `CsvExport.cut` tells; `iter` has no cap and misses no person. The request is
        repeated like any read until an answer begins, and never after.

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name, fuzzy: never select deletions by it.
            properties: conditions, which must all hold.
            timeout_s: the longest silence, seconds, also before the first byte; the export as a whole may take any
                time. None is the client's.

        Returns:
            An export that is not open yet.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ConnectionLost: the answer broke off.
            TimedOut: the server was silent for too long.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.export_persons(
            distinct_id=distinct_id, email=email, search=search, properties=properties, timeout_s=timeout_s
        )
        count = endpoints.list_persons(
            distinct_id=distinct_id, email=email, search=search, properties=properties, limit=1, include_total=True
        )
        return CsvExport(self._core, request, count)

    def iter_pages(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 100,
    ) -> AsyncGenerator[Page[Person], None]:
        """Every person that matches, page by page; pages may be short or empty (contract 6.1).

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name, fuzzy: never select deletions by it.
            properties: conditions, which must all hold.
            page_size: rows per request, 1 to 10,000.

        Returns:
            Pages, each with the persons that were not on one before.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: rows shift faster than they can be read, or the server leads in circles.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        chosen = Chosen(distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size)
        return pages(self._core, chosen, _PERSONS)

    def iter(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 100,
    ) -> AsyncGenerator[Person, None]:
        """Every person that matches, exactly once, in at most 16 bytes of memory per person.

        A person that is there, unmodified, during the whole listing is yielded once, whatever other persons are
        created or deleted meanwhile (contract 6.1, pagination quirks).

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name, fuzzy: never select deletions by it.
            properties: conditions, which must all hold.
            page_size: rows per request, 1 to 10,000. Where rows shift or cannot be read, some requests ask for more.

        Returns:
            Persons, newest first.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: the listing cannot be read completely, or the server leads in circles.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        chosen = Chosen(distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size)
        return rows(self._core, chosen, _PERSONS)

    def iter_refs(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 1000,
    ) -> AsyncGenerator[PersonRef, None]:
        """Who each person that matches is, exactly once: the quickest way to all UUIDs (contract 6.1).

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name, fuzzy: never select deletions by it.
            properties: conditions, which must all hold.
            page_size: rows per request, 1 to 10,000.

        Returns:
            UUID, creation time and distinct IDs of persons, newest first.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: rows shift faster than they can be read, or the server leads in circles.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        chosen = Chosen(distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size)
        return rows(self._core, chosen, _REFS)

    def iter_raw(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 100,
    ) -> AsyncGenerator[msgspec.Raw, None]:
        """Every person that matches, exactly once, as the JSON object that the server sent (contract 6.1).

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name, fuzzy: never select deletions by it.
            properties: conditions, which must all hold.
            page_size: rows per request, 1 to 10,000.

        Returns:
            JSON objects, newest person first.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: rows shift faster than they can be read, or the server leads in circles.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        chosen = Chosen(distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size)
        return raw_rows(self._core, chosen)

    @overload
    async def get(self, id: PersonId, *, format: Literal["json"] | None = None) -> Person: ...
    @overload
    async def get(self, id: PersonId, *, format: Literal["csv"]) -> str: ...
    async def get(self, id: PersonId, *, format: Format | None = None) -> Person | str:  # noqa: A002
        """One person, with all its distinct IDs (contract 6.2).

        Arguments:
            id: UUID or number of the person; a distinct ID has to be resolved first.
            format: "json", or "csv" for the server's text.

        Returns:
            The person, or the text where the format is "csv".

        Raises:
            InvalidArgument: the ID is none; raised before anything is sent.
            NotFound: there is no such person.
            InvalidResponse: the answer is not this call's, or tells of another person.
            PostHogError: there is no answer, or it is an error.
        """
        request = endpoints.get_person(id, format=format)
        if format == "csv":
            return await self._core.call(endpoints.in_csv(request))
        person = await self._core.call(request)
        if number(id) is None and person.uuid != person_uuid(id):
            problem = "the answer tells of another person than the one that was asked for"
            raise InvalidResponse(200, method=request.method, path=request.path, route=request.route, detail=problem)
        return person
