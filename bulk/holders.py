"""Reads back by query who still has properties that were unset: a few requests for any number of persons.

The query sees null values too (contract 12). It reads what the server lists, not the store, so a sample of what it
tells is read in the store before any of it is believed. Whom an event made anew has none of the properties either:
the listing shows the newest persons first, and those that are of the plan are read in the store too.
"""

import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from asyncclient import ApiStatusError, ListingError, Person, PostHogClient
from bulk.estimate import LISTED_A_PAGE, READ_BY_QUERY_FROM
from bulk.gate import Gate
from bulk.job import Job
from bulk.outcomes import Axis, Properties
from bulk.plan import Target
from bulk.ranges import grouped
from bulk.store import READ_SIZE
from bulk.verdicts import UNANSWERED, raise_if_final
from bulk.verifier import Verifier

T = TypeVar("T")

WORTH_FROM = READ_BY_QUERY_FROM
"""Persons: fewer are read in the store at once."""
MOST_HOLDERS = 100_000
"""Persons with the property that are remembered; more tell nothing."""
CROWDED_READS = 5
CLOCKS_DIFFER_S = 300.0
"""A clock that was put right while the job ran, and times that are rounded."""
SAMPLE = 1_000
AT_ONCE = 5_000


class Holders:
    """Settles targets that nobody lists as having the properties any more.

    Arguments:
        keys: the properties that are to be gone.
        moved: called after each settled group, for progress.
    """

    def __init__(
        self,
        job: Job,
        client: PostHogClient,
        verifier: Verifier,
        gate: Gate,
        keys: Sequence[str],
        *,
        moved: Callable[[], None],
        sample: Callable[[Sequence[int], int], list[int]] = random.sample,
    ) -> None:
        self._job = job
        self._client = client
        self._verifier = verifier
        self._gate = gate
        self._keys = keys
        self._moved = moved
        self._sample = sample
        self._reads_left = CROWDED_READS

    async def read(self) -> bool:
        """Settle whom the query does not name any more.

        Returns:
            Whether it told anything; where it did not, the store has to be read.
        """
        if self._count() < WORTH_FROM or not self._reads_left:
            return False
        doubtful = await self._doubtful()
        if doubtful is None:  # too many, which tells enough for now
            return bool(self._reads_left)
        rest = [n for numbers in self._accepted() for n in self._without(numbers, doubtful)]
        sample = self._sample(rest, min(SAMPLE, len(rest)))
        for numbers in grouped(sorted(sample), READ_SIZE):
            await self._verifier.check_store(numbers)
        if any(self._job.ledger.properties(n) is Properties.REQUESTED for n in sample):
            self._reads_left = 0  # the store says otherwise
            return False
        for numbers in grouped(iter(rest), AT_ONCE):
            still = [n for n in numbers if self._job.ledger.properties(n) is Properties.REQUESTED]
            self._job.settle("listing", {(Properties.DONE, None): still})
            self._moved()
        return True

    async def _doubtful(self) -> "_Doubtful | None":
        """Of whom the query does not tell that all is as asked; None where it cannot tell, or of too many."""
        found = _Doubtful()
        try:
            async for uuids in self._pages(self._client.query.iter_person_uuids_having(self._keys)):
                found.uuids.update(uuid.int for uuid in uuids)
                if len(found) > MOST_HOLDERS:
                    self._reads_left -= 1
                    return None
            since = self._opened_at()
            async for page in self._pages(self._client.persons.iter_pages(page_size=LISTED_A_PAGE)):
                newcomers = [person for person in page.results if person.created_at >= since]
                found.add(newcomers)
                if len(found) > MOST_HOLDERS:
                    self._reads_left = 0
                    return None
                if not newcomers:
                    break
        except (ApiStatusError, ListingError, *UNANSWERED) as error:
            raise_if_final(error)
            self._reads_left = 0  # this key may not query, or this server cannot: the store tells
            return None
        return found

    async def _pages(self, pages: AsyncIterator[T]) -> AsyncIterator[T]:
        while True:
            with self._gate.abandonable():
                page = await anext(pages, None)
            if page is None:
                return
            yield page

    def _opened_at(self) -> datetime:
        """When the job was opened, by the server's clock, or some time before."""
        job = self._job.ledger.job
        assert job is not None
        ahead_s = self._client.server_time() - self._job.now()
        return datetime.fromtimestamp(job.at + ahead_s - CLOCKS_DIFFER_S, UTC)

    def _count(self) -> int:
        return self._job.ledger.counts(Axis.PROPERTIES).get(Properties.REQUESTED, 0)

    def _accepted(self) -> Iterator[list[int]]:
        return grouped(self._job.ledger.numbers(Axis.PROPERTIES, (Properties.REQUESTED,)), AT_ONCE)

    def _without(self, numbers: list[int], doubtful: "_Doubtful") -> list[int]:
        return [n for n, target in self._job.targets(numbers).items() if target not in doubtful]


class _Doubtful:
    """Persons of whom only the store tells what they are and have: by UUID, and new ones by their distinct ids too."""

    def __init__(self) -> None:
        self.uuids: set[int] = set()
        self._distinct_ids: set[str] = set()

    def add(self, newcomers: Iterable[Person]) -> None:
        """Take in persons that came into being since the job was opened."""
        for person in newcomers:
            self.uuids.add(person.uuid.int)
            self._distinct_ids.update(person.distinct_ids)

    def __len__(self) -> int:
        return len(self.uuids) + len(self._distinct_ids)

    def __contains__(self, target: Target) -> bool:
        return target.uuid.int in self.uuids or target.distinct_id in self._distinct_ids
