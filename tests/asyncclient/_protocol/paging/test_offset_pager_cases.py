"""OffsetPager against a server model in which everything happens at once that the contract allows (guarantee 15).

1,000 generated cases run by default and 20,000 with POSTHOG_BULK_SLOW=1. One line replays a case:
`POSTHOG_BULK_SEED=417 pytest tests/asyncclient/_protocol/paging/test_offset_pager_cases.py`.

The model knows what the pager must not know: the rows' true order, which does not follow from the times they show.
"""

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from asyncclient import PersonRef
from asyncclient._protocol.paging.offset_pager import MAX_PAGE, OffsetPager

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
BLOCKS = 20


class Person:
    """A row: its place in the listing, newest first, and the time that it shows."""

    def __init__(self, uuid: UUID, place: float, shown: float, *, readable: bool = True) -> None:
        self.uuid, self.place, self.shown, self.readable = uuid, place, shown, readable

    def as_listed(self) -> PersonRef:
        return PersonRef(uuid=self.uuid, created_at=EPOCH + timedelta(seconds=self.shown))


class ServerModel:
    """One listing of a case: its rows, and their changes between two requests."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.page_size = random.choice([1, 1, 2, 3, 5, 7, 10, 25, 100, 1000, random.randint(1, 1000)])
        longest = random.choice([0, 3, 12, 60, 300]) if self.page_size < 300 else random.choice([60, 900, 2600])
        self.spread = random.choice([1, 5, 1_000_000])  # few seconds: many rows of equal time
        self.rows = [self.new_person(random.random() * self.spread) for _ in range(random.randint(0, longest))]
        self.sort()
        self.requests = 0
        self.lag = random.choice([0, 1, 5])
        self.going: list[tuple[int, Person]] = []
        self.arriving: list[tuple[int, Person]] = []
        self.removed: list[UUID] = []
        self.show_as_merged()
        self.make_unreadable()
        self.staying = {row.uuid for row in self.rows if row.readable}
        self.ever = {row.uuid for row in self.rows}
        everything = [
            self.remove_one,
            self.remove_block,
            self.arrive_in_front,
            self.arrive_anywhere,
            self.arrive_in_bulk,
        ]
        everything += [self.merge_into_older, self.recreate, self.catch_up]
        self.events = random.sample(everything, random.randint(0, len(everything)))
        self.rate = random.choice([0.05, 0.3, 1.0, 3.0])
        self.calm_after = random.choice([5, 40, 150])

    def new_person(self, time: float) -> Person:
        return Person(UUID(int=self.random.getrandbits(128), version=4), time, time)

    def sort(self) -> None:
        self.rows.sort(key=lambda row: (-int(row.place) if self.spread == 5 else -row.place, row.uuid))

    def show_as_merged(self) -> None:
        """Blocks of persons, or single ones, show an older time than their place."""
        for _ in range(self.random.choice([0, 0, 1, 3, 10])):
            for row in self.some_rows(self.random.choice([1, 8, self.page_size])):
                row.shown = row.place - 200 * 86400

    def make_unreadable(self) -> None:
        """Rows without a person in the store: scattered, in blocks longer than a page, or at the end."""
        share = self.random.choice([0.0, 0.0, 0.02, 0.1, 0.5])
        for row in self.rows:
            row.readable = self.random.random() >= share
        for _ in range(self.random.choice([0, 0, 1, 3])):
            for row in self.some_rows(self.random.choice([1, self.page_size, 3 * self.page_size])):
                row.readable = False
        if self.rows and self.random.random() < 0.2:
            for row in self.rows[-self.random.randint(1, min(len(self.rows), 2 * self.page_size)) :]:
                row.readable = False

    def some_rows(self, count: int) -> list[Person]:
        start = self.random.randrange(len(self.rows)) if self.rows else 0
        return self.rows[start : start + count]

    # what others do

    def remove_one(self) -> None:
        for row in self.some_rows(1):
            self.remove(row)

    def remove_block(self) -> None:
        if self.random.random() < 0.1:
            for row in self.some_rows(self.random.choice([2, 5, 20, self.page_size, 2 * self.page_size])):
                self.remove(row)

    def remove(self, row: Person) -> None:
        """The store loses the person at once, the listing its row some requests later."""
        row.readable = False
        self.staying.discard(row.uuid)
        self.removed.append(row.uuid)
        self.going.append((self.requests + self.random.randint(0, self.lag), row))

    def arrive_in_front(self) -> None:
        self.arrive(self.new_person(self.spread + self.requests))

    def arrive_anywhere(self) -> None:
        self.arrive(self.new_person(self.random.random() * self.spread))

    def arrive_in_bulk(self) -> None:
        if self.random.random() < 0.05:
            for _ in range(self.random.randint(1, 5 * self.page_size)):
                self.arrive(self.new_person(self.spread + self.requests))

    def arrive(self, person: Person) -> None:
        self.ever.add(person.uuid)
        self.arriving.append((self.requests + self.random.randint(0, self.lag), person))

    def merge_into_older(self) -> None:
        """A person takes the time and the place of an older one, which may be among the unread."""
        if self.random.random() < 0.1:
            for row in self.some_rows(1):
                row.shown = row.place = self.random.random() * row.place

    def catch_up(self) -> None:
        """A merged person moves to the place of the time that it shows."""
        if self.random.random() < 0.1:
            for row in self.some_rows(1):
                row.place = min(row.place, row.shown)

    def recreate(self) -> None:
        """A removed person is created again, with the same UUID."""
        if self.removed and self.random.random() < 0.2:
            time = self.spread + self.requests
            uuid = self.removed.pop()
            if not any(row.uuid == uuid for row in self.rows):
                self.arrive(Person(uuid, time, time))

    def others(self) -> None:
        self.requests += 1
        if self.requests <= self.calm_after:
            for event in self.events:
                for _ in range(int(self.rate) + (self.random.random() < self.rate % 1)):
                    event()
        gone = {id(row) for due, row in self.going if due <= self.requests}
        self.going = [each for each in self.going if each[0] > self.requests]
        self.rows = [row for row in self.rows if id(row) not in gone]
        self.rows += [row for due, row in self.arriving if due <= self.requests]
        self.arriving = [each for each in self.arriving if each[0] > self.requests]
        self.sort()

    def page(self, offset: int, limit: int) -> tuple[list[PersonRef], str | None]:
        rows = self.rows[offset : offset + limit]
        offset = f"http://elsewhere/?offset={offset + limit}" if len(rows) == limit else None
        return [row.as_listed() for row in rows if row.readable], offset


def read_all(server: ServerModel) -> list[UUID]:
    pager: OffsetPager[PersonRef] = OffsetPager(server.page_size)
    got: list[UUID] = []
    while (request := pager.request) is not None:
        assert 1 <= request.limit <= MAX_PAGE
        got += [row.uuid for row in pager.feed(*server.page(request.offset, request.limit))]
        server.others()
        assert server.requests < 3000
    return got


def check(seed: int) -> None:
    server = ServerModel(seed)
    got = Counter(read_all(server))
    missed = server.staying - set(got)
    assert not missed, f"seed {seed}: {len(missed)} persons missed, with pages of {server.page_size}"
    assert set(got.values()) <= {1}, f"seed {seed}: a person was yielded twice"
    assert set(got) <= server.ever, f"seed {seed}: a person was yielded that never was"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_person_that_stays_is_yielded_exactly_once(block: int, case_count: Callable[[int, int], int]) -> None:
    if "POSTHOG_BULK_SEED" in os.environ:
        check(int(os.environ["POSTHOG_BULK_SEED"]))
        return
    count = case_count(1_000, 20_000) // BLOCKS
    for seed in range(block * count, (block + 1) * count):
        check(seed)
