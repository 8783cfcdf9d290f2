"""Reads back by query who still has properties that were unset: a few requests for any number of persons.

The query sees null values too (contract 12). It reads what the server lists, not the store, so a sample of what it
tells is read in the store before any of it is believed.
"""

import random
from collections.abc import Callable, Iterator, Sequence

from asyncclient import ApiStatusError, ListingError, PostHogClient
from bulk.estimate import READ_BY_QUERY_FROM
from bulk.gate import Gate
from bulk.job import Job
from bulk.outcomes import Axis, Properties
from bulk.ranges import grouped
from bulk.store import READ_SIZE
from bulk.verdicts import UNANSWERED
from bulk.verifier import Verifier

WORTH_FROM = READ_BY_QUERY_FROM
"""Persons: fewer are read in the store at once."""
MOST_HOLDERS = 100_000
"""Persons with the property that are remembered; more tell nothing."""
CROWDED_READS = 5
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
        holders = await self._holders()
        if holders is None:  # of too many, which tells enough for now
            return bool(self._reads_left)
        rest = [n for numbers in self._accepted() for n in self._without(numbers, holders)]
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

    async def _holders(self) -> set[int] | None:
        """Who has one of the properties; None where that cannot be told, or is told of too many."""
        found: set[int] = set()
        pages = self._client.query.iter_person_uuids_having(self._keys)
        try:
            while True:
                with self._gate.abandonable():
                    page = await anext(pages, None)
                if page is None:
                    return found
                found.update(uuid.int for uuid in page)
                if len(found) > MOST_HOLDERS:
                    self._reads_left -= 1
                    return None
        except (ApiStatusError, ListingError, *UNANSWERED):
            self._reads_left = 0  # this key may not query, or this server cannot: the store tells
            return None

    def _count(self) -> int:
        return self._job.ledger.counts(Axis.PROPERTIES).get(Properties.REQUESTED, 0)

    def _accepted(self) -> Iterator[list[int]]:
        return grouped(self._job.ledger.numbers(Axis.PROPERTIES, (Properties.REQUESTED,)), AT_ONCE)

    def _without(self, numbers: list[int], holders: set[int]) -> list[int]:
        return [n for n, target in self._job.targets(numbers).items() if target.uuid.int not in holders]
