"""Reading deletion rows back: freshness, shared readings, and a table that is longer than anybody wants to read."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import anyio
import pytest

from asyncclient import DeletionRow
from asyncclient.models import Page
from bulk.gate import Gate
from bulk.rows import SKEW_S, RowReader, RowState, judge_row

NOW = 1_000_000.0


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class Rows:
    """A client whose deletion rows are these, newest first."""

    def __init__(self, rows: list[DeletionRow], *, most: int = 1000) -> None:
        self.rows, self.most = rows, most
        self.pages = self.singles = 0
        self.before: Callable[[], Any] | None = None
        self.persons = self

    async def deletion_status(
        self, *, limit: int, offset: int = 0, status: str = "all", person_uuid: UUID | None = None
    ) -> Page[DeletionRow]:
        self.singles += person_uuid is not None
        self.pages += person_uuid is None
        if self.before is not None:
            await self.before()
        rows = [r for r in self.rows if person_uuid in (None, r.person_uuid) and status in ("all", r.status)]
        end = offset + min(limit, self.most)
        return Page(results=rows[offset:end], next="more" if end < len(rows) else None)


def row(number: int, age_s: float, status: str = "pending") -> DeletionRow:
    return DeletionRow(person_uuid=UUID(int=number), created_at=at(NOW - age_s), status=status)


def reader(client: Rows) -> RowReader:
    return RowReader(client, Gate())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "age_s", "state"),
    [
        ("pending", 0.0, RowState.FRESH),
        ("pending", SKEW_S, RowState.FRESH),
        ("pending", SKEW_S + 0.1, RowState.STALE),
        ("completed", SKEW_S, RowState.FRESH_COMPLETED),
        ("completed", SKEW_S + 0.1, RowState.NONE),
    ],
)
def test_a_row_is_fresh_unless_it_is_older_than_the_first_intent(status: str, age_s: float, state: RowState) -> None:
    assert judge_row(status, at(NOW - age_s), NOW) is state


@pytest.mark.slow
async def test_rows_far_back_are_asked_for_singly_and_the_table_is_not_read_to_its_end() -> None:
    old = [row(1000 + n, 100.0 + n) for n in range(4_000)]
    client = Rows([*old[:3_000], row(1, 3_100.0), *old[3_000:]])
    states = await reader(client).read({UUID(int=1): NOW, UUID(int=2): NOW})
    assert states == {UUID(int=1): RowState.STALE, UUID(int=2): RowState.NONE}
    assert (client.pages, client.singles) == (1, 2)


@pytest.mark.slow
async def test_many_without_a_row_cost_no_more_pages_than_asking_for_each() -> None:
    client = Rows([row(10_000 + n, 100.0 + n) for n in range(9_000)])
    await reader(client).read({UUID(int=n): NOW for n in range(100)})
    assert (client.pages, client.singles) == (5, 100)


@pytest.mark.parametrize("most", [1, 3, 40, 1000])
async def test_a_server_that_gives_smaller_pages_is_read_all_the_same(most: int) -> None:
    client = Rows([row(n, 0.001 * n) for n in range(60)], most=most)
    states = await reader(client).read({UUID(int=n): NOW for n in range(60)})
    assert set(states.values()) == {RowState.FRESH}


async def test_askers_share_a_reading_and_a_cancelled_leader_harms_nobody() -> None:
    client = Rows([row(n, 0.0) for n in range(10)])
    rows, scopes, found = reader(client), [anyio.CancelScope() for _ in range(4)], {}
    started, go = anyio.Event(), anyio.Event()

    async def hold() -> None:
        started.set()
        await go.wait()

    client.before = hold

    async def ask(number: int) -> None:
        with scopes[number]:
            found[number] = await rows.read({UUID(int=number): NOW})

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(ask, number)
        await started.wait()
        scopes[0].cancel()
        go.set()
    assert found == {n: {UUID(int=n): RowState.FRESH} for n in (1, 2, 3)}
    assert client.pages <= 2


async def test_a_row_that_was_read_for_another_serves_only_when_it_is_fresh() -> None:
    client = Rows([row(1, 0.0), row(2, 0.0), row(3, 50.0)])
    rows = reader(client)
    await rows.read({UUID(int=1): NOW})
    assert await rows.read({UUID(int=2): NOW}) == {UUID(int=2): RowState.FRESH}
    assert client.pages == 1
    assert await rows.read({UUID(int=3): NOW}) == {UUID(int=3): RowState.STALE}
    assert client.pages == 2
