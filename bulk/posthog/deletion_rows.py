"""Reads the deletion rows of persons whose events were queued, and classifies them by their own time.

A row covers the events up to its own time, no matter which request made it. So each question about a row is one
comparison of its time with the time that is needed. Rows come newest first, so the rows of persons that were just
queued are on the first pages. Callers that ask while a read is under way share the next one.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from uuid import UUID

import anyio
import msgspec

from asyncclient import DeletionRow, DeletionStatus, ListingError, PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import run_workers
from bulk.states import FastEnum

PAGE_SIZE = 1000
OVERLAP = 50
"""Rows that a page shares with the one before: new rows are added in front meanwhile."""
ROWS_KEPT = 20_000
"""Rows that were read for one caller and may answer another."""
SINGLES_PER_PAGE = 20
"""Persons still without a row for each page in succession that brought none of theirs; fewer are asked for singly."""
SINGLES_AT_ONCE = 4
ROWS_PER_PERSON = 100
MAX_PAGES_PER_PERSON = 50
"""Of one person's rows; servers keep few of them, but may show one per page."""
MAX_STALLED_PAGES = 3
"""Pages that repeat earlier ones, before the list counts as endless."""
MAX_PAGES_PER_INSTANT = 100
"""Consecutive pages that lead to no older time: rows of one instant, or rows that are added in front meanwhile."""
MOST_PAGES = 20_000


class RowCoverage(FastEnum):
    """What deletion rows show of one person's events."""

    COVERS_PENDING = "a pending row as new as needed"
    COVERS_COMPLETED = "a completed row as new as needed"
    OLDER_PENDING = "a pending row that is older than needed; the server keeps its time until it is purged"
    NONE = "no row that says anything"
    UNKNOWN_STATUS = "a row whose status is neither pending nor completed"


COVERS = frozenset({RowCoverage.COVERS_PENDING, RowCoverage.COVERS_COMPLETED})


def classify_row(row: DeletionRow, needed_from: float) -> RowCoverage:
    """What one row shows.

    Arguments:
        needed_from: the time that a row has to have at least, seconds since the epoch by the server's clock.
    """
    is_new_enough = row.created_at.timestamp() >= needed_from
    match row.status:
        case "pending":
            return RowCoverage.COVERS_PENDING if is_new_enough else RowCoverage.OLDER_PENDING
        case "completed":
            return RowCoverage.COVERS_COMPLETED if is_new_enough else RowCoverage.NONE
        case _:
            return RowCoverage.UNKNOWN_STATUS


class RowReading(msgspec.Struct, frozen=True, gc=False):
    """What the rows show of one person.

    Arguments:
        created_at: the time of the row that shows it, seconds since the epoch by the server's clock; None without one.
    """

    coverage: RowCoverage
    created_at: float | None = None


NO_ROW = RowReading(RowCoverage.NONE)


class _Caller(msgspec.Struct, eq=False):
    wanted: Collection[UUID]
    needed_from: float
    found: dict[UUID, RowReading] | None = None


