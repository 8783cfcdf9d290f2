"""Asking by query who still has a property: whom it names is not read yet, and of the others it says nothing."""

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
from bulk.verification.query_verifier import CROWDED_READS, QueryVerifier

WHERE: dict[str, Any] = {"method": "POST", "path": "p", "route": "r"}


class World:
    """A client whose query names some persons."""

    def __init__(self, *, named: Iterable[int] = (), trouble: Any = None) -> None:
        self.named, self.trouble = sorted(set(named)), trouble
        self.asked = 0
        self.query = self

    async def iter_person_uuids_having(self, keys: Sequence[str]) -> AsyncIterator[list[UUID]]:
        assert tuple(keys) == ("a",)
        self.asked += 1
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
    monkeypatch.setattr("bulk.verification.query_verifier.WORTH_FROM", 20)
    monkeypatch.setattr("bulk.verification.query_verifier.MOST_HOLDERS", 50)


@given(st.sets(st.integers(0, 59), max_size=45))
def test_whom_it_names_is_not_to_be_read_yet_and_everybody_else_is(named: set[int]) -> None:
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
        TimedOut("no answer", **WHERE, sent=True),
    ],
)
async def test_where_it_does_not_answer_the_store_tells_and_it_is_not_asked_again(trouble: Exception) -> None:
    world = World(named=range(30), trouble=trouble)
    found = query_verifier(world)
    assert [await found.ask(60), await found.ask(60)] == [None, None]
    assert world.asked == 1


async def test_a_bug_is_not_taken_for_an_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        await query_verifier(World(trouble=ZeroDivisionError())).ask(60)


async def test_few_are_not_worth_a_query() -> None:
    world = World()
    assert await query_verifier(world).ask(19) is None
    assert world.asked == 0


async def test_of_too_many_it_is_known_that_it_is_too_early_and_they_are_asked_for_a_few_times_only() -> None:
    world = World(named=range(60))
    found = query_verifier(world)
    told = [await found.ask(60) for _ in range(CROWDED_READS + 2)]
    assert [each is not None and target(99) in each for each in told] == [True] * (CROWDED_READS - 1) + [False] * 3
    assert world.asked == CROWDED_READS


async def test_a_stop_drops_it() -> None:
    gate = StopGate()
    gate.close(RuntimeError())
    with pytest.raises(Stopped):
        await query_verifier(World(), gate).ask(60)
