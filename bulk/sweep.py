"""Sends events to whomever a listing of everybody shows, page by page, where that takes fewer reads than asking by id.

A page shows a thousand persons that the store has where a read by id shows 200 (contract 6.1: rows without a person
in the store are left out), so that the limit of reads lets five times as many be sent to in a minute. Each page is
sent for before the next is asked for. Whom the listing does not show, or shows otherwise than planned, is left to the
reads by id, and nothing is concluded from a person's absence: the listing trails the store. No filter is listed.
"""

import math
from collections.abc import AsyncIterator, Iterator, Sequence

import anyio.lowlevel

from asyncclient import ApiStatusError, Bucket, ListingError, Person, PostHogClient
from bulk.addressing import address_of
from bulk.due import Due, next_due
from bulk.executor import EVENT_CHECK_GOOD_FOR_S, Group
from bulk.outcomes import UNSENT, Axis
from bulk.pool import in_parallel
from bulk.ranges import grouped
from bulk.seen import NumbersById
from bulk.store import READ_SIZE, AskedAt, chunks
from bulk.tools import Tools
from bulk.verdicts import UNANSWERED, raise_if_final
from bulk.verifier import Seen, is_same

PAGE_SIZE = 1000
NUMBERED_AT_ONCE = 5_000
MOST_BEHIND = 4
"""Of the time that reads by id of all that are left would take at the limit, so much less may be lost by listing."""


class Sweep:
    """One listing of everybody, with the events for those of the plan.

    Arguments:
        workers: requests of events at once.
    """

    def __init__(self, tools: Tools, *, workers: int) -> None:
        self._tools = tools
        self._ledger = tools.job.ledger
        self._workers = workers
        self._behind_s = 0.0
        windows = tools.client.limits.rates.windows(Bucket.OTHERS)
        self._a_read_s = max((window_s / limit for window_s, limit in windows.items()), default=0.0)
        self._reads_at_once = min(windows.values(), default=math.inf)

    async def run(self) -> None:
        """Send page by page while that is better than reads by id, if those would have to wait for their limit."""
        if self._reads_left() <= self._reads_at_once:
            return
        asked = AskedAt()
        with NumbersById() as numbers:
            for some in self._unsent():
                numbers.add_many((target.uuid, n) for n, target in self._tools.job.targets(some).items())
                await anyio.lowlevel.checkpoint()
                self._tools.gate.check()
            async for page in self._pages(self._tools.client.observed(asked)):
                took_s = anyio.current_time() - asked.at
                if took_s > EVENT_CHECK_GOOD_FOR_S:
                    return
                found = self._of_the_plan(page, numbers)
                await self._send(found, asked.at)
                self._behind_s += max(took_s, self._a_read_s) - len(found) / READ_SIZE * self._a_read_s
                if self._behind_s > self._reads_left() * self._a_read_s / MOST_BEHIND:
                    return

    async def _pages(self, client: PostHogClient) -> AsyncIterator[Sequence[Person]]:
        pages = client.persons.iter_pages(page_size=PAGE_SIZE)
        while True:
            try:
                with self._tools.gate.abandonable():
                    page = await anext(pages, None)
            except (ApiStatusError, ListingError, *UNANSWERED) as error:
                raise_if_final(error)
                return  # reads by id go on, and tell what is wrong with the server if anything is
            if page is None:
                return
            yield page.results

    def _of_the_plan(self, page: Sequence[Person], numbers: NumbersById) -> dict[int, Person]:
        """Those of a page whom an event is due for and can reach, by number."""
        numbered = ((numbers.get(person.uuid), person) for person in page)
        due = {n: person for n, person in numbered if n is not None and next_due(self._ledger, n) is Due.CHANGE}
        return {
            n: due[n]
            for n, target in self._tools.job.targets(sorted(due)).items()
            if is_same(target, due[n])
            and self._tools.verifier.open_keys(due[n])
            and address_of(due[n].distinct_ids) is not None
        }

    async def _send(self, found: dict[int, Person], asked_at: float) -> None:
        async def send(some: Sequence[int]) -> None:
            group = Group(self._tools, some, seen=Seen({n: found[n] for n in some}, asked_at))
            await self._tools.gate.worker(group.run)

        await in_parallel(send, chunks(sorted(found), self._tools.batch_size), workers=self._workers)

    def _unsent(self) -> Iterator[list[int]]:
        return grouped(self._ledger.numbers(Axis.PROPERTIES, UNSENT[Axis.PROPERTIES]), NUMBERED_AT_ONCE)

    def _reads_left(self) -> float:
        """Reads by id that those whom nothing was sent to yet would take."""
        counts = self._ledger.counts(Axis.PROPERTIES)
        return sum(count for state, count in counts.items() if state in UNSENT[Axis.PROPERTIES]) / READ_SIZE
