"""Finds the persons that have any of some properties, null-valued ones too. Reads only.

The listing's `is_set` misses nulls (contract 12). The query names the persons that have the
properties, which are then read from the store. Where a listing of all persons takes fewer requests, or the key may not
query, all persons are listed and checked.
"""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import anyio
import msgspec

from asyncclient import ApiStatusError, ListingError, PersonRef, PostHogClient
from bulk.posthog import person_reader
from bulk.posthog.person_reader import READ_SIZE, PersonReader, chunks
from bulk.posthog.person_reads import Absent, Present, Unread, to_ref

LISTED_A_PAGE = 1000
MOST_OPEN = 10_000
"""Persons that an answer left out, before they are read a second time together."""
MOST_LOOKS = 3
"""Reads after the first one, before a person counts as unread."""
NOT_ALLOWED = "the key lacks the scope query:read"
NOT_ANSWERED = "the server does not answer the query"
UNSEEN = "properties that this key cannot read"


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """How holders are found.

    Arguments:
        by: "query" or "listing".
        why: the reason for a listing, as a sentence without a full stop.
        may_miss: what is not found this way.
    """

    by: str
    why: str
    may_miss: str


class Holders(msgspec.Struct, frozen=True):
    """What one step of the query found.

    Arguments:
        persons: have one of the properties, as the query says, and were read from the store.
        gone: persons that the query names and the store no longer has.
        unread: persons that the query names and that could not be read.
    """

    persons: list[PersonRef]
    gone: int = 0
    unread: int = 0


async def choose(client: PostHogClient, keys: Sequence[str]) -> Discovery:
    """Choose query or listing, whichever takes fewer requests and this key and server allow."""
    holders = 0
    try:
        async for page in client.query.iter_person_uuids_having(keys):
            holders += len(page)
        everybody = (await client.persons.list(limit=1, include_total=True)).count
    except (ApiStatusError, ListingError) as error:
        why = NOT_ALLOWED if isinstance(error, ApiStatusError) and error.status == 403 else NOT_ANSWERED
        return Discovery(by="listing", why=why, may_miss=UNSEEN)
    if everybody is not None and holders / READ_SIZE > everybody / LISTED_A_PAGE:
        return Discovery(by="listing", why=f"{holders:,} persons have them, of {everybody:,}", may_miss=UNSEEN)
    return Discovery(by="query", why=f"{holders:,} persons have them", may_miss="changes of the last minutes")


async def by_query(client: PostHogClient, reader: PersonReader, keys: Sequence[str]) -> AsyncIterator[Holders]:
    """The holders that the query names and the store has, page by page.

    Those that one answer leaves out are read again some seconds later, and come last.
    """
    open_uuids: list[UUID] = []
    async for page in client.query.iter_person_uuids_having(keys):
        for uuids in chunks(page, READ_SIZE * 5):
            holders, still_open = await _read(reader, uuids)
            yield holders
            open_uuids += still_open
            if len(open_uuids) >= MOST_OPEN:
                yield await _read_again(reader, open_uuids)
                open_uuids = []
    yield await _read_again(reader, open_uuids)


async def _read_again(reader: PersonReader, uuids: Sequence[UUID]) -> Holders:
    persons: list[PersonRef] = []
    gone = 0
    for _ in range(MOST_LOOKS):
        if not uuids:
            break
        await anyio.sleep(person_reader.CONFIRM_AFTER_S)
        found, uuids = await _read(reader, uuids)
        persons += found.persons
        gone += found.gone
    return Holders(persons, gone=gone, unread=len(uuids))


async def _read(reader: PersonReader, uuids: Sequence[UUID]) -> tuple[Holders, Sequence[UUID]]:
    """The persons that are there, and the UUIDs for which that is not known yet."""
    results = (await reader.fetch_by_uuid(dict.fromkeys(uuids))).results
    present = [to_ref(result.person) for result in results.values() if isinstance(result, Present)]
    gone = sum(isinstance(result, Absent) for result in results.values())
    return Holders(present, gone=gone), [uuid for uuid, result in results.items() if isinstance(result, Unread)]
