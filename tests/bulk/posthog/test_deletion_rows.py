"""Deletion rows: coverage by a row's own time, shared reads, long lists, and lists that never end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncclient import DeletionRow, ListingError, UnreadableRow
from asyncclient.models import Page
from bulk.concurrency.stop_gate import StopGate
from bulk.posthog.deletion_rows import (
    COVERS,
    MAX_PAGES_PER_INSTANT,
    NO_ROW,
    ONE_READABLE_OF,
    DeletionRowReader,
    RowCoverage,
    RowReading,
    classify_row,
)

NOW = 1_000_000.0
UNREADABLE_ROWS = ("broken", "nameless")
"""Statuses of rows that cannot be read; of the second kind, the person cannot be read either."""


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class Rows:
    """A client whose deletion rows are these, newest first. Those of `UNREADABLE_ROWS` cannot be read."""

    def __init__(self, rows: list[DeletionRow], *, max_page: int = 1000) -> None:
        self.rows, self.max_page = rows, max_page
        self.pages = self.singles = 0
        self.before: Callable[[], Any] | None = None
        self.persons = self

    async def deletion_status(
        self,
        *,
        limit: int,
        on_unreadable: Callable[[UnreadableRow], None],
        offset: int = 0,
        status: str | None = None,
        person_uuid: UUID | None = None,
    ) -> Page[DeletionRow]:
        self.singles += person_uuid is not None
        self.pages += person_uuid is None
        if self.before is not None:
            await self.before()
        every = status in (None, "all")
        rows = [r for r in self.rows if person_uuid in (None, r.person_uuid)]
        rows = [r for r in rows if every or r.status in (status, *UNREADABLE_ROWS)]
        end = offset + min(limit, self.max_page)
        readable = []
        for place, each in enumerate(rows[offset:end], offset + 1):
            if each.status not in UNREADABLE_ROWS:
                readable.append(each)
                continue
            uuid = each.person_uuid if each.status == "broken" else None
            on_unreadable(UnreadableRow(place=place, uuid=uuid, raw=msgspec.Raw(b"{}")))
        return Page(results=readable, next="more" if end < len(rows) else None)


def row(number: int, age_s: float, status: str = "pending") -> DeletionRow:
    return DeletionRow(person_uuid=UUID(int=number), created_at=at(NOW - age_s), status=status)


def reader(client: Rows) -> DeletionRowReader:
    return DeletionRowReader(client, StopGate())  # type: ignore[arg-type]


def covered(age_s: float = 0.0) -> RowReading:
    return RowReading(RowCoverage.COVERS_PENDING, NOW - age_s)


@pytest.mark.parametrize(
    ("status", "age_s", "coverage"),
    [
        ("pending", -5.0, RowCoverage.COVERS_PENDING),
        ("pending", 0.0, RowCoverage.COVERS_PENDING),
        ("pending", 0.001, RowCoverage.OLDER_PENDING),
        ("completed", 0.0, RowCoverage.COVERS_COMPLETED),
        ("completed", 0.001, RowCoverage.NONE),
        ("cancelled", -5.0, RowCoverage.UNKNOWN_STATUS),
        ("cancelled", 5.0, RowCoverage.UNKNOWN_STATUS),
        ("", 0.0, RowCoverage.UNKNOWN_STATUS),
        ("COMPLETED", 0.0, RowCoverage.UNKNOWN_STATUS),
    ],
)
def test_a_row_covers_events_up_to_its_own_time_and_an_unknown_status_stays_unknown(
    status: str, age_s: float, coverage: RowCoverage
) -> None:
    assert classify_row(row(1, age_s, status), NOW) is coverage


@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("hours", [0, 14, -14])
def test_a_time_at_the_end_of_the_calendar_is_compared_like_any_other(year: int, hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    edge = datetime(1, 1, 1, tzinfo=zone) if year == 1 else datetime(9999, 12, 31, 23, 59, 59, tzinfo=zone)
    found = classify_row(DeletionRow(person_uuid=UUID(int=1), created_at=edge, status="pending"), NOW)
    assert found is (RowCoverage.OLDER_PENDING if year == 1 else RowCoverage.COVERS_PENDING)


async def test_the_newest_row_decides_and_its_time_is_returned() -> None:
    client = Rows([row(1, 5.0), row(2, 7.0, "completed"), row(1, 50.0, "completed"), row(3, 90.0), row(4, 95.0, "x")])
    assert await reader(client).fetch([UUID(int=n) for n in range(1, 6)], NOW - 60.0) == {
        1: covered(5.0),
        2: RowReading(RowCoverage.COVERS_COMPLETED, NOW - 7.0),
        3: RowReading(RowCoverage.OLDER_PENDING, NOW - 90.0),
        4: RowReading(RowCoverage.UNKNOWN_STATUS, NOW - 95.0),
        5: NO_ROW,
    }


@pytest.mark.parametrize("below", [row(1, 10.0), row(1, 10.0, "completed")])
async def test_a_row_with_unknown_status_does_not_hide_a_covering_row(below: DeletionRow) -> None:
    found = await reader(Rows([row(1, 5.0, "cancelled"), below])).fetch([UUID(int=1)], NOW - 60.0)
    assert found[1].created_at == NOW - 10.0


@pytest.mark.parametrize("below", [row(1, 90.0), row(1, 90.0, "completed")])
async def test_a_row_with_unknown_status_outranks_rows_that_do_not_cover(below: DeletionRow) -> None:
    found = await reader(Rows([row(1, 5.0, "cancelled"), below])).fetch([UUID(int=1)], NOW - 60.0)
    assert found[1] == RowReading(RowCoverage.UNKNOWN_STATUS, NOW - 5.0)


UNREADABLE_READING = RowReading(RowCoverage.UNKNOWN_STATUS)


@pytest.mark.parametrize("status", UNREADABLE_ROWS)
@pytest.mark.parametrize("max_page", [1, 3, 1000])
async def test_a_row_that_cannot_be_read_is_of_its_person_alone(status: str, max_page: int) -> None:
    client = Rows([row(9, 1.0, status), row(1, 2.0), row(2, 3.0, status), row(3, 4.0)], max_page=max_page)
    found = await reader(client).fetch([UUID(int=n) for n in range(1, 5)], NOW - 60.0)
    assert found == {1: covered(2.0), 2: UNREADABLE_READING, 3: covered(4.0), 4: NO_ROW}


@pytest.mark.parametrize("status", UNREADABLE_ROWS)
async def test_a_row_that_cannot_be_read_does_not_hide_a_covering_row(status: str) -> None:
    client = Rows([row(1, 5.0, status), row(1, 10.0), row(2, 10.0), row(2, 15.0, status)])
    found = await reader(client).fetch([UUID(int=1), UUID(int=2)], NOW - 60.0)
    assert found == {1: covered(10.0), 2: covered(10.0)}


@pytest.mark.parametrize("status", UNREADABLE_ROWS)
@pytest.mark.parametrize("below", [row(1, 90.0), row(1, 90.0, "completed")])
async def test_a_row_that_cannot_be_read_outranks_rows_that_do_not_cover(below: DeletionRow, status: str) -> None:
    found = await reader(Rows([row(1, 5.0, status), below])).fetch([UUID(int=1)], NOW - 60.0)
    assert found == {1: UNREADABLE_READING}


@pytest.mark.parametrize("count", [99, 100])
async def test_a_long_list_without_any_readable_row_is_an_error(count: int) -> None:
    rows = reader(Rows([row(n, float(n), "broken") for n in range(count)]))
    if count < ONE_READABLE_OF:
        assert await rows.fetch([UUID(int=1)], NOW) == {1: UNREADABLE_READING}
        return
    with pytest.raises(ListingError, match="none of the 100 newest rows"):
        await rows.fetch([UUID(int=1)], NOW)


async def test_completed_rows_before_and_behind_unreadable_ones_are_read() -> None:
    unreadable = [row(n, float(n), "nameless") for n in range(2, 2500)]  # more than two pages
    client = Rows([row(1, 1.0, "completed"), *unreadable, row(2, 3000.0, "completed")])
    pages = [page async for page in reader(client).completed(NOW - 5000.0)]
    assert [each.person_uuid.int for page in pages for each in page] == [1, 2]


async def test_an_endless_list_of_unreadable_rows_raises_an_error() -> None:
    client = Rows([row(0, 0.0, "completed"), *(row(n, float(n), "nameless") for n in range(1, 500))], max_page=2)
    with pytest.raises(ListingError, match="does not end"):
        async for _ in reader(client).completed(float("-inf")):
            pass
    assert client.pages <= MAX_PAGES_PER_INSTANT + 2


STATUSES = st.sampled_from(["pending", "completed", "cancelled", *UNREADABLE_ROWS])


@pytest.mark.slow
@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(1, 8), st.floats(0.0, 200.0), STATUSES), max_size=40),
    max_page=st.integers(1, 12),
)
def test_reading_many_persons_at_once_gives_the_same_result_as_reading_each_alone(
    rows: list[tuple[int, float, str]], max_page: int
) -> None:
    newest_first = [row(*each) for each in sorted(rows, key=lambda each: each[1])]
    everybody = [UUID(int=n) for n in range(1, 9)]
    found = anyio.run(reader(Rows(newest_first, max_page=max_page)).fetch, everybody, NOW - 100.0)
    assert found.keys() == {*range(1, 9)}
    for number, reading in found.items():
        own = [each for each in newest_first if each.person_uuid.int == number]
        coverages = [
            RowCoverage.UNKNOWN_STATUS if each.status in UNREADABLE_ROWS else classify_row(each, NOW - 100.0)
            for each in own
        ]
        decisive = [each for each in coverages if each is not RowCoverage.NONE]
        expected = next((each for each in decisive if each in COVERS), decisive[0] if decisive else None)
        assert reading.coverage is (expected or RowCoverage.NONE)


class Endless(Rows):
    """A server that always has a `next`."""

    def __init__(self, page: Callable[[int], list[DeletionRow]]) -> None:
        super().__init__([])
        self.page = page

    async def deletion_status(self, **_: Any) -> Page[DeletionRow]:
        self.pages += 1
        return Page(results=self.page(self.pages), next="more")


ENDLESS = {
    "the same page": (lambda n: [row(k, float(k)) for k in range(10)], 4),
    "pages that take turns": (lambda n: [row(10 * (n % 2) + k, float(n % 2)) for k in range(10)], 8),
    "ever newer rows": (lambda n: [row(1000 * n + k, -float(n)) for k in range(10)], MAX_PAGES_PER_INSTANT + 1),
    "one instant": (lambda n: [row(1000 * n + k, 0.0) for k in range(10)], MAX_PAGES_PER_INSTANT + 1),
}


@pytest.mark.parametrize(("page", "reads"), ENDLESS.values(), ids=ENDLESS)
async def test_a_list_that_does_not_end_raises_an_error(page: Callable[[int], list[DeletionRow]], reads: int) -> None:
    client = Endless(page)
    with pytest.raises(ListingError, match="does not end"):
        async for _ in reader(client).completed(NOW - 100.0):
            pass
    assert client.pages <= reads


async def test_new_rows_in_front_do_not_end_the_read() -> None:
    """So many new rows that a page brings nothing new is no endless list, unless it goes on."""
    client = Rows([row(n, float(n)) for n in range(2_000)])

    async def more() -> None:
        if client.pages in (2, 3):
            client.rows[:0] = [row(10_000 * client.pages + n, -1.0) for n in range(990)]

    client.before = more
    assert sum([len(page) async for page in reader(client).completed(float("-inf"))]) == 0
    client.rows = [row(n, float(n), "completed") for n in range(2_000)]
    assert {r.person_uuid async for page in reader(client).completed(float("-inf")) for r in page} >= {
        UUID(int=n) for n in range(2_000)
    }


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("added", [2_000, 5_000, 20_000])
async def test_more_rows_than_many_pages_hold_may_be_added_in_front(added: int) -> None:
    """Several batches queued at once add some thousand rows between two pages."""
    client = Rows([row(n, 10.0 + n) for n in range(3_000)])

    async def more() -> None:
        if client.pages in (2, 3):
            client.rows[:0] = [row(100_000 * client.pages + n, n / added - client.pages) for n in range(added)]

    client.before = more
    found = await reader(client).fetch([UUID(int=n) for n in range(2_500)], NOW - 10_000.0)
    assert {each.coverage for each in found.values()} == {RowCoverage.COVERS_PENDING}
    assert client.singles == 0


@pytest.mark.slow
async def test_old_rows_are_read_one_person_at_a_time_without_reading_the_whole_list() -> None:
    old = [row(1000 + n, 100.0 + n) for n in range(4_000)]
    client = Rows([*old[:3_000], row(1, 3_100.0), *old[3_000:]])
    states = await reader(client).fetch([UUID(int=1), UUID(int=2)], NOW)
    assert states == {1: RowReading(RowCoverage.OLDER_PENDING, NOW - 3_100.0), 2: NO_ROW}
    assert (client.pages, client.singles) == (1, 2)


@pytest.mark.slow
async def test_persons_without_a_row_take_no_more_requests_than_one_each() -> None:
    client = Rows([row(10_000 + n, 100.0 + n) for n in range(9_000)])
    await reader(client).fetch([UUID(int=n) for n in range(100)], NOW)
    assert (client.pages, client.singles) == (5, 100)


@pytest.mark.parametrize("max_page", [1, 3, 40, 1000])
async def test_a_server_with_smaller_pages_is_read_completely(max_page: int) -> None:
    client = Rows([row(n, 0.001 * n) for n in range(60)], max_page=max_page)
    states = await reader(client).fetch([UUID(int=n) for n in range(60)], NOW - 1.0)
    assert {each.coverage for each in states.values()} == {RowCoverage.COVERS_PENDING}


async def test_callers_share_a_read_and_a_cancelled_caller_does_not_end_it_for_the_others() -> None:
    client = Rows([row(n, 0.0) for n in range(10)])
    rows, scopes, found = reader(client), [anyio.CancelScope() for _ in range(4)], {}
    started, go = anyio.Event(), anyio.Event()

    async def hold() -> None:
        started.set()
        await go.wait()

    client.before = hold

    async def ask(number: int) -> None:
        with scopes[number]:
            found[number] = (await rows.fetch([UUID(int=number)], NOW))[number]

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(ask, number)
        await started.wait()
        scopes[0].cancel()
        go.set()
    assert found == {n: covered() for n in (1, 2, 3)}
    assert client.pages <= 2


async def test_a_row_read_for_another_caller_is_used_only_if_it_covers() -> None:
    client = Rows([row(1, 0.0), row(2, 0.0), row(3, 50.0)])
    rows = reader(client)
    await rows.fetch([UUID(int=1)], NOW)
    assert await rows.fetch([UUID(int=2)], NOW) == {2: covered()}
    assert client.pages == 1
    assert await rows.fetch([UUID(int=3)], NOW) == {3: RowReading(RowCoverage.OLDER_PENDING, NOW - 50.0)}
    assert client.pages == 2