class DeletionRowReader:
    """Reads `deletion_status` for all callers.

    Arguments:
        gate: closing it abandons reads.
    """

    def __init__(self, client: PostHogClient, gate: StopGate) -> None:
        self._client = client
        self._gate = gate
        self._callers: list[_Caller] = []
        self._reading = anyio.Lock()
        self._kept: dict[int, DeletionRow] = {}

    async def fetch(self, uuids: Collection[UUID], needed_from: float) -> Mapping[UUID, RowReading]:
        """What the rows show of each of these persons, and perhaps of others.

        Arguments:
            needed_from: the time that a row has to have at least (`classify_row`); of callers that share a read, the
                latest counts.

        Raises:
            ListingError: the list of rows does not end.
        """
        caller = _Caller(uuids, needed_from)
        self._callers.append(caller)
        try:
            async with self._reading:
                if caller.found is None:
                    await self._serve(list(self._callers))
        finally:
            self._callers.remove(caller)
        assert caller.found is not None, "whoever waits is served"
        return caller.found

    async def completed(self, oldest: float) -> AsyncIterator[list[DeletionRow]]:
        """Pages of completed rows, newest first, back to a time in seconds since the epoch by the server's clock.

        Raises:
            ListingError: the list of rows does not end.
        """
        async for page in self._pages(oldest, "completed"):
            yield page

    async def _serve(self, callers: list[_Caller]) -> None:
        wanted = {uuid.int: uuid for caller in callers for uuid in caller.wanted}  # integers hash faster than UUIDs
        found = await self._newest_first(wanted, max(caller.needed_from for caller in callers))
        for caller in callers:
            caller.found = found

    async def _newest_first(self, wanted: dict[int, UUID], needed_from: float) -> dict[UUID, RowReading]:
        """The readings of persons by their UUIDs, which are taken from `wanted`."""
        found = self._from_kept(wanted, needed_from)
        if not wanted:
            return found
        barren = 0
        unclear: set[int] = set()
        async for page in self._pages(float("-inf"), "all"):
            before = len(wanted)
            for row in page:
                key = row.person_uuid.int
                if key not in wanted:
                    if len(self._kept) < ROWS_KEPT:
                        self._kept.setdefault(key, row)
                    continue
                reading = read_row(row, needed_from)
                if reading.coverage is RowCoverage.UNKNOWN_STATUS:
                    unclear.add(key)  # an older row may cover; read alone, all of a person's rows count
                elif reading.coverage in COVERS or (reading is not NO_ROW and key not in unclear):
                    found[wanted.pop(key)] = reading
            barren = barren + 1 if len(wanted) == before else 0
            if len(wanted) <= SINGLES_PER_PAGE * barren:
                break
        else:
            found |= {wanted.pop(key): NO_ROW for key in wanted.keys() - unclear}

        async def ask(uuid: UUID) -> None:
            found[uuid] = await self._of_one(uuid, needed_from)

        await run_workers(ask, [*wanted.values()], workers=SINGLES_AT_ONCE)
        return found

    def _from_kept(self, wanted: dict[int, UUID], needed_from: float) -> dict[UUID, RowReading]:
        """What rows kept from earlier reads prove: a row that covers stays valid. All else is read again."""
        found: dict[UUID, RowReading] = {}
        for key in wanted.keys() & self._kept.keys():
            reading = read_row(self._kept.pop(key), needed_from)
            if reading.coverage in COVERS:
                found[wanted.pop(key)] = reading
        if len(self._kept) >= ROWS_KEPT:
            self._kept.clear()
        return found

    async def _pages(self, oldest: float, status: DeletionStatus) -> AsyncIterator[list[DeletionRow]]:
        """Overlapping pages, newest first, up to the end of the list or the first page that reaches past a time."""
        offset = 0
        progress = _Progress()
        for _ in range(MOST_PAGES):
            with self._gate.cancel_on_stop():
                page = await self._client.persons.deletion_status(status=status, limit=PAGE_SIZE, offset=offset)
            rows = page.results
            if rows:
                yield rows
            if page.next is None or not rows or rows[-1].created_at.timestamp() < oldest:
                return
            progress.add(rows)
            if progress.is_stalled:
                break
            offset += max(1, len(rows) - min(OVERLAP, len(rows) // 2))
        raise ListingError(
            f"the list of event deletions ({status}) does not end: its pages lead no further back at row {offset:,}"
        )

    async def _of_one(self, uuid: UUID, needed_from: float) -> RowReading:
        readings: list[RowReading] = []
        offset = 0
        for _ in range(MAX_PAGES_PER_PERSON):
            with self._gate.cancel_on_stop():
                page = await self._client.persons.deletion_status(
                    person_uuid=uuid, limit=ROWS_PER_PERSON, offset=offset
                )
            readings += [read_row(row, needed_from) for row in page.results if row.person_uuid == uuid]
            covering = next((reading for reading in readings if reading.coverage in COVERS), None)
            if covering is not None:
                return covering
            if page.next is None or not page.results:
                break
            offset += len(page.results)
        return next((reading for reading in readings if reading is not NO_ROW), NO_ROW)


def read_row(row: DeletionRow, needed_from: float) -> RowReading:
    """What one row shows, with its time."""
    coverage = classify_row(row, needed_from)
    return NO_ROW if coverage is RowCoverage.NONE else RowReading(coverage, row.created_at.timestamp())


class _Progress:
    """Whether pages still lead further back, however many rows are added in front between two of them."""

    def __init__(self) -> None:
        self._newest: DeletionRow | None = None
        self._previous: DeletionRow | None = None
        self._furthest: DeletionRow | None = None
        self._repeated = 0
        self._without_older = 0

    @property
    def is_stalled(self) -> bool:
        """Whether the list counts as endless."""
        return self._repeated >= MAX_STALLED_PAGES or self._without_older >= MAX_PAGES_PER_INSTANT

    def add(self, rows: Sequence[DeletionRow]) -> None:
        """Take the next page."""
        first, last = rows[0], rows[-1]
        if self._furthest is not None:
            self._without_older = 0 if last.created_at < self._furthest.created_at else self._without_older + 1
        if _is_behind(last, self._furthest):
            self._furthest, self._repeated = last, 0
        elif not _is_behind(self._newest, first) and not _is_behind(last, self._previous):
            self._repeated += 1
        if _is_behind(self._newest, first):
            self._newest = first
        self._previous = last


def _is_behind(row: DeletionRow | None, other: DeletionRow | None) -> bool:
    """Whether one row is older than the other, or another one of the same instant; without one of them it is."""
    if row is None or other is None:
        return True
    if row.created_at != other.created_at:
        return row.created_at < other.created_at
    return row.person_uuid != other.person_uuid
