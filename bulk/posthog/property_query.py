"""Finds the persons that have any of some properties, including properties whose value is null. Reads only.

The `is_set` filter of a listing misses nulls (contract 12). A HogQL query returns the UUIDs of the persons that
have the properties, and those persons are then read from the store. Where a listing of all persons takes fewer
requests, or the key must not query, the caller lists all persons and checks each.
"""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from uuid import UUID

import msgspec

from asyncclient import ApiStatusError, IntermediaryError, ListingError, PermissionDenied, PostHogClient, PostHogError
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped
from bulk.formatting import count_of
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Absent, Known, Present, Unread
from bulk.posthog.rereads import read_until_known

PAGE_SIZE = 1000
MAX_OPEN = 10_000
"""Persons that responses left out, before they are read again together."""
NOT_ALLOWED = "the key lacks the scope query:read"
QUERY_FAILED = "the server cannot run the query"
QUERY_REFUSED = "a proxy or firewall in front of PostHog refuses the query"
UNREADABLE = "properties that this key cannot read"


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """How the persons that have a property are found.

    Arguments:
        by: "query" or "listing".
        why: the reason, as a sentence without a full stop.
        may_miss: what is not found this way.
    """

    by: str
    why: str
    may_miss: str


class QueriedPersons(msgspec.Struct, frozen=True):
    """The persons of some UUIDs that a query or a listing returned.

    Arguments:
        persons: those that the store has.
        gone: how many the store no longer has.
        unread: how many could not be read.
    """

    persons: list[Known]
    gone: int = 0
    unread: int = 0


async def choose_discovery(client: PostHogClient, keys: Sequence[str]) -> Discovery:
    """Choose the query or a listing: the one that takes fewer requests and that this key and server allow."""
    having = 0
    try:
        async for page in client.query.iter_person_uuids_having(keys):
            having += len(page)
        total = (await client.persons.list(limit=1, include_total=True)).count
    except (ApiStatusError, ListingError) as error:
        return Discovery(by="listing", why=why_not(error), may_miss=UNREADABLE)
    if total is not None and having / READ_SIZE > total / PAGE_SIZE:
        return Discovery(
            by="listing",
            why=f"a query would take more requests, because {having:,} of {total:,} persons have them",
            may_miss=UNREADABLE,
        )
    return Discovery(
        by="query",
        why=f"{count_of(having, 'person')} {'has' if having == 1 else 'have'} them",
        may_miss="changes of the last minutes",
    )


def why_not(error: PostHogError | None) -> str:
    """Return why a query was not possible; None stands for a result that cannot be used."""
    if isinstance(error, IntermediaryError):
        return QUERY_REFUSED
    return NOT_ALLOWED if isinstance(error, PermissionDenied) else QUERY_FAILED


async def iter_queried_persons(
    client: PostHogClient, reader: PersonReader, keys: Sequence[str], gate: StopGate
) -> AsyncIterator[QueriedPersons]:
    """Yield the persons that the query returns and the store has, page by page.

    Persons that one response leaves out are read again some seconds later, and come last.
    """
    open_uuids: list[UUID] = []
    async for page in client.query.iter_person_uuids_having(keys):
        for uuids in grouped(page, READ_SIZE * 5):
            found, still_open = await _read(reader, uuids)
            yield found
            open_uuids += still_open
            if len(open_uuids) >= MAX_OPEN:
                yield await _read_again(reader, open_uuids, gate)
                open_uuids = []
    yield await _read_again(reader, open_uuids, gate)


async def read_stored(reader: PersonReader, uuids: Sequence[UUID], gate: StopGate) -> QueriedPersons:
    """Return the persons of UUIDs that the store has; those that one response leaves out are read again.

    Raises:
        PostHogError: no read succeeds, or the server refuses the key.
        Stopped: the gate closed.
    """
    persons: list[Known] = []
    gone, open_uuids = 0, list[UUID]()
    for part in grouped(uuids, READ_SIZE * 5):
        found, still_open = await _read(reader, part)
        persons += found.persons
        gone += found.gone
        open_uuids += still_open
    last = await _read_again(reader, open_uuids, gate)
    return QueriedPersons(persons + last.persons, gone=gone + last.gone, unread=last.unread)


async def _read_again(reader: PersonReader, uuids: Sequence[UUID], gate: StopGate) -> QueriedPersons:
    found, unread = await read_until_known(partial(_read, reader), uuids, gate)
    persons = [person for each in found for person in each.persons]
    return QueriedPersons(persons, gone=sum(each.gone for each in found), unread=len(unread))


async def _read(reader: PersonReader, uuids: Sequence[UUID]) -> tuple[QueriedPersons, Sequence[UUID]]:
    """Return the persons that the store has, and the UUIDs for which that is not known yet."""
    results = (await reader.fetch_by_uuid(dict.fromkeys(uuids))).results
    present = [result.person for result in results.values() if isinstance(result, Present)]
    gone = sum(isinstance(result, Absent) for result in results.values())
    return QueriedPersons(present, gone=gone), [uuid for uuid, result in results.items() if isinstance(result, Unread)]
