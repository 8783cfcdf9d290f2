"""Reads a whole listing page by page: the one loop behind all iterators over persons (guarantee 15).

`OffsetPager` chooses the requests, the core sends them.
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


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to list: filters, ANDed."""

    distinct_id: str | None = None
    email: str | None = None
    search: str | None = None
    properties: Sequence[PropertyFilter] = ()
    page_size: int = 100

    def request(self, *, limit: int, offset: int) -> Request[Page[Person]]:
        """The request for one page."""
        return endpoints.list_persons(
            distinct_id=self.distinct_id,
            email=self.email,
            search=self.search,
            properties=self.properties,
            limit=limit,
            offset=offset,
        )


class _RawPerson(msgspec.Struct, frozen=True):
    """A person as the server sent it, with what paging needs."""

    uuid: UUID
    raw: msgspec.Raw


async def pages(
    core: RequestPipeline, chosen: Chosen, decoder: "msgspec.json.Decoder[Page[T]]"
) -> AsyncGenerator[Page[T], None]:
    """Each page, with those of its rows that were not yielded before."""
    pager: OffsetPager[T] = OffsetPager(chosen.page_size)
    while (asked := pager.request) is not None:
        yield await _page(core, chosen.request(limit=asked.limit, offset=asked.offset), decoder, pager)


async def rows(
    core: RequestPipeline, chosen: Chosen, decoder: "msgspec.json.Decoder[Page[T]]"
) -> AsyncGenerator[T, None]:
    """Each row, once. No page is held while the next one is read."""
    pager: OffsetPager[T] = OffsetPager(chosen.page_size)
    while (asked := pager.request) is not None:
        page = _page(core, chosen.request(limit=asked.limit, offset=asked.offset), decoder, pager)
        for row in (await page).results:
            yield row


async def raw_rows(core: RequestPipeline, chosen: Chosen) -> AsyncGenerator[msgspec.Raw, None]:
    """Each person's object, byte for byte."""
    pager: OffsetPager[_RawPerson] = OffsetPager(chosen.page_size)
    while (asked := pager.request) is not None:
        request = chosen.request(limit=asked.limit, offset=asked.offset).expecting(Json(decoder=_RAWS))
        response = await core.send(request)
        page = reading.read(request, response, core.shared.key)
        found = []
        for raw in page.results:
            ref = reading.part(request, response, raw, _REF)
            found.append(_RawPerson(ref.uuid, raw))
        for row in pager.feed(found, page.next):
            yield row.raw


async def _page(
    core: RequestPipeline, request: Request[Any], decoder: "msgspec.json.Decoder[Page[T]]", pager: OffsetPager[T]
) -> Page[T]:
    page = await core.read(request, decoder)
    return msgspec.structs.replace(page, results=pager.feed(page.results, page.next))
