"""Reads a whole listing page by page, for all iterators over persons (guarantee 15).

`OffsetPager` chooses the requests and the pipeline sends them.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec

from asyncclient._protocol import endpoints
from asyncclient._protocol.http import Request
from asyncclient._protocol.paging.offset_pager import OffsetPager
from asyncclient._protocol.responses.expectations import Json
from asyncclient._protocol.responses.page_rows import PageRows, RawPage, raw_row, row_decoder
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.errors import PostHogError
from asyncclient.filters import PropertyFilter
from asyncclient.models import Page, Person, PersonRef, RawPerson, UnreadableRow
from asyncclient.retry import took_too_long

T = TypeVar("T", Person, PersonRef, RawPerson)

OnUnreadable = Callable[[UnreadableRow], None]


class RowFormat(msgspec.Struct, Generic[T], frozen=True):
    """How the rows of a listing are decoded: a whole page at once, or one by one."""

    page: Json[Any]
    row: Callable[[bytes], T]


PERSONS = RowFormat(Json(decoder=msgspec.json.Decoder(Page[Person])), row_decoder(msgspec.json.Decoder(Person)))
REFS = RowFormat(Json(decoder=msgspec.json.Decoder(Page[PersonRef])), row_decoder(msgspec.json.Decoder(PersonRef)))
RAWS = RowFormat(RawPage(decoder=msgspec.json.Decoder(Page[msgspec.Raw])), raw_row)


class ListingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of a listing, which must all hold, and its page size."""

    distinct_id: str | None = None
    email: str | None = None
    search: str | None = None
    properties: Sequence[PropertyFilter] = ()
    page_size: int = 100

    def request(self, *, limit: int, offset: int) -> Request[Page[Person]]:
        """Return the request for one page."""
        return endpoints.list_persons(
            distinct_id=self.distinct_id,
            email=self.email,
            search=self.search,
            properties=self.properties,
            limit=limit,
            offset=offset,
        )


class _Pages(Generic[T]):
    """The pages of one listing, each with the rows that no earlier one had.

    Arguments:
        on_unreadable: called once with each row that cannot be read; without it, such a row is an error.
    """

    def __init__(
        self,
        pipeline: RequestPipeline,
        query: ListingQuery,
        row_format: RowFormat[T],
        on_unreadable: OnUnreadable | None,
    ) -> None:
        self._pipeline = pipeline
        self._query = query
        self._format: RowFormat[T] = row_format
        self._on_unreadable = on_unreadable
        self._pager: OffsetPager[Any] = OffsetPager(query.page_size)
        self._nameless: set[bytes] = set()

    @property
    def ended(self) -> bool:
        return self._pager.request is None

    async def read(self) -> Page[T]:
        """Return the next page; a smaller one in place of one that takes too long."""
        while True:
            try:
                page = await self._request()
                break
            except PostHogError as error:
                if not (self._shrinks and took_too_long(error)):
                    raise
            self._pager.shrink()
        rows = self._pager.feed([row for row in page.results if row.uuid is not None or self._emit(row)], page.next)
        return msgspec.structs.replace(page, results=[row for row in rows if self._is_readable(row)])

    @property
    def _shrinks(self) -> bool:
        """Whether a smaller page follows one that takes too long: that is a retry, which the policy must allow."""
        return self._pager.can_shrink and self._pipeline.policy.attempts > 1

    async def _request(self) -> Page[Any]:
        requested = self._pager.request
        assert requested is not None, "the listing is over"
        request = self._query.request(limit=requested.limit, offset=requested.offset)
        success: Any = self._format.page
        if self._on_unreadable is not None:
            success = PageRows(whole=self._format.page, row=self._format.row, offset=requested.offset)
        request = msgspec.structs.replace(request, shrinks=self._shrinks)
        return await self._pipeline.call(request.expecting(success))

    def _is_readable(self, row: T | UnreadableRow) -> bool:
        if isinstance(row, UnreadableRow):
            assert self._on_unreadable is not None
            self._on_unreadable(row)
            return False
        return True

    def _emit(self, row: UnreadableRow) -> bool:
        """Tell of a row without a UUID, unless an overlapping page had it too; the pager cannot use it."""
        digest = blake2b(row.raw, digest_size=16).digest()
        if digest not in self._nameless:
            self._nameless.add(digest)
            self._is_readable(row)
        return False


async def pages(
    pipeline: RequestPipeline,
    query: ListingQuery,
    row_format: RowFormat[T],
    on_unreadable: OnUnreadable | None = None,
) -> AsyncGenerator[Page[T], None]:
    """Yield each page, with the rows that were not yielded before."""
    listing = _Pages(pipeline, query, row_format, on_unreadable)
    while not listing.ended:
        yield await listing.read()


async def rows(
    pipeline: RequestPipeline,
    query: ListingQuery,
    row_format: RowFormat[T],
    on_unreadable: OnUnreadable | None = None,
) -> AsyncGenerator[T, None]:
    """Yield each row once. No page is kept in memory while the next one is read."""
    listing = _Pages(pipeline, query, row_format, on_unreadable)
    while not listing.ended:
        for row in (await listing.read()).results:
            yield row


async def raw_rows(
    pipeline: RequestPipeline, query: ListingQuery, on_unreadable: OnUnreadable | None = None
) -> AsyncGenerator[msgspec.Raw, None]:
    """Yield each person's JSON object once, byte for byte."""
    async for row in rows(pipeline, query, RAWS, on_unreadable):
        yield row.raw
