"""Reads the persons store: who is there, and who owns a distinct id now. Reads only; decides nothing."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from asyncclient import NotFound, PersonRef, PostHogClient
from bulk.gate import Gate
from bulk.pool import in_parallel

READ_SIZE = 200
"""Persons a batch read takes; more are cut off silently (contract 6.11)."""

T = TypeVar("T")


class StoreReader:
    """The persons store as the engine reads it.

    Arguments:
        gate: reads are abandoned when it closes.
        in_bulk: whether the server knows batch_by_uuids; otherwise persons are retrieved one by one.
    """

    def __init__(self, client: PostHogClient, gate: Gate, *, in_bulk: bool = True) -> None:
        self._client = client
        self._gate = gate
        self._in_bulk = in_bulk

    async def present(self, uuids: Sequence[UUID]) -> dict[UUID, PersonRef]:
        """The persons among these that the store holds."""
        found: dict[UUID, PersonRef] = {}
        if self._in_bulk:

            async def read(group: Sequence[UUID]) -> None:
                with self._gate.abandonable():
                    found.update(await self._client.persons.refs_by_uuids(group))

            await in_parallel(read, chunks(uuids, READ_SIZE))
        else:

            async def read_one(uuid: UUID) -> None:
                with self._gate.abandonable():
                    try:
                        person = await self._client.persons.get(uuid)
                    except NotFound:
                        return
                    found[uuid] = PersonRef(
                        uuid=person.uuid, created_at=person.created_at, distinct_ids=person.distinct_ids
                    )

            await in_parallel(read_one, uuids)
        return found

    async def owners(self, distinct_ids: Sequence[str]) -> dict[str, UUID]:
        """The person that each of these distinct ids belongs to now, where there is one."""
        found: dict[str, UUID] = {}
        if self._in_bulk:

            async def read(group: Sequence[str]) -> None:
                with self._gate.abandonable():
                    persons = await self._client.persons.refs_by_distinct_ids(group)
                found.update({distinct_id: person.uuid for distinct_id, person in persons.items()})

            await in_parallel(read, chunks(distinct_ids, READ_SIZE))
        else:

            async def read_one(distinct_id: str) -> None:
                with self._gate.abandonable():
                    page = await self._client.persons.list(distinct_id=distinct_id, limit=1)
                for person in page.results:
                    found[distinct_id] = person.uuid

            await in_parallel(read_one, distinct_ids)
        return found


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """The items in groups of at most `size`, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]
