"""Finds the persons that have any of some properties, null-valued ones too. Reads only.

The listing's `is_set` misses nulls (contract 12). The query names all holders, whom the store then tells more of;
where a listing of everybody takes fewer requests, or the key may not query, everybody is listed and looked at.
"""

from collections.abc import AsyncIterator, Sequence

import msgspec

from asyncclient import ApiStatusError, ListingError, PersonRef, PostHogClient
from bulk.store import READ_SIZE, StoreReader, chunks, who

LISTED_A_PAGE = 1000
NOT_ALLOWED = "the key lacks the scope query:read"
NOT_ANSWERED = "the server does not answer the query"
UNSEEN = "properties that this key may not see"


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


async def choose(client: PostHogClient, keys: Sequence[str]) -> Discovery:
    """The way that takes fewer requests, of those that this key and server allow."""
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


async def by_query(client: PostHogClient, store: StoreReader, keys: Sequence[str]) -> AsyncIterator[list[PersonRef]]:
    """The holders that the query names and the store has, page by page."""
    async for page in client.query.iter_person_uuids_having(keys):
        for uuids in chunks(page, READ_SIZE * 5):
            present = (await store.present(uuids)).persons
            yield [who(present[uuid]) for uuid in uuids if uuid in present]
