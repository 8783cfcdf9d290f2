"""Reads accepted targets back until the change shows, or until the time to wait is over.

Accepted is not done (guarantee 21): a queued deletion takes minutes, and the server never reports one that failed.
A change of properties is applied later, and one whose event was lost is accepted like any other (contract 6.3, 6.5).
Only reading shows it.
"""

from collections.abc import Callable, Iterator

import anyio

from bulk.concurrency.stop_gate import StopGate
from bulk.events import WaitingForServer
from bulk.journal.job_log import JobLog
from bulk.number_ranges import grouped
from bulk.posthog.person_reader import READ_SIZE, chunks
from bulk.states import ACCEPTED, Axis, Person
from bulk.targets.observations import Observation
from bulk.targets.reasons import UNREAD, Reason
from bulk.verification.query_verifier import QueryVerifier, StillHaving
from bulk.verification.second_look import SecondLook

WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
"""Seconds between reads; the last one repeats."""

SEND_AGAIN_AFTER_S = 60.0
SEND_AGAIN_QUEUED_AFTER_S = 1800.0
"""The server tries a queued deletion for up to 20 minutes before it fails without a report (contract 6.5)."""

MOST_READ_DESPITE_QUERY = 20_000
"""Persons that are read in the store although a query says that they still have the properties, as it may lag."""

PATIENCE_GROWS = {Axis.PERSON: 1, Axis.PROPERTIES: 2}
"""Factor of the wait after each repetition: a change of properties that does not show may be lost or only late."""

MOST_CHANGES = 5
"""Times that a change is accepted and does not show before it is given up for this run."""

GIVEN_BACK_AT_ONCE = 10_000
TARGETS_AT_ONCE = 5_000


class WaitBudget:
    """Seconds that are left to wait for the server, over all reads and repetitions."""

    def __init__(self, left_s: float) -> None:
        self.left_s = left_s


class CompletionPoller:
    """Reads accepted targets until the change shows for all. Events and recordings leave nothing to wait for here.

    Arguments:
        readers: reads at once.
        moved: called after each settled group, for progress.
        holders: asks by query which persons still have the properties and need no read yet; None to read all.
    """

    def __init__(
        self,
        job: JobLog,
        second_look: SecondLook,
        gate: StopGate,
        *,
        readers: int,
        moved: Callable[[], None],
        report: Callable[[WaitingForServer], None],
        query_verifier: QueryVerifier | None = None,
    ) -> None:
        self._axis, self._accepted = job.lead, ACCEPTED[job.lead]
        self._waits = job.lead in (Axis.PERSON, Axis.PROPERTIES)
        self._query_verifier = query_verifier
        self._last_done_at = 0.0
        self._patience = 1
        self._job = job
        self._second_look = second_look
        self._gate = gate
        self._readers = readers
        self._moved = moved
        self._report = report

    async def until_done(self, waiting: WaitBudget) -> int:
        """Read every accepted target until its change shows or the time to wait is over.

        Arguments:
            waiting: how long to wait for the server after all were read once; the time waited is subtracted.

        Returns:
            For how many the change does not show yet.
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

    async def watch_missing(self, waiting: WaitBudget) -> None:
        """Read persons again that vanished after they were sent a change, as long as it may still re-create them."""
        target_states, waits = self._job.target_states, iter(WAITS_S)
        while left := [
            n
            for n in target_states.numbers(Axis.PERSON, (Person.VANISHED,))
            if target_states.standing(Axis.PERSON, n).reason is Reason.SINCE_SENT
        ]:
            await self._second_look.read(chunks(left, READ_SIZE), readers=self._readers, moved=self._moved)
            self._moved()
            remaining = min(target_states.last_accepted_at + SEND_AGAIN_AFTER_S - self._job.now(), waiting.left_s)
            if remaining <= 0:
                return
            wait = min(next(waits, WAITS_S[-1]), remaining)
            waiting.left_s -= wait
            await self._gate.sleep(wait)

    def give_back_overdue(self) -> int:
        """Return accepted targets to sending if their change is overdue, or give them up for this run.

        Returns:
            How many are to be sent again.
        """
        if not self._overdue():
            return 0
        attempts, given_back, most = self._job.target_states.attempts, 0, MOST_SENT[self._axis]
        for numbers in grouped(self._read_now(), GIVEN_BACK_AT_ONCE):
            overdue = {n: _AGAIN if attempts[n] < most else _NO_MORE for n in numbers}
            self._job.observe("engine", overdue)
            given_back += sum(what is _AGAIN for what in overdue.values())
        self._patience *= PATIENCE_GROWS[self._axis]
        return given_back

    async def _read_all(self) -> int:
        if not self._waits:
            return 0
        named = await self._query_verifier.ask(self._left()) if self._query_verifier is not None else None
        if named is not None:
            await self._read(self._not_named(named))
            if (left := self._left()) > MOST_READ_DESPITE_QUERY:
                return left  # not applied yet, and the next query costs little
        await self._read(grouped(self._read_now(), READ_SIZE))
        return self._left()

    async def _read(self, groups: Iterator[list[int]]) -> None:
        await self._second_look.read(groups, readers=self._readers, moved=self._moved)

    def _not_named(self, named: StillHaving) -> Iterator[list[int]]:
        """The accepted targets of which the query does not say that they still have the properties."""
        blocks = (self._job.targets(numbers) for numbers in grouped(self._read_now(), TARGETS_AT_ONCE))
        return grouped((n for block in blocks for n, target in block.items() if target not in named), READ_SIZE)

    def _left(self) -> int:
        standings = self._job.target_states.standings(self._axis).items()
        return sum(count for each, count in standings if each.state is self._accepted and each.reason not in UNREAD)

    def _read_now(self) -> Iterator[int]:
        """The accepted targets to read; those that could not be read wait for the next run."""
        return self._job.target_states.numbers(self._axis, (self._accepted,), unread=False)

    def _overdue(self) -> bool:
        if not self._waits:
            return False
        target_states = self._job.target_states
        after_s = SEND_AGAIN_QUEUED_AFTER_S if target_states.queued_deletion_seen else SEND_AGAIN_AFTER_S
        return self._job.now() - max(target_states.last_accepted_at, self._last_done_at) > after_s * self._patience


MOST_SENT = {Axis.PERSON: 2, Axis.PROPERTIES: MOST_CHANGES}
"""Attempts that are accepted and do not show before a target is given up for this run."""

_AGAIN = (Observation.OVERDUE,)
_NO_MORE = (Observation.OVERDUE_AGAIN,)
