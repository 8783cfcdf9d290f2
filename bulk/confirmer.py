"""Reads accepted deletions back until the persons are gone, or until the time that may be waited is over.

Accepted is not done (promise 21): a queued deletion takes minutes, and the server never reports one that failed
(contract 6.5), so only reading tells.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import anyio

from bulk.gate import Gate
from bulk.job import Job
from bulk.outcomes import Axis, Person
from bulk.pool import in_parallel
from bulk.progress import WaitingForServer
from bulk.store import READ_SIZE
from bulk.verifier import Verifier

WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
"""Between readings; the last one repeats."""

SEND_AGAIN_AFTER_S = 60.0
SEND_AGAIN_QUEUED_AFTER_S = 1800.0
"""A queued deletion is tried by the server for up to 20 minutes (contract 6.5) before it has failed in silence."""


class Confirmer:
    """Reads the store until nobody who was accepted is left in it.

    Arguments:
        readers: reads at once.
        moved: called after each settled group, for progress.
    """

    def __init__(
        self,
        job: Job,
        verifier: Verifier,
        gate: Gate,
        *,
        readers: int,
        moved: Callable[[], None],
        report: Callable[[WaitingForServer], None],
    ) -> None:
        self._job = job
        self._verifier = verifier
        self._gate = gate
        self._readers = readers
        self._moved = moved
        self._report = report

    async def until_gone(self, *, deadline: float) -> int:
        """Read every accepted target until it is gone or the deadline is over.

        Arguments:
            deadline: by anyio.current_time(), seconds.

        Returns:
            How many are still there.
        """
        waits = iter(WAITS_S)
        while left := await self._read_all():
            wait = next(waits, WAITS_S[-1])
            remaining = deadline - anyio.current_time()
            if remaining <= 0 or self._overdue():
                return left
            self._report(WaitingForServer(targets=left, next_read_s=min(wait, remaining), wait_left_s=remaining))
            await self._gate.sleep(min(wait, remaining))
        return 0

    def give_back_overdue(self) -> int:
        """Mark accepted targets that are there long after they should be gone as to be sent again.

        Returns:
            How many there are.
        """
        if not self._overdue():
            return 0
        numbers = list(self._job.ledger.numbers(Axis.PERSON, (Person.ACCEPTED,)))
        contradicted = [n for n in numbers if self._job.ledger.attempts[n] > 1]
        again = [n for n in numbers if self._job.ledger.attempts[n] <= 1]
        self._job.settle(
            "engine",
            {(Person.SURVIVED, None): again, (Person.CONTRADICTED, "accepted_but_there"): contradicted},
        )
        return len(again)

    async def _read_all(self) -> int:
        async def read(group: list[int]) -> None:
            await self._verifier.check_store(group)
            self._moved()

        accepted = self._job.ledger.numbers(Axis.PERSON, (Person.ACCEPTED,))
        await in_parallel(read, grouped(accepted, READ_SIZE), workers=self._readers)
        return self._job.ledger.counts(Axis.PERSON).get(Person.ACCEPTED, 0)

    def _overdue(self) -> bool:
        ledger = self._job.ledger
        patience = SEND_AGAIN_QUEUED_AFTER_S if ledger.queued_deletion_seen else SEND_AGAIN_AFTER_S
        return self._job.now() - ledger.last_accepted_at > patience


def grouped(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    """Numbers in lists of at most `size`, in order."""
    rest = iter(numbers)
    while group := list(islice(rest, size)):
        yield group
