"""Reads back the deletion rows of persons whose events were queued; many askers share one reading. Decides freshness.

Rows come newest first and are only ever added in front, so the rows of what was just queued are on the first
pages. Whoever asks while a reading is under way joins the next one (waves, promise 19).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from uuid import UUID

import anyio
import msgspec

from asyncclient import DeletionRow, PostHogClient
from bulk.gate import Gate

SKEW_S = 2.0
"""How far the server's clock may be from what its Date header, which has whole seconds, told us (promise 20)."""

PAGE_SIZE = 1000
OVERLAP = 50
ASK_SINGLY_UP_TO = 20
"""Persons without a row among the new ones are asked for one by one up to this many; more are worth reading on."""


class RowState(Enum):
    """What the deletion rows say of one person."""

    FRESH = "a row not older than the first queueing intent, still pending"
    FRESH_COMPLETED = "a row not older than the first queueing intent, completed"
    STALE = "only a pending row from before"
    NONE = "no row that counts"


class _Asker(msgspec.Struct, eq=False):
    wanted: dict[UUID, float]
    found: dict[UUID, RowState]
    done: bool = False


class RowReader:
    """Reads `deletion_status` for everybody who asks.

    Arguments:
        gate: reading is abandoned when it closes.
    """

    def __init__(self, client: PostHogClient, gate: Gate) -> None:
        self._client = client
        self._gate = gate
        self._askers: list[_Asker] = []
        self._reading = anyio.Lock()

    async def read(self, wanted: Mapping[UUID, float]) -> dict[UUID, RowState]:
        """What the rows say of each of these persons.

        Arguments:
            wanted: for each person the server's clock at its first queueing intent, seconds since the epoch.
        """
        asker = _Asker(dict(wanted), {})
        self._askers.append(asker)
        try:
            async with self._reading:
                if not asker.done:
                    await self._serve(list(self._askers))
        finally:
            self._askers.remove(asker)
        return asker.found

    async def _serve(self, askers: list[_Asker]) -> None:
        since: dict[UUID, float] = {}
        for asker in askers:
            since.update(asker.wanted)
        states = await self._newest_first(since)
        for uuid in since.keys() - states.keys():
            states[uuid] = await self._of_one(uuid, since[uuid])
        for asker in askers:
            asker.found.update({uuid: states[uuid] for uuid in asker.wanted})
            asker.done = True

    async def _newest_first(self, since: dict[UUID, float]) -> dict[UUID, RowState]:
        states: dict[UUID, RowState] = {}
        oldest_wanted = min(since.values(), default=0.0) - SKEW_S
        offset = 0
        while len(states) < len(since):
            with self._gate.abandonable():
                page = await self._client.persons.deletion_status(limit=PAGE_SIZE, offset=offset)
            for row in page.results:
                if row.person_uuid in since and row.person_uuid not in states:
                    _take(states, row, since[row.person_uuid])
            if page.next is None or not page.results:
                return {**dict.fromkeys(since, RowState.NONE), **states}
            past = page.results[-1].created_at.timestamp() < oldest_wanted
            if past and len(since) - len(states) <= ASK_SINGLY_UP_TO:
                break
            offset += max(1, len(page.results) - OVERLAP)
        return states

    async def _of_one(self, uuid: UUID, since: float) -> RowState:
        with self._gate.abandonable():
            page = await self._client.persons.deletion_status(person_uuid=uuid, limit=10)
        states: dict[UUID, RowState] = {}
        for row in page.results:
            if row.person_uuid == uuid and uuid not in states:
                _take(states, row, since)
        return states.get(uuid, RowState.NONE)


def _take(states: dict[UUID, RowState], row: DeletionRow, since: float) -> None:
    if (state := judge_row(row.status, row.created_at, since)) is not RowState.NONE:
        states[row.person_uuid] = state


def judge_row(status: str, created_at: datetime, since: float) -> RowState:
    """What one row says (promise 20).

    Arguments:
        status: "pending" or "completed".
        created_at: the row's time by the server's clock.
        since: the server's clock at the person's first queueing intent, seconds since the epoch.
    """
    completed = status == "completed"
    if created_at.timestamp() >= since - SKEW_S:
        return RowState.FRESH_COMPLETED if completed else RowState.FRESH
    return RowState.NONE if completed else RowState.STALE
