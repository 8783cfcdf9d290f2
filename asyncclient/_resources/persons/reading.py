"""PersonReads: lists and reads persons as pages, iterators, one by one and as CSV (contract 6.1, 6.2)."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Literal, overload

import msgspec

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import Format, PersonId
from asyncclient._protocol.ids import number, person_uuid
from asyncclient._resources.persons.csv_export import CsvExport
from asyncclient._resources.persons.listing import (
    PERSONS,
    REFS,
    ListingQuery,
    pages,
    raw_rows,
    rows,
)
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import InvalidResponse
from asyncclient.filters import PropertyFilter
from asyncclient.models import Page, Person, PersonRef, UnreadableRow


class PersonReads:
    """The calls of `client.persons` that list and read persons."""

    _pipeline: RequestPipeline

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
        """Return one page of persons, the newest first (contract 6.1).

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name; too loose to select persons for deletion.
            properties: conditions that must all hold.
            limit: rows, 1 to 10,000.
            offset: rows to skip; rows shift between requests, so use `iter` to read every person.
            include_total: also return `count`, which costs the server a query.
            format: "json", or "csv" for the server's text of all rows, up to 32 MiB; `export_csv` has no such bound.

        Returns:
            The page, or the text if the format is "csv".

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
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
            return await self._pipeline.call(endpoints.in_csv(request))
        return await self._pipeline.call(request)

    def export_csv(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        timeout_s: float | None = None,
    ) -> CsvExport:
        """Return a CSV export of all matching persons, in constant memory: a header line, then one line per person.

        ```python
        async with client.persons.export_csv(email="a@example.com") as export:
            async for block in export:
                file.write(block)
        print(export.rows, export.cut)
        ```

        The server caps the number of rows (contract 6.1), which `CsvExport.cut` shows; `iter` has no cap. The request
        is retried like any read until a response begins, and never afterwards.

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name; too loose to select persons for deletion.
            properties: conditions that must all hold.
            timeout_s: the longest silence in seconds, also before the first byte; the whole export may take any time.
                None means the client's timeout.

        Returns:
            An export that is not open yet.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ConnectionLost: the response broke off.
            TimedOut: the server was silent for too long.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.export_persons(
            distinct_id=distinct_id, email=email, search=search, properties=properties, timeout_s=timeout_s
        )
        count = endpoints.list_persons(
            distinct_id=distinct_id, email=email, search=search, properties=properties, limit=1, include_total=True
        )
        return CsvExport(self._pipeline, request, count)

    def iter_pages(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 100,
        on_unreadable: Callable[[UnreadableRow], None] | None = None,
    ) -> AsyncGenerator[Page[Person], None]:
        """Yield all matching persons page by page; pages may be short or empty (contract 6.1).

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name; too loose to select persons for deletion.
            properties: conditions that must all hold.
            page_size: rows per request, 1 to 10,000.
            on_unreadable: called once with each row that cannot be read, which is then left out; without it, such a row
                raises InvalidResponse.

        Returns:
            Pages, each with the persons that were not on an earlier one.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: rows shift faster than they can be read, or the `next` links form a loop.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        query = ListingQuery(
            distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size
        )
        return pages(self._pipeline, query, PERSONS, on_unreadable)

    def iter(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 100,
        on_unreadable: Callable[[UnreadableRow], None] | None = None,
    ) -> AsyncGenerator[Person, None]:
        """Yield every matching person exactly once, with at most 16 bytes of memory per person.

        A person that exists unchanged during the whole listing is yielded once, even if other persons are created or
        deleted meanwhile (contract 6.1, pagination quirks).

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name; too loose to select persons for deletion.
            properties: conditions that must all hold.
            page_size: rows per request, 1 to 10,000. If rows shift or cannot be read, some requests ask for more.
            on_unreadable: called once with each row that cannot be read, which is then left out; without it, such a row
                raises InvalidResponse.

        Returns:
            The persons, the newest first.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: the listing cannot be read completely, or the `next` links form a loop.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        query = ListingQuery(
            distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size
        )
        return rows(self._pipeline, query, PERSONS, on_unreadable)

    def iter_refs(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 1000,
        on_unreadable: Callable[[UnreadableRow], None] | None = None,
    ) -> AsyncGenerator[PersonRef, None]:
        """Yield the identifiers of every matching person exactly once: the fastest way to all UUIDs (contract 6.1).

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name; too loose to select persons for deletion.
            properties: conditions that must all hold.
            page_size: rows per request, 1 to 10,000.
            on_unreadable: called once with each row that cannot be read, which is then left out; without it, such a row
                raises InvalidResponse.

        Returns:
            UUID, creation time and distinct IDs of the persons, the newest first.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: rows shift faster than they can be read, or the `next` links form a loop.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        query = ListingQuery(
            distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size
        )
        return rows(self._pipeline, query, REFS, on_unreadable)

    def iter_raw(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        page_size: int = 100,
        on_unreadable: Callable[[UnreadableRow], None] | None = None,
    ) -> AsyncGenerator[msgspec.Raw, None]:
        """Every person that matches, exactly once, as the JSON object that the server sent (contract 6.1).

        Arguments:
            distinct_id: exact match on any of the person's distinct IDs.
            email: exact match on the property `email`.
            search: partial match on email or name; too loose to select persons for deletion.
            properties: conditions that must all hold.
            page_size: rows per request, 1 to 10,000.
            on_unreadable: called once with each row that cannot be read, which is then left out; without it, such a row
                raises InvalidResponse.

        Returns:
            JSON objects, the newest person first.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            ListingError: rows shift faster than they can be read, or the `next` links form a loop.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        query = ListingQuery(
            distinct_id=distinct_id, email=email, search=search, properties=properties, page_size=page_size
        )
        return raw_rows(self._pipeline, query, on_unreadable)

    @overload
    async def get(self, id: PersonId, *, format: Literal["json"] | None = None) -> Person: ...
    @overload
    async def get(self, id: PersonId, *, format: Literal["csv"]) -> str: ...
    async def get(self, id: PersonId, *, format: Format | None = None) -> Person | str:  # noqa: A002
        """Return one person with all its distinct IDs (contract 6.2).

        Arguments:
            id: UUID or number of the person; resolve a distinct ID first.
            format: "json", or "csv" for the server's text.

        Returns:
            The person, or the text if the format is "csv".

        Raises:
            InvalidArgument: the ID is not valid; raised before anything is sent.
            NotFound: the person does not exist.
            InvalidResponse: the response does not match this call, or is about another person.
            PostHogError: there is no response, or it reports an error.
        """
        request = endpoints.get_person(id, format=format)
        if format == "csv":
            return await self._pipeline.call(endpoints.in_csv(request))
        person = await self._pipeline.call(request)
        if number(id) is None and person.uuid != person_uuid(id):
            problem = "the response is about another person than the requested one"
            raise InvalidResponse(200, method=request.method, path=request.path, route=request.route, detail=problem)
        return person
