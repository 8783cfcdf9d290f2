"""Reading back by query: whom it names is left for the store, whom it does not name is done, and it is believed only as
long as the store agrees."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import run_virtual

from asyncclient import ListingError, Page, PermissionDenied, PersonRef, TimedOut
from bulk.gate import Gate, Stopped
from bulk.holders import CROWDED_READS, Holders
from bulk.journal.records import Change, JobOpened, Settled
from bulk.ledger import Ledger
from bulk.outcomes import Axis, Properties
from bulk.plan import Target
from bulk.ranges import format_ranges

NOW = 5_000.0
WHERE: dict[str, Any] = {"method": "POST", "path": "p", "route": "r"}


class World:
    """A job of so many accepted targets, a store that has the property of some, and a query that names some."""

    def __init__(
        self,
        count: int,
        *,
        store: Iterable[int] = (),
        named: Iterable[int] = (),
        trouble: Any = None,
        listed: Sequence[PersonRef] = (),
    ) -> None:
        self.ledger = Ledger()
        self.ledger.apply(
            JobOpened(
                format=1,
                job="j",
                host="h",
                project=1,
                operation={"kind": "unset", "keys": ["a"]},
                selection={},
                plan_digest="",
                count=count,
                planned_at="",
                at=1.0,
            )
        )
        self.store, self.named, self.trouble = set(store), sorted(set(named)), trouble
        self.settle("engine", {(Properties.REQUESTED, None): list(range(count))})
        self.sources: list[str] = []
        self.read: list[int] = []
        self.asked = 0
        self.query = self.persons = self
        self.listed = listed
        self.pages = 0

    def settle(self, source: str, changes: dict[tuple[Properties, str | None], list[int]]) -> None:
        told = tuple(
            Change("properties", state.name.lower(), format_ranges(numbers))
            for (state, _), numbers in changes.items()
            if numbers
        )
        if told:
            self.ledger.apply(Settled(at=1.0, source=source, changes=told))
            getattr(self, "sources", []).append(source)

    def targets(self, numbers: Sequence[int]) -> dict[int, Target]:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        return {n: Target(number=n, uuid=UUID(int=n + 1), created_at=at, distinct_id=f"id-{n}") for n in numbers}

    async def check_store(self, numbers: list[int]) -> None:
        self.read += numbers
        self.settle("store", {(Properties.DONE, None): [n for n in numbers if n not in self.store]})

    async def iter_person_uuids_having(self, keys: Sequence[str]) -> AsyncIterator[list[UUID]]:
        assert tuple(keys) == ("a",)
        self.asked += 1
        for start in range(0, len(self.named), 10):
            yield [UUID(int=n + 1) for n in self.named[start : start + 10]]
        if self.trouble is not None:
            raise self.trouble

    async def iter_pages(self, *, page_size: int) -> AsyncIterator[Page[Any]]:
        for start in range(0, len(self.listed), 3):
            self.pages += 1
            yield Page(results=list(self.listed[start : start + 3]))

    def server_time(self) -> float:
        return NOW + 1000.0  # its clock is ahead

    def now(self) -> float:
        return NOW

    def done(self) -> set[int]:
        return set(self.ledger.numbers(Axis.PROPERTIES, (Properties.DONE,)))


def holders(world: Any, gate: Gate | None = None) -> Holders:
    return Holders(
        world,
        world,
        world,
        gate or Gate(),
        ("a",),
        moved=lambda: None,
        sample=lambda numbers, count: list(numbers[:count]),
    )


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.holders.WORTH_FROM", 20)
    monkeypatch.setattr("bulk.holders.SAMPLE", 7)
    monkeypatch.setattr("bulk.holders.MOST_HOLDERS", 50)
    monkeypatch.setattr("bulk.holders.AT_ONCE", 16)


def born(number: int, after_s: float, *distinct_ids: str) -> PersonRef:
    """A person that came into being so long after the job was opened, by the server's clock."""
    at = datetime.fromtimestamp(1.0 + 1000.0 + after_s, UTC)
    return PersonRef(uuid=UUID(int=number), created_at=at, distinct_ids=distinct_ids)


def test_who_came_into_being_since_the_job_began_is_left_for_the_store() -> None:
    listed = [
        *(born(n, 60.0, f"new-{n}") for n in (901, 902)),
        born(4, 50.0, "id-3"),
        born(903, 2.0, "x", "id-40"),
        born(904, -200.0),
        born(905, -5000.0),
        *(born(n, -6000.0) for n in range(906, 930)),
    ]
    world = World(60, store={3, 40}, listed=listed)
    assert run_virtual(one_read(world)) is True
    assert world.done() == set(range(60)) - {3, 40}
    assert not {3, 40} & set(world.read)
    assert world.pages == 3  # the first without anybody new is the last


def test_where_very_many_came_into_being_the_store_tells_of_all() -> None:
    world = World(60, listed=[born(n, 5.0, f"new-{n}") for n in range(100, 200)])
    assert run_virtual(one_read(world)) is False
    assert (world.done(), world.pages < 12) == (set(), True)


SOME = st.sets(st.integers(0, 59), max_size=45)


@given(SOME)
def test_whom_it_names_is_left_and_the_others_are_done(having: set[int]) -> None:
    world = World(60, store=having, named=having)
    assert run_virtual(one_read(world)) is True
    assert world.done() == set(range(60)) - having
    assert len(world.read) <= 7
    assert not set(world.read) & having


async def one_read(world: World) -> bool:
    return await holders(world).read()


@given(SOME, SOME)
def test_where_the_sample_disagrees_only_what_the_store_says_counts(having: set[int], named: set[int]) -> None:
    world = World(60, store=having, named=named)
    told = run_virtual(one_read(world))
    sample = sorted(set(range(60)) - named)[:7]
    if having & set(sample):
        assert told is False
        assert world.done() == set(sample) - having
        assert "listing" not in world.sources
    else:
        assert told is True
        assert world.done() == set(range(60)) - named


async def test_once_it_disagreed_it_is_not_asked_again() -> None:
    world = World(60, store={0}, named=())
    found = holders(world)
    assert [await found.read(), await found.read()] == [False, False]
    assert world.asked == 1


@pytest.mark.parametrize(
    "trouble",
    [
        PermissionDenied(403, **WHERE),
        ListingError("the rows do not ascend"),
        TimedOut("no answer", **WHERE, sent=True),
    ],
)
async def test_where_it_does_not_answer_nothing_is_settled_and_it_is_not_asked_again(trouble: Exception) -> None:
    world = World(60, named=range(30), trouble=trouble)
    found = holders(world)
    assert [await found.read(), await found.read()] == [False, False]
    assert (world.asked, world.done(), world.read) == (1, set(), [])


async def test_a_bug_is_not_taken_for_an_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        await holders(World(60, trouble=ZeroDivisionError())).read()


async def test_few_are_not_worth_a_query() -> None:
    world = World(19)
    assert await holders(world).read() is False
    assert world.asked == 0


async def test_too_many_holders_tell_nothing_and_are_asked_for_a_few_times_only() -> None:
    world = World(60, store=range(60), named=range(60))
    found = holders(world)
    told = [await found.read() for _ in range(CROWDED_READS + 2)]
    assert told == [True] * (CROWDED_READS - 1) + [False] * 3
    assert world.asked == CROWDED_READS
    assert world.done() == set()


async def test_a_stop_drops_it() -> None:
    gate = Gate()
    gate.close(RuntimeError())
    world = World(60)
    with pytest.raises(Stopped):
        await holders(world, gate).read()
    assert world.done() == set()
