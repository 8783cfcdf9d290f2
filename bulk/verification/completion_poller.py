"""Reads accepted targets back until the change shows, or until the time to wait is used up.

Accepted is not done (guarantee 21): the server applies deletions and changes later, and never reports one that failed
(contract 6.3, 6.5). Only a read shows it. When a change is overdue, and what follows, is in `resend_policy`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import anyio

from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped
from bulk.events import Wait, WaitingForServer, WaitKind
from bulk.journal.job_log import JobLog
from bulk.posthog.batch_reads import READ_SIZE
from bulk.states import ACCEPTED, Axis, Person
from bulk.targets.reasons import UNREAD, Reason
from bulk.verification.query_verifier import QueryVerifier, StillHaving
from bulk.verification.resend_policy import RESEND, ResendPolicy
from bulk.verification.second_look import SecondLook

WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
"""Seconds between reads; the last one repeats."""

MAX_READ_DESPITE_QUERY = 20_000
"""Persons that are read although a query returned them as unchanged: the query may lag behind."""

RESENT_AT_ONCE = 10_000
TARGETS_AT_ONCE = 5_000


class WaitBudget:
    """Seconds that are left to wait for the server, over all reads and resends of a run."""

    def __init__(self, left_s: float) -> None:
        self.left_s = left_s


class CompletionPoller:
    """Polls until the change shows for all accepted targets. Events and recordings have nothing to wait for here.

    Arguments:
        readers: how many reads run at once.
        moved: called after each group that was read, for progress.
        report: takes an event before each wait.
        query_verifier: asks by a query which persons are unchanged and need no read yet; None to read all.
        unreachable_s: returns the seconds of all outages so far, in which the server applied nothing.
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
        unreachable_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._axis, self._accepted = job.primary_axis, ACCEPTED[job.primary_axis]
        self._polls = job.primary_axis in (Axis.PERSON, Axis.PROPERTIES)
        self._query_verifier = query_verifier
        self._unreachable_s = unreachable_s
        self._noted_unreachable_s = 0.0
        self._resend_policy = ResendPolicy(job.primary_axis)
        self._job = job
        self._second_look = second_look
        self._gate = gate
        self._readers = readers
        self._moved = moved
        self._report = report

    async def poll_until_done(self, budget: WaitBudget) -> int:
        """Read every accepted target until its change shows, is overdue, or the time to wait is used up.

        Arguments:
            budget: how long to wait after all targets were read once; the time waited is subtracted.

        Returns:
            For how many targets the change does not show yet.
        """
        waits = iter(WAITS_S)
        waited_at: float | None = None
        began_at: float | None = None
        while left := await self._read_accepted():
            self._resend_policy.note_left(left, self._job.now())
            now, outages_s = anyio.current_time(), self._new_outages_s()
            budget.left_s -= 0.0 if waited_at is None else max(0.0, now - waited_at - outages_s)
            waited_at = now
            if budget.left_s <= 0 or self._is_overdue():
                return left
            wait_s = min(next(waits, WAITS_S[-1]), budget.left_s)
            self._report(
                WaitingForServer(targets=left, next_read_s=wait_s, wait_left_s=budget.left_s, axis=self._axis.value)
            )
            began_at = now if began_at is None else began_at
            await self._gate.wait(
                Wait(
                    kind=WaitKind.CATCHING_UP,
                    waited_s=now - began_at,
                    left_s=wait_s,
                    gives_up_in_s=budget.left_s,
                    targets=left,
                    axis=self._axis.value,
                )
            )
        return 0

    def _new_outages_s(self) -> float:
        """Return the seconds of outages since the last call; an outage restarts the time that changes have to show."""
        before, self._noted_unreachable_s = self._noted_unreachable_s, self._unreachable_s()
        new_s = self._noted_unreachable_s - before
        if new_s > 0:
            self._resend_policy.note_outage(self._job.now())
        return new_s

    async def watch_missing(self, budget: WaitBudget) -> None:
        """Read persons again that disappeared after a change was sent, while that change may still re-create them."""
        target_states, waits = self._job.target_states, iter(WAITS_S)
        while missing := [
            n
            for n in target_states.numbers(Axis.PERSON, (Person.DISAPPEARED,))
            if target_states.status(Axis.PERSON, n).reason is Reason.LOST_AFTER_CHANGE_SENT
        ]:
            await self._read(grouped(missing, READ_SIZE))
            self._moved()
            effective_s = self._resend_policy.may_take_effect_for_s(self._job.now(), target_states.last_accepted_at)
            remaining_s = min(effective_s, budget.left_s)
            if remaining_s <= 0:
                return
            wait_s = min(next(waits, WAITS_S[-1]), remaining_s)
            budget.left_s -= wait_s
            await self._gate.sleep(wait_s, WaitKind.CATCHING_UP, targets=len(missing))

    def resend_overdue(self) -> int:
        """Mark accepted targets to be sent again if their change is overdue, or give them up for this run.

        Returns:
            How many are to be sent again.
        """
        if not self._is_overdue():
            return 0
        attempts, resent = self._job.target_states.attempts, 0
        for numbers in grouped(self._to_read(), RESENT_AT_ONCE):
            decisions = {n: self._resend_policy.decide(attempts[n]) for n in numbers}
            self._job.observe("engine", decisions)
            resent += sum(decision is RESEND for decision in decisions.values())
        self._resend_policy.note_resent()
        return resent

    async def _read_accepted(self) -> int:
        """Read the accepted targets once.

        Returns:
            For how many the change does not show yet.
        """
        if not self._polls:
            return 0
        unchanged = await self._query_verifier.ask(self._left()) if self._query_verifier is not None else None
        if unchanged is not None:
            await self._read(self._all_but(unchanged))
            if (left := self._left()) > MAX_READ_DESPITE_QUERY:
                return left  # not applied yet, and the next query costs little
        await self._read(grouped(self._to_read(), READ_SIZE))
        return self._left()

    async def _read(self, groups: Iterable[Sequence[int]]) -> None:
        await self._second_look.read(groups, readers=self._readers, moved=self._moved)

    def _all_but(self, unchanged: StillHaving) -> Iterator[list[int]]:
        """Yield the accepted targets that the query did not return, in groups."""
        blocks = (self._job.targets(numbers) for numbers in grouped(self._to_read(), TARGETS_AT_ONCE))
        return grouped((n for block in blocks for n, target in block.items() if target not in unchanged), READ_SIZE)

    def _left(self) -> int:
        """Return how many accepted targets are still to be read."""
        standings = self._job.target_states.statuses(self._axis).items()
        return sum(count for each, count in standings if each.state is self._accepted and each.reason not in UNREAD)

    def _to_read(self) -> Iterator[int]:
        """Yield the accepted targets to read. Those that could not be read wait for the next run."""
        return self._job.target_states.numbers(self._axis, (self._accepted,), unread=False)

    def _is_overdue(self) -> bool:
        target_states = self._job.target_states
        return self._resend_policy.is_overdue(
            self._job.now(), target_states.last_accepted_at, queued=target_states.queued_deletion_seen
        )
