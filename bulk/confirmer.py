"""Reads accepted targets back until they are as asked, or until the time that may be waited is over.

Accepted is not done (promise 21): a queued deletion takes minutes, and the server never reports one that failed;
a change of properties is applied later, and one whose event was lost answers like any other (contract 6.3, 6.5).
So only reading tells.
"""

from collections.abc import Callable

import anyio

from bulk.gate import Gate
from bulk.holders import Holders
from bulk.job import Job
from bulk.outcomes import ACCEPTED, Axis, Person, Properties, State
from bulk.pool import in_parallel
from bulk.progress import WaitingForServer
from bulk.ranges import grouped
from bulk.store import READ_SIZE, chunks
from bulk.verifier import SINCE_SENT, Verifier

WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
"""Between readings; the last one repeats."""

SEND_AGAIN_AFTER_S = 60.0
SEND_AGAIN_QUEUED_AFTER_S = 1800.0
"""A queued deletion is tried by the server for up to 20 minutes (contract 6.5) before it has failed in silence."""

MOST_READ_SINGLY = 20_000
"""Persons that are read in the store although a query has just told that they are not as asked."""

PATIENCE_GROWS = {Axis.PERSON: 1, Axis.PROPERTIES: 2}
"""A change that is not applied may be lost or just late: each repetition waits longer than the one before."""

MOST_CHANGES = 5
"""Times that a change is accepted and not applied before it is given up for this run."""

GIVEN_BACK_AT_ONCE = 10_000


class Waiting:
    """Seconds that are left to wait for the server, over as many readings and repetitions as there are."""

    def __init__(self, left_s: float) -> None:
        self.left_s = left_s


class Confirmer:
    """Reads what was accepted until all of it is as asked. Events and recordings leave nothing to wait for here.

    Arguments:
        readers: reads at once.
        moved: called after each settled group, for progress.
        holders: reads many at once, where the server has a way.
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
        holders: Holders | None = None,
    ) -> None:
        self._axis, self._accepted = job.lead, ACCEPTED[job.lead]
        self._waits = job.lead in (Axis.PERSON, Axis.PROPERTIES)
        self._holders = holders
        self._last_done_at = 0.0
        self._patience = 1
        self._job = job
        self._verifier = verifier
        self._gate = gate
        self._readers = readers
        self._moved = moved
        self._report = report

    async def until_done(self, waiting: Waiting) -> int:
        """Read every accepted target until it is as asked or nobody waits any longer.

        Arguments:
            waiting: how long to wait for the server after everybody was read once; what was waited is taken off.

        Returns:
            How many are not as asked yet.
        """
        waits = iter(WAITS_S)
        waited_at: float | None = None
        before = 0
        while left := await self._read_all():
            if left < before:
                self._last_done_at = self._job.now()
            before = left
            now = anyio.current_time()
            waiting.left_s -= 0.0 if waited_at is None else now - waited_at
            waited_at = now
            if waiting.left_s <= 0 or self._overdue():
                return left
            wait = min(next(waits, WAITS_S[-1]), waiting.left_s)
            self._report(
                WaitingForServer(targets=left, next_read_s=wait, wait_left_s=waiting.left_s, axis=self._axis.value)
            )
            await self._gate.sleep(wait)
        return 0

    async def watch_the_vanished(self, waiting: Waiting) -> None:
        """Read those again who were gone after they had been sent a change, as long as it may still make them anew."""
        ledger, waits = self._job.ledger, iter(WAITS_S)
        while left := [
            n for n in ledger.numbers(Axis.PERSON, (Person.VANISHED,)) if ledger.reason(Axis.PERSON, n) == SINCE_SENT
        ]:
            for numbers in chunks(left, READ_SIZE):
                await self._verifier.check_kept(list(numbers))
            self._moved()
            remaining = min(ledger.last_accepted_at + SEND_AGAIN_AFTER_S - self._job.now(), waiting.left_s)
            if remaining <= 0:
                return
            wait = min(next(waits, WAITS_S[-1]), remaining)
            waiting.left_s -= wait
            await self._gate.sleep(wait)

    def give_back_overdue(self) -> int:
        """Mark accepted targets that are not as asked long after they should be as to be sent again.

        Returns:
            How many there are.
        """
        if not self._overdue():
            return 0
        attempts, given_back = self._job.ledger.attempts, 0
        most, once_more, given_up = _OVERDUE[self._axis]
        for numbers in grouped(self._job.ledger.numbers(self._axis, (self._accepted,)), GIVEN_BACK_AT_ONCE):
            again = [n for n in numbers if attempts[n] < most]
            contradicted = [n for n in numbers if attempts[n] >= most]
            self._job.settle("engine", {(once_more, None): again, given_up: contradicted})
            given_back += len(again)
        self._patience *= PATIENCE_GROWS[self._axis]
        return given_back

    async def _read_all(self) -> int:
        if not self._waits:
            return 0
        if self._holders is not None and await self._holders.read():
            left = self._job.ledger.counts(self._axis).get(self._accepted, 0)
            if left > MOST_READ_SINGLY:
                return left  # not applied yet: the next look costs little

        async def read(group: list[int]) -> None:
            await self._verifier.check_store(group)
            self._moved()

        accepted = self._job.ledger.numbers(self._axis, (self._accepted,))
        await in_parallel(read, grouped(accepted, READ_SIZE), workers=self._readers)
        return self._job.ledger.counts(self._axis).get(self._accepted, 0)

    def _overdue(self) -> bool:
        if not self._waits:
            return False
        ledger = self._job.ledger
        after_s = SEND_AGAIN_QUEUED_AFTER_S if ledger.queued_deletion_seen else SEND_AGAIN_AFTER_S
        return self._job.now() - max(ledger.last_accepted_at, self._last_done_at) > after_s * self._patience


_OVERDUE: dict[Axis, tuple[int, State, tuple[State, str]]] = {
    Axis.PERSON: (2, Person.SURVIVED, (Person.CONTRADICTED, "accepted_but_there")),
    Axis.PROPERTIES: (MOST_CHANGES, Properties.AGAIN, (Properties.CONTRADICTED, "accepted_not_applied")),
}
"""Attempts that are enough, what a target is before the next one, and what it is when there is none."""
