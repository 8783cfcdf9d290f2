"""Reads the deletion rows of persons whose events were queued, and classifies each row by its time.

A row covers the events up to its own time, no matter which request created it. So one comparison with the required time
says everything about a row. Rows come newest first, so the rows of persons that were just queued are on the
first pages. Callers that wait while a read is in progress share the next read.

A row that cannot be read counts like one of an unknown status, for its person alone. If the person cannot be read
either, it may be the row of any person: those without a covering row are then read alone.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from uuid import UUID

import anyio
import msgspec

from asyncclient import DeletionRow, DeletionStatus, ListingError, PostHogClient, UnreadableRow
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import run_workers
from bulk.events import WaitKind
from bulk.posthog import person_reader
from bulk.states import FastEnum

PAGE_SIZE = 1000
OVERLAP = 50
"""Rows that a page shares with the one before, because new rows are added in front meanwhile."""
ROWS_KEPT = 20_000
"""Rows of other persons that are kept for later callers."""
SINGLES_PER_PAGE = 20
"""Persons without a row, per consecutive page without any of their rows, up to which each is read alone."""
SINGLES_AT_ONCE = 4
ROWS_PER_PERSON = 100
MAX_PAGES_PER_PERSON = 50
"""Pages of one person's rows; a server keeps few rows per person, but may return one per page."""
MAX_STALLED_PAGES = 3
"""Pages that repeat earlier ones before the list counts as endless."""
MAX_PAGES_PER_INSTANT = 100
"""Consecutive pages without an older time: rows of one instant, or rows that are added in front meanwhile."""
MAX_PAGES = 20_000
ONE_READABLE_OF = 100
"""If the first page has so many rows or more, one of them must be readable; otherwise, their format is unknown."""

Row = DeletionRow | UnreadableRow


class RowCoverage(FastEnum):
    """What deletion rows show about one person's events."""

    COVERS_PENDING = "a pending row that is new enough"
    COVERS_COMPLETED = "a completed row that is new enough"
    OLDER_PENDING = "a pending row that is too old; the server keeps its time until it is purged"
    NONE = "no row that counts"
    UNKNOWN_STATUS = "a row that cannot be read, or whose status is neither pending nor completed"


COVERS = frozenset({RowCoverage.COVERS_PENDING, RowCoverage.COVERS_COMPLETED})


def classify_row(row: DeletionRow, needed_from: float) -> RowCoverage:
    """Return what one row shows.

    Arguments:
        needed_from: the earliest time of a row that is new enough, in epoch seconds by the server's clock.
    """
    return _coverage(row.status, row.created_at.timestamp(), needed_from)


def _coverage(status: str, created_at: float, needed_from: float) -> RowCoverage:
    is_new_enough = created_at >= needed_from
    match status:
        case "pending":
            return RowCoverage.COVERS_PENDING if is_new_enough else RowCoverage.OLDER_PENDING
        case "completed":
            return RowCoverage.COVERS_COMPLETED if is_new_enough else RowCoverage.NONE
        case _:
            return RowCoverage.UNKNOWN_STATUS


class RowReading(msgspec.Struct, frozen=True, gc=False):
    """What the rows show about one person.

    Arguments:
        created_at: the time of the deciding row, in epoch seconds by the server's clock; None without a readable row.
    """

    coverage: RowCoverage
    created_at: float | None = None


NO_ROW = RowReading(RowCoverage.NONE)
UNREADABLE = RowReading(RowCoverage.UNKNOWN_STATUS)


