"""Reads back the deletion rows of persons whose events were queued; many askers share one reading. Decides freshness.

Rows come newest first and are only ever added in front, so the rows of what was just queued are on the first
pages. Whoever asks while a reading is under way joins the next one (waves, promise 19).
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from enum import Enum
from uuid import UUID

import anyio
import msgspec

from asyncclient import DeletionRow, DeletionStatus, PostHogClient
from bulk.gate import Gate
from bulk.pool import in_parallel

SKEW_S = 2.0
"""How far the server's clock may be from what its Date header, which has whole seconds, told us (promise 20)."""

PAGE_SIZE = 1000
OVERLAP = 50
ROWS_KEPT = 20_000
"""Rows that were read for one asker and may be another's."""
SINGLES_A_PAGE = 20
"""So many persons still without a row are worth one more page of older rows; after that each is asked for singly."""
SINGLES_AT_ONCE = 4


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
        self._seen: dict[int, DeletionRow] = {}

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

    async def completed(self, oldest: float) -> AsyncIterator[list[DeletionRow]]:
        """Pages of completed rows, newest first, that are not older than an instant of the server's clock."""
        async for page in self._pages(oldest, "completed"):
            yield page

    async def _serve(self, askers: list[_Asker]) -> None:
        since: dict[UUID, float] = {}
        for asker in askers:
            since.update(asker.wanted)
        states = await self._newest_first(since)
        for asker in askers:
            asker.found.update({uuid: states[uuid] for uuid in asker.wanted})
            asker.done = True

    async def _newest_first(self, since: dict[UUID, float]) -> dict[UUID, RowState]:
        states = self._known(since)
        if len(states) == len(since):
            return states
        wanted = {uuid.int: uuid for uuid in since if uuid not in states}
        oldest = min(since.values(), default=0.0) - SKEW_S
        pages_past = 0
        async for page in self._pages(float("-inf"), "all"):
            for row in page:
                key = row.person_uuid.int
                if len(self._seen) < ROWS_KEPT:
                    self._seen.setdefault(key, row)
                if key in wanted and _take(states, row, since[row.person_uuid]):
                    del wanted[key]
            missing = len(wanted)
            pages_past += page[-1].created_at.timestamp() < oldest
            if not missing or missing <= SINGLES_A_PAGE * pages_past:
                break
        else:
            return {**dict.fromkeys(since, RowState.NONE), **states}

        async def ask(uuid: UUID) -> None:
            states[uuid] = await self._of_one(uuid, since[uuid])

        await in_parallel(ask, since.keys() - states.keys(), workers=SINGLES_AT_ONCE)
        return states

    def _known(self, since: dict[UUID, float]) -> dict[UUID, RowState]:
        """What rows that were read for others prove: a fresh row stays one. Anything else has to be read anew."""
        states: dict[UUID, RowState] = {}
        for uuid, first in since.items():
            row = self._seen.pop(uuid.int, None)
            if row is not None:
                _take(states, row, first)
                if states.get(uuid) is RowState.STALE:
                    del states[uuid]
        if len(self._seen) >= ROWS_KEPT:
            self._seen.clear()
        return states

    async def _pages(self, oldest: float, status: DeletionStatus) -> AsyncIterator[list[DeletionRow]]:
        """Pages that overlap, since rows are added in front, up to the end or the first one past an instant."""
        offset = 0
        while True:
            with self._gate.abandonable():
                page = await self._client.persons.deletion_status(status=status, limit=PAGE_SIZE, offset=offset)
            rows = page.results
            if rows:
                yield rows
            if page.next is None or not rows or rows[-1].created_at.timestamp() < oldest:
                return
            offset += max(1, len(rows) - min(OVERLAP, len(rows) // 2))

    async def _of_one(self, uuid: UUID, since: float) -> RowState:
        with self._gate.abandonable():
            page = await self._client.persons.deletion_status(person_uuid=uuid, limit=10)
        states: dict[UUID, RowState] = {}
        for row in page.results:
            if row.person_uuid == uuid and uuid not in states:
                _take(states, row, since)
        return states.get(uuid, RowState.NONE)


def _take(states: dict[UUID, RowState], row: DeletionRow, since: float) -> bool:
    """Note what a row says of its person, unless that is nothing."""
    state = judge_row(row.status, row.created_at, since)
    if state is RowState.NONE:
        return False
    states[row.person_uuid] = state
    return True


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
