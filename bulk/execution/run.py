"""One run over an open job: the canary, then the rest, then reading back until every accepted target is settled.

It sends nothing itself and keeps no state of targets: what is left to do comes from the ledger.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice

import msgspec

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import run_workers
from bulk.errors import BreakerOpened, NotFinished
from bulk.events import TestBatchDone
from bulk.execution.breaker import Breaker, RetryBudget
from bulk.execution.group_executor import GroupExecutor
from bulk.execution.group_sizes import group_size
from bulk.execution.progress_emitter import ProgressEmitter
from bulk.execution.run_context import RunContext
from bulk.execution.run_settings import LARGEST_GROUP, RunSettings
from bulk.journal.job_log import JobLog
from bulk.journal.records import TestBatchPassed
from bulk.number_ranges import format_ranges, grouped
from bulk.operations import PropertyOperation, UnsetProperties, wanted
from bulk.posthog.deletion_rows import DeletionRowReader
from bulk.posthog.person_reader import READ_SIZE, PersonReader, chunks
from bulk.posthog.request_costs import CANARY_SIZE, persons_by_capture
from bulk.posthog.strategy import Strategy
from bulk.states import ACCEPTED, PROVEN, UNSENT, Axis, Events, Person, Properties, Recordings, State
from bulk.targets.reasons import USED_UP, Standing
from bulk.verification.completion_poller import CompletionPoller, WaitBudget
from bulk.verification.query_verifier import QueryVerifier
from bulk.verification.second_look import MOST_LEFT_OUT, SecondLook
from bulk.verification.verifier import Verifier

READ_AGAIN: dict[Axis, tuple[State, ...]] = {
    Axis.PERSON: (
        Person.GONE,
        Person.GONE_SETTLED,
        Person.GONE_BEFORE,
        Person.VANISHED,
        Person.MERGED,
        Person.REAPPEARED,
        Person.CONTRADICTED,
    ),
    Axis.PROPERTIES: (
        Properties.DONE,
        Properties.DONE_SETTLED,
        Properties.DONE_BEFORE,
        Properties.CONTRADICTED,
        Properties.GONE,
        Properties.MISSED,
        Properties.NOT_SENT,
    ),
}
"""States that `verify` reads again: a change may have been undone, and a person who was gone may be there again."""

_UNPROVEN = frozenset({Person.ACCEPTED, Person.CONTRADICTED, Properties.REQUESTED, Properties.CONTRADICTED})


class Run:
    """One run. Construct it inside the event loop that it runs in.

    Arguments:
        client: already reporting to `emitter`.
        gate: closes when the run must end.
    """

    def __init__(
        self,
        job: JobLog,
        client: PostHogClient,
        strategy: Strategy,
        gate: StopGate,
        emitter: ProgressEmitter,
        settings: RunSettings,
    ) -> None:
        if strategy.by_capture:
            settings = msgspec.structs.replace(settings, batch_size=persons_by_capture(settings.batch_size))
        self._job = job
        self._one_call_per_person = strategy.one_call_per_person(job.lead)
        self._gate = gate
        self._emitter = emitter
        self._settings = settings
        self._unread = 0
        keys = job.operation.keys if isinstance(job.operation, PropertyOperation) else ()
        self._verifier = Verifier(
            job,
            PersonReader(client, gate, readers=settings.concurrency, keys=keys),
            DeletionRowReader(client, gate) if strategy.has_rows else None,
            server_time=client.server_time,
            max_uncovered_s=settings.max_uncovered_s,
            wanted=wanted(job.operation),
        )
        self._second_look = SecondLook(self._verifier, gate, boot_time=client.boot_time)
        self._context = RunContext(
            job=job,
            client=client,
            verifier=self._verifier,
            second_look=self._second_look,
            strategy=strategy,
            gate=gate,
            breaker=Breaker(),
            budget=RetryBudget(),
            report=emitter.emit,
            moved=emitter.moved,
            batch_size=settings.batch_size,
        )
        self._confirmer = CompletionPoller(
            job,
            self._second_look,
            gate,
            readers=settings.concurrency,
            moved=emitter.moved,
            report=emitter.emit,
            query_verifier=QueryVerifier(client, gate, job.operation.keys)
            if isinstance(job.operation, UnsetProperties)
            else None,
        )

    async def send_and_confirm(self) -> None:
        """Send what is left, read back what was accepted. Returns early, in good order, when the gate closes."""
        await self._gate.run(self._send_and_confirm)
        self._emitter.progress()

    async def read_again(self) -> int:
        """Read everything back without sending.

        Returns:
            How many targets could not be read.
        """
        await self._gate.run(self._read_again)
        self._emitter.progress()
        return self._unread

    async def _send_and_confirm(self) -> None:
        if self._job.target_states.test_batch is None:
            await self._test_batch()
        waiting = WaitBudget(self._settings.wait_s)
        while True:
            self._emitter.phase("sending")
            await self._send_rest()
            self._gate.check()
            self._emitter.phase("reading back")
            await self._confirmer.until_done(waiting)
            if not self._confirmer.give_back_overdue():
                return await self._confirmer.watch_missing(waiting)

    async def _send_rest(self) -> None:
        target_states, axis = self._job.target_states, self._job.lead
        count = sum(count for state, count in target_states.counts(axis).items() if state in UNSENT[axis])
        size = group_size(
            count, self._settings, one_call_per_person=self._one_call_per_person, block=self._context.strategy.block
        )
        await self._send_groups(grouped(target_states.numbers(axis, UNSENT[axis]), size), size)

    async def _send_groups(self, groups: Iterator[list[int]], size: int, *, test_batch: bool = False) -> None:
        """Take groups of targets through the erasure order, and those that an answer left out after their wait."""
        left_out: list[int] = []

        async def send(numbers: Sequence[int]) -> None:
            group = GroupExecutor(self._context, numbers, test_batch=test_batch)
            await self._gate.worker(group.run)
            left_out.extend(group.left_out)

        def while_few_are_left_out() -> Iterator[list[int]]:
            while not self._gate.closed and len(left_out) < MOST_LEFT_OUT:
                if (group := next(groups, None)) is None:
                    return
                yield group

        await run_workers(send, while_few_are_left_out(), workers=self._settings.concurrency)
        while left_out and not self._gate.closed:
            again = sorted(left_out)
            left_out.clear()
            await self._second_look.wait(again)
            await run_workers(send, chunks(again, size), workers=self._settings.concurrency)
            await run_workers(send, while_few_are_left_out(), workers=self._settings.concurrency)

    async def _test_batch(self) -> None:
        """Process small batches one by one before the others, until one has changed a person (guarantee 24)."""
        self._emitter.phase("canary")
        target_states, axis = self._job.target_states, self._job.lead
        waiting = WaitBudget(self._settings.wait_s)
        stuck = 0
        async for numbers in self._test_batches():
            await self._send_and_settle(numbers, waiting)
            proven = [n for n in numbers if target_states.state(axis, n) in PROVEN[axis]]
            if proven:
                self._job.record(TestBatchPassed(at=self._job.now(), targets=format_ranges(proven)))
                self._emitter.emit(TestBatchDone(targets=len(proven)))
                return
            stuck += sum(target_states.state(axis, n) in _UNPROVEN for n in numbers)
            if stuck >= CANARY_SIZE or (stuck and stuck == target_states.count):
                raise NotFinished(f"the server accepted the test batch of {stuck} persons and has not applied it yet")
            self._stop_if_all_failed(numbers)

    def _stop_if_all_failed(self, numbers: Sequence[int]) -> None:
        """End the run after a batch for which every attempt failed: the next batches would fail like it."""
        target_states, axis = self._job.target_states, self._job.lead
        others = any(state in UNSENT[axis] for state in target_states.counts(axis))
        if others and all(target_states.standing(axis, n).reason in USED_UP for n in numbers):
            raise BreakerOpened(f"canary: every attempt for the first {len(numbers)} persons failed")

    async def _test_batches(self) -> AsyncIterator[list[int]]:
        """A few targets at a time. If the first ones needed no change, large reads find the next ones that may."""
        target_states, axis, most = self._job.target_states, self._job.lead, min(CANARY_SIZE, self._settings.batch_size)
        candidates = target_states.numbers(axis, UNSENT[axis] | {ACCEPTED[axis]}, unread=False)
        if first := list(islice(candidates, most)):
            yield first
        for numbers in grouped(candidates, LARGEST_GROUP):
            await self._second_look.read([numbers], readers=1, moved=self._emitter.moved)
            for some in chunks([n for n in numbers if target_states.state(axis, n) in UNSENT[axis]], most):
                yield list(some)

    async def _send_and_settle(self, numbers: list[int], waiting: WaitBudget) -> None:
        size = (
            group_size(len(numbers), self._settings, one_call_per_person=True)
            if self._one_call_per_person
            else len(numbers)
        )
        while True:
            await self._send_groups(grouped(numbers, size), size, test_batch=True)
            self._gate.check()
            if self._job.lead in (Axis.EVENTS, Axis.RECORDINGS):
                kept = self._to_be_kept(numbers)
                await GroupExecutor(self._context, kept).guard_kept(kept)
            left = await self._confirmer.until_done(waiting)
            if not left or not self._confirmer.give_back_overdue():
                return

    def _to_be_kept(self, numbers: Sequence[int]) -> list[int]:
        """The targets whose persons were there when something was sent for them: this job has to have left them there.

        One of many that is gone already was deleted by somebody else; if all of several are gone, it was this job.
        """
        target_states = self._job.target_states
        if kept := [n for n in numbers if target_states.person(n) is Person.NOT_ASKED]:
            return kept
        found_gone = (Standing(Events.MISSED), Standing(Recordings.MISSED))  # nothing was sent
        gone = [
            n
            for n in numbers
            if target_states.person(n) is Person.VANISHED
            and target_states.standing(self._job.lead, n) not in found_gone
        ]
        return gone if len(gone) > 1 else []

    async def _read_again(self) -> None:
        self._emitter.phase("reading back")
        await self._confirmer.until_done(WaitBudget(0.0))
        axis = Axis.PROPERTIES if self._job.lead is Axis.PROPERTIES else Axis.PERSON
        again = self._job.target_states.numbers(axis, READ_AGAIN[axis])
        self._unread = await self._second_look.read(
            grouped(again, READ_SIZE), readers=self._settings.concurrency, moved=self._emitter.moved
        )
        await self._verifier.check_purged()
