"""Reads a whole listing page by page: the one loop behind all iterators over persons (promise 15).

What to ask next is `_paging`'s business, how to send is the core's.
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from asyncclient import _endpoints
from asyncclient._core import Core
from asyncclient._http import Request
from asyncclient._paging import Paging
from asyncclient._protocol import answers
from asyncclient._protocol.expectations import Json
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
        return _endpoints.list_persons(
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
    created_at: datetime
    raw: msgspec.Raw


async def pages(core: Core, chosen: Chosen, decoder: "msgspec.json.Decoder[Page[T]]") -> AsyncGenerator[Page[T], None]:
    """Each page, with those of its rows that were not yielded before."""
    paging: Paging[T] = Paging(chosen.page_size)
    while (ask := paging.ask) is not None:
        yield await _page(core, chosen.request(limit=ask.limit, offset=ask.offset), decoder, paging)


async def rows(core: Core, chosen: Chosen, decoder: "msgspec.json.Decoder[Page[T]]") -> AsyncGenerator[T, None]:
    """Each row, once. No page is held while the next one is read."""
    paging: Paging[T] = Paging(chosen.page_size)
    while (ask := paging.ask) is not None:
        page = _page(core, chosen.request(limit=ask.limit, offset=ask.offset), decoder, paging)
        for row in (await page).results:
            yield row


async def raw_rows(core: Core, chosen: Chosen) -> AsyncGenerator[msgspec.Raw, None]:
    """Each person's object, byte for byte."""
    paging: Paging[_RawPerson] = Paging(chosen.page_size)
    while (ask := paging.ask) is not None:
        asked = chosen.request(limit=ask.limit, offset=ask.offset).expecting(Json(decoder=_RAWS))
        response = await core.send(asked)
        page = answers.read(asked, response, core.shared.key)
        found = []
        for raw in page.results:
            ref = answers.part(asked, response, raw, _REF)
            found.append(_RawPerson(ref.uuid, ref.created_at, raw))
        for row in paging.feed(found, page.next):
            yield row.raw


async def _page(
    core: Core, request: Request[Any], decoder: "msgspec.json.Decoder[Page[T]]", paging: Paging[T]
) -> Page[T]:
    page = await core.read(request, decoder)
    return msgspec.structs.replace(page, results=paging.feed(page.results, page.next))
