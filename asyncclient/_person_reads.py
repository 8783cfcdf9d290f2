"""Persons listed and read: pages, iterators, one person, all as CSV (contract 6.1, 6.2)."""

from collections.abc import AsyncIterator, Sequence
from typing import Literal, overload

import msgspec

from asyncclient import _decoding, _endpoints
from asyncclient._core import Core
from asyncclient._endpoints import Format, PersonId
from asyncclient._exporting import CsvExport
from asyncclient._listing import Chosen, pages, raw_rows, rows
from asyncclient.filters import PropertyFilter
from asyncclient.models import Page, Person, PersonRef, StoredPerson

_PERSON: "msgspec.json.Decoder[Person]" = msgspec.json.Decoder(StoredPerson)
_PERSONS = msgspec.json.Decoder(Page[Person])
_REFS = msgspec.json.Decoder(Page[PersonRef])


class PersonReads:
    """The part of `client.persons` that lists and reads."""

    _core: Core

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
            distinct_id, email: exact matches.
            search: partial match on email or name, fuzzy.
            properties: conditions.
            limit: rows, 1 to 10,000.
            offset: rows to skip; rows shift under offsets, use `iter` to read everybody.
            include_total: ask for `count`, which costs the server a query.
            format: with "csv" the server's text is returned, which heeds neither limit nor offset; up to 32 MiB, for
                more there is `export_csv`.

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
            format=format,
        )
        if format == "csv":
            return _decoding.text(request, await self._core.send(request), self._core.shared.key)
        return await self._core.read(request, _PERSONS)

    def export_csv(
        self,
        *,
        distinct_id: str | None = None,
        email: str | None = None,
        search: str | None = None,
        properties: Sequence[PropertyFilter] = (),
        timeout_s: float | None = None,
    ) -> CsvExport:
        """All persons that match as CSV, in constant memory: one header line, then a line a person (contract 6.1).

        ```python
        async with client.persons.export_csv(email="a@example.com") as export:
            async for block in export:
                file.write(block)
        print(export.rows, export.cut)
        ```

        The server caps the rows, see `CsvExport.cut`; `iter` has no cap and misses nobody. The request is repeated
        like any read until an answer begins, and never after.

        Arguments:
            distinct_id, email, search, properties: as in `list`.
            timeout_s: the longest silence, seconds, also before the first byte; the export as a whole may take any
                time.

        Raises:
            InvalidArgument: before anything is sent.
            ConnectionLost: the answer broke off.
            TimedOut: the server was silent for too long.
            PostHogError: no or no good answer.
        """
        request = _endpoints.export_persons(
            distinct_id=distinct_id, email=email, search=search, properties=properties, timeout_s=timeout_s
        )
        count = _endpoints.list_persons(
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
    ) -> AsyncIterator[Page[Person]]:
        """Every person that matches, page by page; pages may be short or empty. Arguments and errors as `iter`."""
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
        return rows(self._core, chosen, _PERSONS)

    def iter_refs(
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
        return rows(self._core, chosen, _REFS)

    def iter_raw(
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
        return raw_rows(self._core, chosen)

    @overload
    async def get(self, id: PersonId, *, format: Literal["json"] | None = None) -> Person: ...
    @overload
    async def get(self, id: PersonId, *, format: Literal["csv"]) -> str: ...
    async def get(self, id: PersonId, *, format: Format | None = None) -> Person | str:  # noqa: A002
        """One person, with all its distinct ids (contract 6.2).

        Arguments:
            id: UUID or number; a distinct id has to be resolved first.
            format: with "csv" the server's text is returned.

        Raises:
            NotFound: there is no such person.
        """
        request = _endpoints.get_person(id, format=format)
        if format == "csv":
            return _decoding.text(request, await self._core.send(request), self._core.shared.key)
        return await self._core.read(request, _PERSON)
