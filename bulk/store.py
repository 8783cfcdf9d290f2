"""Reads the persons store: who is there, and who owns a distinct id now. Reads only; decides nothing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

import anyio

from asyncclient import MethodNotAllowed, NotFound, PersonRef, PostHogClient, RouteNotFound
from bulk.gate import Gate
from bulk.pool import in_parallel

READ_SIZE = 200
"""Persons a batch read takes; more are cut off silently (contract 6.11)."""

UNKNOWN_ROUTE = (MethodNotAllowed, NotFound, RouteNotFound)
"""What a server that is older than a batch read answers to it (contract 8)."""

T = TypeVar("T")
K = TypeVar("K")


class StoreReader:
    """The persons store as the engine reads it: in batches, and one by one where the server is too old for that.

    Arguments:
        gate: reads are abandoned when it closes.
        readers: reads at once, whoever asks.
    """

    def __init__(self, client: PostHogClient, gate: Gate, *, readers: int) -> None:
        self._client = client
        self._gate = gate
        self._readers = readers
        self._turns = anyio.CapacityLimiter(readers)
        self._in_bulk = True

    async def present(self, uuids: Sequence[UUID]) -> dict[UUID, PersonRef]:
        """The persons among these that the store holds."""
        return await self._read(uuids, self._client.persons.refs_by_uuids, self._person)

    async def owners(self, distinct_ids: Sequence[str]) -> dict[str, PersonRef]:
        """The person that each of these distinct ids belongs to now, where there is one."""
        return await self._read(distinct_ids, self._client.persons.refs_by_distinct_ids, self._owner)

    async def _read(
        self,
        keys: Sequence[K],
        batch: Callable[[Sequence[K]], Awaitable[dict[K, PersonRef]]],
        single: Callable[[K], Awaitable[PersonRef | None]],
    ) -> dict[K, PersonRef]:
        found: dict[K, PersonRef] = {}

        async def read(group: Sequence[K]) -> None:
            async with self._turns:
                with self._gate.abandonable():
                    found.update(await batch(group))

        async def read_one(key: K) -> None:
            async with self._turns:
                with self._gate.abandonable():
                    person = await single(key)
            if person is not None:
                found[key] = person

        if self._in_bulk:
            try:
                await in_parallel(read, chunks(keys, READ_SIZE), workers=self._readers)
            except UNKNOWN_ROUTE:
                self._in_bulk = False
            else:
                return found
        await in_parallel(read_one, keys, workers=self._readers)
        return found

    async def _person(self, uuid: UUID) -> PersonRef | None:
        try:
            person = await self._client.persons.get(uuid)
        except NotFound:
            return None
        return PersonRef(uuid=person.uuid, created_at=person.created_at, distinct_ids=tuple(person.distinct_ids))

    async def _owner(self, distinct_id: str) -> PersonRef | None:
        """The listing finds the person, the store tells whether it is there: the listing lags (contract 6.1)."""
        page = await self._client.persons.list(distinct_id=distinct_id, limit=1)
        for person in page.results:
            return await self._person(person.uuid)
        return None


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """The items in groups of at most `size`, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]