class _Caller(msgspec.Struct, eq=False):
    wanted: Collection[UUID]
    needed_from: float
    found: dict[int, RowReading] | None = None


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

    async def fetch(
        self, uuids: Collection[UUID], needed_from: float, *, confirm: Collection[UUID] = ()
    ) -> Mapping[int, RowReading]:
        """Return what the rows show about each of these persons, and possibly about others, by `UUID.int`.

        Arguments:
            uuids: the persons.
            needed_from: the earliest time of a row that is new enough (`classify_row`); among callers that share a
                read, the latest time counts.
            confirm: those of which one response without a row proves nothing: they are read again some seconds later
                (guarantee 11). The others get a row by the request that follows.

        Raises:
            ListingError: the list of rows does not end, or none of its newest rows can be read.
            Stopped: the gate closed.
        """
        found = await self._fetch(uuids, needed_from)
        without = [uuid for uuid in confirm if found[uuid.int] == NO_ROW]
        if not without:
            return found
        await self._gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=len(without))
        return {**found, **await self._fetch(without, needed_from)}

    async def _fetch(self, uuids: Collection[UUID], needed_from: float) -> Mapping[int, RowReading]:
        caller = _Caller(uuids, needed_from)
        self._callers.append(caller)
        try:
            async with self._reading:
                if caller.found is None:
                    await self._serve(list(self._callers))
        finally:
            self._callers.remove(caller)
        assert caller.found is not None, "every caller is served"
        return caller.found

    async def completed(self, oldest: float) -> AsyncIterator[list[DeletionRow]]:
        """Yield pages of completed rows, newest first, back to a time in epoch seconds by the server's clock.

        Rows that cannot be read are left out.

        Raises:
            ListingError: the list of rows does not end, or none of its newest rows can be read.
        """
        async for page in self._pages(oldest, "completed"):
            yield _readable(page)

    async def _serve(self, callers: list[_Caller]) -> None:
        # integers hash much faster than UUIDs
        wanted = {uuid.int: uuid for caller in callers for uuid in caller.wanted}
        found = await self._newest_first(wanted, max(caller.needed_from for caller in callers))
        for caller in callers:
            caller.found = found

    async def _newest_first(self, wanted: dict[int, UUID], needed_from: float) -> dict[int, RowReading]:
        """Return the readings of persons, and remove the persons from `wanted`."""
        found = self._from_kept(wanted, needed_from)
        if not wanted:
            return found
        pages_without_rows = 0
        unknown: set[int] = set()
        async for page in self._pages(float("-inf"), "all"):
            before = len(wanted)
            for row in page:
                if isinstance(row, UnreadableRow):
                    unknown.update(wanted if row.uuid is None else wanted.keys() & {row.uuid.int})
                    continue
                key = row.person_uuid.int
                if key not in wanted:
                    if len(self._kept) < ROWS_KEPT:
                        self._kept.setdefault(key, row)
                    continue
                reading = read_row(row, needed_from)
                if reading.coverage is RowCoverage.UNKNOWN_STATUS:
                    unknown.add(key)  # an older row may cover, so all rows of this person are read
                elif reading.coverage in COVERS or (reading is not NO_ROW and key not in unknown):
                    found[key] = reading
                    del wanted[key]
            pages_without_rows = pages_without_rows + 1 if len(wanted) == before else 0
            if len(wanted) <= SINGLES_PER_PAGE * pages_without_rows:
                break
        else:
            for key in wanted.keys() - unknown:
                found[key] = NO_ROW
                del wanted[key]

        async def read_alone(uuid: UUID) -> None:
            found[uuid.int] = await self._read_person(uuid, needed_from)

        await run_workers(read_alone, [*wanted.values()], workers=SINGLES_AT_ONCE)
        return found

    def _from_kept(self, wanted: dict[int, UUID], needed_from: float) -> dict[int, RowReading]:
        """Return the readings of kept rows that cover, which stay valid; all other rows are read again."""
        found: dict[int, RowReading] = {}
        for key in wanted.keys() & self._kept.keys():
            reading = read_row(self._kept.pop(key), needed_from)
            if reading.coverage in COVERS:
                found[key] = reading
                del wanted[key]
        if len(self._kept) >= ROWS_KEPT:
            self._kept.clear()
        return found

    async def _pages(self, oldest: float, status: DeletionStatus) -> AsyncIterator[list[Row]]:
        """Yield overlapping pages, newest first, until the list ends or a page reaches back past a time."""
        offset = 0
        progress = _Progress()
        for _ in range(MAX_PAGES):
            rows, ends = await self._read_page(offset, PAGE_SIZE, status=status)
            readable = _readable(rows)
            if offset == 0 and len(rows) >= ONE_READABLE_OF and not readable:
                raise ListingError(
                    f"none of the {len(rows):,} newest rows of the list of event deletions can be read: this version "
                    "does not know their format"
                )
            if rows:
                yield rows
            if ends or (readable and readable[-1].created_at.timestamp() < oldest):
                return
            progress.add(readable)
            if progress.is_stalled:
                break
            offset += max(1, len(rows) - min(OVERLAP, len(rows) // 2))
        raise ListingError(
            f"the list of event deletions ({status}) does not end: pages have no older rows from row {offset:,} on"
        )

    async def _read_person(self, uuid: UUID, needed_from: float) -> RowReading:
        readings: list[RowReading] = []
        offset = 0
        for _ in range(MAX_PAGES_PER_PERSON):
            rows, ends = await self._read_page(offset, ROWS_PER_PERSON, person_uuid=uuid)
            readings += [read_row(row, needed_from) for row in rows if _person_of(row) in (uuid, None)]
            covering = next((reading for reading in readings if reading.coverage in COVERS), None)
            if covering is not None:
                return covering
            if ends:
                break
            offset += len(rows)
        return next((reading for reading in readings if reading is not NO_ROW), NO_ROW)

    async def _read_page(
        self, offset: int, limit: int, *, status: DeletionStatus | None = None, person_uuid: UUID | None = None
    ) -> tuple[list[Row], bool]:
        """Return the rows of a page in their order, and whether the list ends with it."""
        unreadable: list[UnreadableRow] = []
        with self._gate.cancel_on_stop():
            page = await self._client.persons.deletion_status(
                status=status, person_uuid=person_uuid, limit=limit, offset=offset, on_unreadable=unreadable.append
            )
        rows: list[Row] = [*page.results]
        for row in unreadable:
            rows.insert(row.place - 1 - offset, row)
        return rows, page.next is None or not rows


def _readable(rows: list[Row]) -> list[DeletionRow]:
    return [row for row in rows if isinstance(row, DeletionRow)]


def _person_of(row: Row) -> UUID | None:
    return row.uuid if isinstance(row, UnreadableRow) else row.person_uuid


def read_row(row: Row, needed_from: float) -> RowReading:
    """Return what one row shows, with its time."""
    if isinstance(row, UnreadableRow):
        return UNREADABLE
    created_at = row.created_at.timestamp()
    coverage = _coverage(row.status, created_at, needed_from)
    return NO_ROW if coverage is RowCoverage.NONE else RowReading(coverage, created_at)


class _Progress:
    """Tracks whether pages still reach older rows, although rows are added in front between two pages."""

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
        """Add the readable rows of the next page."""
        if not rows:
            self._without_older += 1
            return
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
    """Return whether a row is older than the other or another one of the same instant; True if one is None."""
    if row is None or other is None:
        return True
    if row.created_at != other.created_at:
        return row.created_at < other.created_at
    return row.person_uuid != other.person_uuid
