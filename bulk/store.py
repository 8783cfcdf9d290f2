"""Reads the persons store: who is there, and who owns a distinct id now. Reads only; decides nothing."""

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

import anyio
import msgspec

from asyncclient import (
    ClientEvent,
    InvalidResponse,
    MethodNotAllowed,
    NotFound,
    OnlyProperties,
    Person,
    PersonRef,
    PostHogClient,
    RequestFinished,
    RouteNotFound,
)
from bulk.gate import Gate
from bulk.pool import in_parallel

READ_SIZE = 200
"""Persons a batch read takes; more are cut off silently (contract 6.11)."""

UNKNOWN_ROUTE = (MethodNotAllowed, NotFound, RouteNotFound)
"""What a server that is older than a batch read answers to it (contract 8)."""

Known = PersonRef | Person
"""A person as it was read: who it is, and with its properties where those matter."""

T = TypeVar("T")
K = TypeVar("K")
P = TypeVar("P", PersonRef, Known)


class Sighting(msgspec.Struct, Generic[K, P], frozen=True):
    """Persons as they were read, by what they were asked for.

    Arguments:
        asked_at: when the oldest of the answers was asked for, by the event loop's clock: when that request left, not
            when it began to wait for its rate limit's leave.
    """

    persons: dict[K, P]
    asked_at: float


class AskedAt:
    """Listens to a read, and notes when the request that was answered last had left."""

    def __init__(self) -> None:
        self.at = math.inf

    def __call__(self, event: ClientEvent) -> None:
        if isinstance(event, RequestFinished):
            self.at = anyio.current_time() - event.elapsed_s


class StoreReader:
    """The persons store as the engine reads it: in batches, and one by one where the server is too old for that.

    Arguments:
        gate: reads are abandoned when it closes.
        readers: reads at once, whoever asks.
        keys: properties to read persons with; a person has many, and a few of them matter.
    """

    def __init__(self, client: PostHogClient, gate: Gate, *, readers: int, keys: Sequence[str] = ()) -> None:
        self._client = client
        self._only = OnlyProperties(keys) if keys else None
        self._gate = gate
        self._readers = readers
        self._turns = anyio.CapacityLimiter(readers)
        self._in_bulk = True

    async def present(self, uuids: Sequence[UUID]) -> Sighting[UUID, Known]:
        """The persons among these that the store holds."""
        return await self._read(uuids, self._batch, _person)

    async def _batch(self, client: PostHogClient, uuids: Sequence[UUID]) -> dict[UUID, Known]:
        if self._only is not None:
            return {**await client.persons.batch_by_uuids(uuids, only=self._only)}
        return {**await client.persons.refs_by_uuids(uuids)}

    async def owners(self, distinct_ids: Sequence[str]) -> dict[str, PersonRef]:
        """The person that each of these distinct ids belongs to now, where there is one."""
        return (await self._read(distinct_ids, _refs_by_distinct_ids, _owner)).persons

    async def _read(
        self,
        keys: Sequence[K],
        batch: Callable[[PostHogClient, Sequence[K]], Awaitable[dict[K, P]]],
        single: Callable[[PostHogClient, K], Awaitable[P | None]],
    ) -> Sighting[K, P]:
        found: dict[K, P] = {}
        oldest = math.inf

        async def ask(reading: Callable[[PostHogClient], Awaitable[T]]) -> T:
            nonlocal oldest
            asked = AskedAt()
            async with self._turns:
                with self._gate.abandonable():
                    answer = await reading(self._client.observed(asked))
            oldest = min(oldest, asked.at)
            return answer

        async def read(group: Sequence[K]) -> None:
            try:
                found.update(await ask(lambda client: batch(client, group)))
            except InvalidResponse:  # larger than an answer may be: persons with very many properties
                if len(group) == 1:
                    raise
                await read(group[: len(group) // 2])
                await read(group[len(group) // 2 :])

        async def read_one(key: K) -> None:
            person = await ask(lambda client: single(client, key))
            if person is not None:
                found[key] = person

        if self._in_bulk:
            groups = chunks(keys, READ_SIZE)
            try:
                await in_parallel(read, groups, workers=min(self._readers, len(groups)))
            except UNKNOWN_ROUTE:
                self._in_bulk = False
            else:
                return Sighting(found, oldest)
        await in_parallel(read_one, keys, workers=self._readers)
        return Sighting(found, oldest)


async def _person(client: PostHogClient, uuid: UUID) -> Known | None:
    try:
        return await client.persons.get(uuid)
    except NotFound:
        return None


async def _refs_by_distinct_ids(client: PostHogClient, distinct_ids: Sequence[str]) -> dict[str, PersonRef]:
    return await client.persons.refs_by_distinct_ids(distinct_ids)


async def _owner(client: PostHogClient, distinct_id: str) -> PersonRef | None:
    """The listing finds the person, the store tells whether it is there: the listing lags (contract 6.1)."""
    page = await client.persons.list(distinct_id=distinct_id, limit=1)
    for listed in page.results:
        person = await _person(client, listed.uuid)
        return None if person is None else who(person)
    return None


def who(person: Known) -> PersonRef:
    """Who a person is, and no more."""
    if isinstance(person, PersonRef):
        return person
    return PersonRef(uuid=person.uuid, created_at=person.created_at, distinct_ids=tuple(person.distinct_ids))


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """The items in groups of at most `size`, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]
