"""One run of an open job: the test batch, then the other targets, then reading back until every change shows.

It sends nothing itself and keeps no states: what is left to do follows from the target states of the job.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice

import msgspec

from asyncclient import Bucket, PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped
from bulk.errors import BreakerOpened, NotFinished
from bulk.events import TestBatchDone
from bulk.execution.breaker import Breaker, RetryBudget
from bulk.execution.group_executor import GroupExecutor
from bulk.execution.progress_emitter import ProgressEmitter
from bulk.execution.run_context import RunContext
from bulk.execution.run_settings import MAX_GROUP_SIZE, RunSettings, group_size, max_groups
from bulk.execution.unset.key_list_trial import KeyListTrial
from bulk.journal.job_log import JobLog
from bulk.journal.records import TestBatchPassed
from bulk.journal.target_states import TargetStates
from bulk.number_ranges import format_ranges
from bulk.operations import PropertyOperation, UnsetProperties
from bulk.posthog.deletion_rows import DeletionRowReader
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.request_costs import TEST_BATCH_SIZE, persons_per_capture_request
from bulk.posthog.strategy import Strategy
from bulk.states import ACCEPTED, ACTIONABLE, PROVEN, Axis, Events, Person, Properties, Recordings
from bulk.targets.reasons import EXHAUSTED, AxisStatus
from bulk.undo.before_image import BeforeImage
from bulk.verification.completion_poller import CompletionPoller, WaitBudget
from bulk.verification.kept_persons import KeptPersons
from bulk.verification.listed_persons import ListedPersons
from bulk.verification.query_verifier import QueryVerifier
from bulk.verification.recording_verifier import RecordingVerifier
from bulk.verification.second_look import SecondLook
from bulk.verification.verification import Verification
from bulk.verification.verifier import Verifier

_UNPROVEN = frozenset({Person.ACCEPTED, Person.CONTRADICTED, Properties.ACCEPTED, Properties.CONTRADICTED})
"""States of a test batch whose change was accepted and does not show."""


class Run:
    """One run. Construct it inside the event loop that it runs in.

    Arguments:
        client: already reports its requests to `emitter`.
        gate: closes when the run must end.
        before_image: keeps what persons have before they are changed; None if nothing is kept.
    """

    def __init__(
        self,
        job: JobLog,
        client: PostHogClient,
        strategy: Strategy,
        gate: StopGate,
        emitter: ProgressEmitter,
        settings: RunSettings,
        *,
        before_image: BeforeImage | None = None,
    ) -> None:
        if strategy.by_capture:
            settings = msgspec.structs.replace(settings, batch_size=persons_per_capture_request(settings.batch_size))
        self._job = job
        self._one_call_per_person = strategy.one_call_per_person(job.primary_axis)
        self._gate = gate
        self._emitter = emitter
        self._settings = settings
        keys = job.operation.keys if isinstance(job.operation, PropertyOperation) else ()
        self._verifier = Verifier(
            job,
            PersonReader(client, gate, readers=settings.concurrency, keys=keys),
            DeletionRowReader(client, gate) if strategy.has_rows else None,
            server_time=client.server_time,
            max_uncovered_s=settings.max_uncovered_s,
        )
        self._second_look = SecondLook(self._verifier, gate, boot_time=client.boot_time)
        self._context = RunContext(
            job=job,
            client=client,
            verifier=self._verifier,
            second_look=self._second_look,
            kept_persons=KeptPersons(job, self._verifier, self._second_look, gate),
            strategy=strategy,
            gate=gate,
            breaker=Breaker(),
            budget=RetryBudget(),
            report=emitter.emit,
            moved=emitter.emit_if_due,
            batch_size=settings.batch_size,
            before_image=before_image,
        )
        self._poller = CompletionPoller(
            job,
            self._second_look,
            gate,
            readers=settings.concurrency,
            moved=emitter.emit_if_due,
            report=emitter.emit,
            query_verifier=QueryVerifier(client, gate, job.operation.keys)
            if isinstance(job.operation, UnsetProperties)
            else None,
            unreachable_s=lambda: client.unreachable_s,
        )

    async def send_and_read_back(self) -> None:
        """Send what is left and read back what was accepted. Returns early, in good order, when the gate closes."""
        await self._gate.run(self._send_and_read_back)
        self._emitter.progress()

    async def read_again(self) -> None:
        """Read all targets back without sending anything. Returns early, in good order, when the gate closes."""
        await self._gate.run(self._read_again)
        self._emitter.progress()

    async def _send_and_read_back(self) -> None:
        await self._context.kept_persons.read()
        trial = KeyListTrial(self._context, wait_s=self._settings.wait_s)
        if trial.is_needed:
            self._emitter.phase("test batch")
            await trial.run()
        if self._job.target_states.test_batch is None:
            await self._send_test_batch()
        budget = WaitBudget(self._settings.wait_s)
        while True:
            self._emitter.phase("sending")
            await self._send_rest()
            self._gate.check()
            self._emitter.phase("reading back")
            await self._poller.poll_until_done(budget)
            if not self._poller.resend_overdue():
                return await self._poller.watch_missing(budget)

    def _is_anything_left(self) -> bool:
        axis = self._job.primary_axis
        return any(state in ACTIONABLE[axis] for state in self._job.target_states.counts(axis))

    async def _send_rest(self) -> None:
        target_states, axis = self._job.target_states, self._job.primary_axis
        count = sum(count for state, count in target_states.counts(axis).items() if state in ACTIONABLE[axis])
        size = group_size(
            count,
            self._settings,
            one_call_per_person=self._one_call_per_person,
            block=self._context.strategy.persons_per_intent,
        )
        await self._send_groups(grouped(target_states.numbers(axis, ACTIONABLE[axis]), size), size)

    async def _send_groups(self, groups: Iterator[list[int]], size: int, *, test_batch: bool = False) -> None:
        """Take groups of targets through the erasure order; those that a response left out follow after a wait."""

        async def send(numbers: Sequence[int]) -> list[int]:
            group = GroupExecutor(self._context, numbers, test_batch=test_batch)
            await self._gate.worker(group.run)
            return group.left_out

        await self._second_look.repeat(send, groups, size=size, workers=self._workers())

    def _workers(self) -> int:
        if not {Axis.EVENTS, Axis.PERSON} <= self._job.requested_axes:
            return self._settings.concurrency
        windows = self._context.client.limits.budget(Bucket.DELETES)
        allowed = [(window.limit, window.window_s) for window in windows]
        return min(self._settings.concurrency, max_groups(allowed, self._settings.max_uncovered_s))

    async def _send_test_batch(self) -> None:
        """Process small batches, one by one, before the other targets, until one changed a person (guarantee 24)."""
        if not self._is_anything_left():
            return  # there is nothing that a test could protect
        self._emitter.phase("test batch")
        target_states, axis = self._job.target_states, self._job.primary_axis
        budget = WaitBudget(self._settings.wait_s)
        stuck = 0
        async for numbers in self._test_batches():
            await self._send_and_poll(numbers, budget)
            proven = [n for n in numbers if target_states.state(axis, n) in PROVEN[axis]]
            if proven:
                self._job.record(TestBatchPassed(at=self._job.now(), targets=format_ranges(proven)))
                self._emitter.emit(TestBatchDone(targets=len(proven)))
                return
            stuck += sum(target_states.state(axis, n) in _UNPROVEN for n in numbers)
            if stuck >= TEST_BATCH_SIZE or (stuck and stuck == target_states.count):
                raise NotFinished(f"the server accepted the test batch of {stuck} persons and has not applied it yet")
            if all_attempts_failed(target_states, axis, numbers):
                raise BreakerOpened(f"test batch: every attempt for the first {len(numbers)} persons failed")

    async def _test_batches(self) -> AsyncIterator[list[int]]:
        """Yield a few targets at a time. If the first need no change, large reads find the next ones that may."""
        target_states, axis = self._job.target_states, self._job.primary_axis
        size = min(TEST_BATCH_SIZE, self._settings.batch_size)
        candidates = target_states.numbers(axis, ACTIONABLE[axis] | {ACCEPTED[axis]}, unread=False)
        if first := list(islice(candidates, size)):
            yield first
        for numbers in grouped(candidates, MAX_GROUP_SIZE):
            await self._second_look.read([numbers], readers=1, moved=self._emitter.emit_if_due)
            for batch in grouped([n for n in numbers if target_states.state(axis, n) in ACTIONABLE[axis]], size):
                yield batch

    async def _send_and_poll(self, numbers: list[int], budget: WaitBudget) -> None:
        size = (
            group_size(len(numbers), self._settings, one_call_per_person=True)
            if self._one_call_per_person
            else len(numbers)
        )
        while True:
            await self._send_groups(grouped(numbers, size), size, test_batch=True)
            self._gate.check()
            if self._job.primary_axis in (Axis.EVENTS, Axis.RECORDINGS):
                kept = kept_targets(self._job.target_states, self._job.primary_axis, numbers)
                await GroupExecutor(self._context, kept).guard_kept(kept)
            left = await self._poller.poll_until_done(budget)
            if not left or not self._poller.resend_overdue():
                return

    async def _read_again(self) -> None:
        verification = Verification(
            self._job,
            self._verifier,
            self._second_look,
            ListedPersons(self._context.client, self._gate),
            RecordingVerifier(self._job, self._context.client, self._gate),
            readers=self._settings.concurrency,
            moved=self._emitter.emit_if_due,
        )
        self._emitter.will_read_again(verification.count)
        self._emitter.phase("reading back")
        await self._poller.poll_until_done(WaitBudget(0.0))
        await verification.read(self._emitter.count_reads)


def all_attempts_failed(target_states: TargetStates, axis: Axis, numbers: Sequence[int]) -> bool:
    """Return whether every attempt for these targets failed while others are left, which would fail like them."""
    others = any(state in ACTIONABLE[axis] for state in target_states.counts(axis))
    return others and all(target_states.status(axis, n).reason in EXHAUSTED for n in numbers)


def kept_targets(target_states: TargetStates, axis: Axis, numbers: Sequence[int]) -> list[int]:
    """Return the targets whose persons were present when something was sent for them, and must still be.

    If several targets are all gone, this job deleted their persons; a single one was deleted by someone else.
    """
    if kept := [n for n in numbers if target_states.person(n) is Person.NOT_REQUESTED]:
        return kept
    nothing_sent = (AxisStatus(Events.TOO_LATE), AxisStatus(Recordings.TOO_LATE))
    gone = [
        n
        for n in numbers
        if target_states.person(n) is Person.DISAPPEARED and target_states.status(axis, n) not in nothing_sent
    ]
    return gone if len(gone) > 1 else []
