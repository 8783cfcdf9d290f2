"""Reads a whole listing page by page, for all iterators over persons (guarantee 15).

`OffsetPager` chooses the requests and the pipeline sends them.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from asyncclient._protocol import endpoints
from asyncclient._protocol.http import Request
from asyncclient._protocol.paging.offset_pager import OffsetPager
from asyncclient._protocol.responses import reading
from asyncclient._protocol.responses.expectations import Json
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.filters import PropertyFilter
from asyncclient.models import Page, Person, PersonRef

T = TypeVar("T", Person, PersonRef)

_RAWS = msgspec.json.Decoder(Page[msgspec.Raw])
_REF = msgspec.json.Decoder(PersonRef)


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


class _RawPerson(msgspec.Struct, frozen=True):
    """A person as the server sent it, with the UUID that the pager needs."""

    uuid: UUID
    raw: msgspec.Raw


async def pages(
    pipeline: RequestPipeline, query: ListingQuery, decoder: "msgspec.json.Decoder[Page[T]]"
) -> AsyncGenerator[Page[T], None]:
    """Yield each page, with the rows that were not yielded before."""
    pager: OffsetPager[T] = OffsetPager(query.page_size)
    while (page_request := pager.request) is not None:
        yield await _page(pipeline, query.request(limit=page_request.limit, offset=page_request.offset), decoder, pager)


async def rows(
    pipeline: RequestPipeline, query: ListingQuery, decoder: "msgspec.json.Decoder[Page[T]]"
) -> AsyncGenerator[T, None]:
    """Yield each row once. No page is kept in memory while the next one is read."""
    pager: OffsetPager[T] = OffsetPager(query.page_size)
    while (page_request := pager.request) is not None:
        page = _page(pipeline, query.request(limit=page_request.limit, offset=page_request.offset), decoder, pager)
        for row in (await page).results:
            yield row


async def raw_rows(pipeline: RequestPipeline, query: ListingQuery) -> AsyncGenerator[msgspec.Raw, None]:
    """Yield each person's JSON object once, byte for byte."""
    pager: OffsetPager[_RawPerson] = OffsetPager(query.page_size)
    while (page_request := pager.request) is not None:
        request = query.request(limit=page_request.limit, offset=page_request.offset).expecting(Json(decoder=_RAWS))
        response = await pipeline.send(request)
        page = reading.read(request, response, pipeline.shared.key)
        found = []
        for raw in page.results:
            ref = reading.decode_part(request, response, raw, _REF)
            found.append(_RawPerson(ref.uuid, raw))
        for row in pager.feed(found, page.next):
            yield row.raw


async def _page(
    pipeline: RequestPipeline, request: Request[Any], decoder: "msgspec.json.Decoder[Page[T]]", pager: OffsetPager[T]
) -> Page[T]:
    page = await pipeline.read(request, decoder)
    return msgspec.structs.replace(page, results=pager.feed(page.results, page.next))
