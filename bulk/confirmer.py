"""Reads accepted deletions back until the persons are gone, or until the time that may be waited is over.

Accepted is not done (promise 21): a queued deletion takes minutes, and the server never reports one that failed
(contract 6.5), so only reading tells.
"""

from collections.abc import Callable

import anyio

from bulk.gate import Gate
from bulk.job import Job
from bulk.outcomes import Axis, Person
from bulk.pool import in_parallel
from bulk.progress import WaitingForServer
from bulk.ranges import grouped
from bulk.store import READ_SIZE
from bulk.verifier import Verifier

WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
"""Between readings; the last one repeats."""

SEND_AGAIN_AFTER_S = 60.0
SEND_AGAIN_QUEUED_AFTER_S = 1800.0
"""A queued deletion is tried by the server for up to 20 minutes (contract 6.5) before it has failed in silence."""


GIVEN_BACK_AT_ONCE = 10_000


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

    async def until_gone(self, *, wait_s: float) -> int:
        """Read every accepted target until it is gone or nobody waits any longer.

        Arguments:
            wait_s: seconds to wait for the server after everybody was read once.

        Returns:
            How many are still there.
        """
        waits = iter(WAITS_S)
        deadline: float | None = None
        while left := await self._read_all():
            wait = next(waits, WAITS_S[-1])
            deadline = anyio.current_time() + wait_s if deadline is None else deadline
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
        attempts, given_back = self._job.ledger.attempts, 0
        for numbers in grouped(self._job.ledger.numbers(Axis.PERSON, (Person.ACCEPTED,)), GIVEN_BACK_AT_ONCE):
            again = [n for n in numbers if attempts[n] <= 1]
            contradicted = [n for n in numbers if attempts[n] > 1]
            self._job.settle(
                "engine",
                {(Person.SURVIVED, None): again, (Person.CONTRADICTED, "accepted_but_there"): contradicted},
            )
            given_back += len(again)
        return given_back

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
