"""A query that finds the persons that still have a property: it only postpones their reads."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import ListingError, PermissionDenied, TimedOut
from bulk.concurrency.stop_gate import StopGate, Stopped
from bulk.plan.plan_file import Target
from bulk.verification.query_verifier import MAX_CROWDED_QUERIES, QueryVerifier

WHERE: dict[str, Any] = {"method": "POST", "path": "p", "route": "r"}


class World:
    """A client whose query returns some persons."""

    def __init__(self, *, named: Iterable[int] = (), trouble: Any = None) -> None:
        self.named, self.trouble = sorted(set(named)), trouble
        self.queries = 0
        self.query = self

    async def iter_person_uuids_having(self, keys: Sequence[str]) -> AsyncIterator[list[UUID]]:
        assert tuple(keys) == ("a",)
        self.queries += 1
        for start in range(0, len(self.named), 10):
            yield [UUID(int=n + 1) for n in self.named[start : start + 10]]
        if self.trouble is not None:
            raise self.trouble


def query_verifier(world: Any, gate: StopGate | None = None) -> QueryVerifier:
    return QueryVerifier(world, gate or StopGate(), ("a",))


def target(number: int) -> Target:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Target(number=number, uuid=UUID(int=number + 1), created_at=at, distinct_id=f"id-{number}")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.verification.query_verifier.MIN_PERSONS", 20)
    monkeypatch.setattr("bulk.verification.query_verifier.MAX_REMEMBERED", 50)


@pytest.mark.slow
@given(st.sets(st.integers(0, 59), max_size=45))
def test_persons_that_the_query_returns_are_not_read_yet_and_the_others_are(named: set[int]) -> None:
    async def main() -> None:
        found = await query_verifier(World(named=named)).ask(60)
        assert found is not None
        assert {n for n in range(60) if target(n) in found} == named

    anyio.run(main)


@pytest.mark.parametrize(
    "trouble",
    [
        PermissionDenied(403, **WHERE),
        ListingError("the rows do not ascend"),
        TimedOut("no response", **WHERE, sent=True),
    ],
)
async def test_a_query_that_fails_is_not_repeated_and_all_persons_are_read(trouble: Exception) -> None:
    world = World(named=range(30), trouble=trouble)
    found = query_verifier(world)
    assert [await found.ask(60), await found.ask(60)] == [None, None]
    assert world.queries == 1


async def test_an_unexpected_exception_of_the_query_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await query_verifier(World(trouble=ZeroDivisionError())).ask(60)


async def test_few_persons_are_read_without_a_query() -> None:
    world = World()
    assert await query_verifier(world).ask(19) is None
    assert world.queries == 0


async def test_too_many_persons_in_a_result_postpone_all_reads_a_few_times_only() -> None:
    world = World(named=range(60))
    found = query_verifier(world)
    results = [await found.ask(60) for _ in range(MAX_CROWDED_QUERIES + 2)]
    assert [each is not None and target(99) in each for each in results] == [True] * (MAX_CROWDED_QUERIES - 1) + [
        False
    ] * 3
    assert world.queries == MAX_CROWDED_QUERIES


async def test_a_stop_cancels_the_query() -> None:
    gate = StopGate()
    gate.close(RuntimeError())
    with pytest.raises(Stopped):
        await query_verifier(World(), gate).ask(60)
