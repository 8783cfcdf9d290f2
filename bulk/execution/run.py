"""One run over an open job: the canary, then the rest, then reading back until every accepted target is settled.

It sends nothing itself and keeps no state of targets: what is left to do comes from the ledger.
"""

import math
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice

import msgspec

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import Gate
from bulk.concurrency.workers import in_parallel
from bulk.errors import BreakerOpened, NotFinished
from bulk.events import CanaryDone
from bulk.execution.breaker import Breaker, RetryBudget
from bulk.execution.group_executor import Group, whole_blocks
from bulk.execution.progress_emitter import Reporter
from bulk.execution.run_context import Tools
from bulk.journal.job_log import Job
from bulk.journal.records import CanaryPassed
from bulk.number_ranges import format_ranges, grouped
from bulk.operations import PropertyOperation, UnsetProperties, wanted
from bulk.posthog.deletion_rows import DeletionRowReader
from bulk.posthog.person_reader import READ_SIZE, PersonReader, chunks
from bulk.posthog.request_costs import CANARY_SIZE, persons_by_capture
from bulk.posthog.strategy import Way
from bulk.states import ACCEPTED, PROVEN, UNSENT, Axis, Events, Person, Properties, Recordings, State
from bulk.targets.reasons import USED_UP, Standing
from bulk.verification.completion_poller import Confirmer, Waiting
from bulk.verification.query_verifier import Holders
from bulk.verification.second_look import MOST_LEFT_OUT, SecondLook
from bulk.verification.verifier import MAX_UNCOVERED_S, Verifier

LARGEST_BATCH = 1000
"""What bulk_delete takes (contract 6.5)."""
MOST_WORKERS = 256
LARGEST_GROUP = 1000
"""Targets that a worker takes at once: five full reads of the store, one page of deletion rows."""

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

LEAST_UNCOVERED_S = 60.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one run, which may differ from run to run of a job.

    Arguments:
        concurrency: batches processed in parallel.
        batch_size: persons per bulk request.
        wait_s: seconds to wait for the server to catch up.
        max_uncovered_s: seconds before a person's deletion in which its events may stay uncovered by a deletion row.
    """

    concurrency: int = 8
    batch_size: int = 250
    wait_s: float = 900.0
    max_uncovered_s: float = MAX_UNCOVERED_S

    def __post_init__(self) -> None:
        for name, value, most in (
            ("concurrency", self.concurrency, MOST_WORKERS),
            ("batch size", self.batch_size, LARGEST_BATCH),
        ):
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"{name} {value!r} is not a whole number between 1 and {most}")
        if type(self.wait_s) not in (int, float) or not 0 <= self.wait_s < math.inf:
            raise ValueError(f"wait {self.wait_s!r} is not a number of seconds, 0 or more")
        uncovered_s = self.max_uncovered_s
        if type(uncovered_s) not in (int, float) or not LEAST_UNCOVERED_S <= uncovered_s < math.inf:
            raise ValueError(f"max uncovered {uncovered_s!r} is not a number of seconds, {LEAST_UNCOVERED_S:g} or more")


class Run:
    """One run. Construct it inside the event loop that it runs in.

    Arguments:
        client: already reporting to `reporter`.
        gate: closes when the run must end.
    """

    def __init__(
        self, job: Job, client: PostHogClient, way: Way, gate: Gate, reporter: Reporter, settings: Settings
    ) -> None:
        if way.by_capture:
            settings = msgspec.structs.replace(settings, batch_size=persons_by_capture(settings.batch_size))
        self._job = job
        self._singly = way.singly(job.lead)
        self._gate = gate
        self._reporter = reporter
        self._settings = settings
        self._unread = 0
        keys = job.operation.keys if isinstance(job.operation, PropertyOperation) else ()
        self._verifier = Verifier(
            job,
            PersonReader(client, gate, readers=settings.concurrency, keys=keys),
            DeletionRowReader(client, gate) if way.has_rows else None,
            server_time=client.server_time,
            max_uncovered_s=settings.max_uncovered_s,
            wanted=wanted(job.operation),
        )
        self._second_look = SecondLook(self._verifier, gate, boot_time=client.boot_time)
        self._tools = Tools(
            job=job,
            client=client,
            verifier=self._verifier,
            second_look=self._second_look,
            way=way,
            gate=gate,
            breaker=Breaker(),
            budget=RetryBudget(),
            report=reporter.tell,
            moved=reporter.moved,
            batch_size=settings.batch_size,
        )
        self._confirmer = Confirmer(
            job,
            self._second_look,
            gate,
            readers=settings.concurrency,
            moved=reporter.moved,
            report=reporter.tell,
            holders=Holders(client, gate, job.operation.keys) if isinstance(job.operation, UnsetProperties) else None,
        )

    async def send_and_confirm(self) -> None:
        """Send what is left, read back what was accepted. Returns early, in good order, when the gate closes."""
        await self._gate.run(self._send_and_confirm)
        self._reporter.progress()

    async def read_again(self) -> int:
        """Read everything back without sending.

        Returns:
            How many targets could not be read.
        """
        await self._gate.run(self._read_again)
        self._reporter.progress()
        return self._unread

    async def _send_and_confirm(self) -> None:
        if self._job.ledger.canary is None:
            await self._canary()
        waiting = Waiting(self._settings.wait_s)
        while True:
            self._reporter.phase("sending")
            await self._send_rest()
            self._gate.check()
            self._reporter.phase("reading back")
            await self._confirmer.until_done(waiting)
            if not self._confirmer.give_back_overdue():
                return await self._confirmer.watch_vanished(waiting)

    async def _send_rest(self) -> None:
        ledger, axis = self._job.ledger, self._job.lead
        count = sum(count for state, count in ledger.counts(axis).items() if state in UNSENT[axis])
        size = group_size(count, self._settings, singly=self._singly, block=self._tools.way.block)
        await self._send_groups(grouped(ledger.numbers(axis, UNSENT[axis]), size), size)

    async def _send_groups(self, groups: Iterator[list[int]], size: int, *, canary: bool = False) -> None:
        """Take groups of targets through the erasure order, and those that an answer left out after their wait."""
        left_out: list[int] = []

        async def send(numbers: Sequence[int]) -> None:
            group = Group(self._tools, numbers, canary=canary)
            await self._gate.worker(group.run)
            left_out.extend(group.left_out)

        def while_few_are_left_out() -> Iterator[list[int]]:
            while not self._gate.closed and len(left_out) < MOST_LEFT_OUT:
                if (group := next(groups, None)) is None:
                    return
                yield group

        await in_parallel(send, while_few_are_left_out(), workers=self._settings.concurrency)
        while left_out and not self._gate.closed:
            again = sorted(left_out)
            left_out.clear()
            await self._second_look.wait(again)
            await in_parallel(send, chunks(again, size), workers=self._settings.concurrency)
            await in_parallel(send, while_few_are_left_out(), workers=self._settings.concurrency)

    async def _canary(self) -> None:
        """Process small batches one by one before the others, until one has changed a person (guarantee 24)."""
        self._reporter.phase("canary")
        ledger, axis = self._job.ledger, self._job.lead
        waiting = Waiting(self._settings.wait_s)
        stuck = 0
        async for numbers in self._canaries():
            await self._send_and_settle(numbers, waiting)
            proven = [n for n in numbers if ledger.state(axis, n) in PROVEN[axis]]
            if proven:
                self._job.note(CanaryPassed(at=self._job.now(), targets=format_ranges(proven)))
                self._reporter.tell(CanaryDone(targets=len(proven)))
                return
            stuck += sum(ledger.state(axis, n) in _UNPROVEN for n in numbers)
            if stuck >= CANARY_SIZE or (stuck and stuck == ledger.count):
                raise NotFinished(f"the server accepted the test batch of {stuck} persons and has not applied it yet")
            self._stop_if_all_failed(numbers)

    def _stop_if_all_failed(self, numbers: Sequence[int]) -> None:
        """End the run after a batch for which every attempt failed: the next batches would fail like it."""
        ledger, axis = self._job.ledger, self._job.lead
        others = any(state in UNSENT[axis] for state in ledger.counts(axis))
        if others and all(ledger.standing(axis, n).reason in USED_UP for n in numbers):
            raise BreakerOpened(f"canary: every attempt for the first {len(numbers)} persons failed")

    async def _canaries(self) -> AsyncIterator[list[int]]:
        """A few targets at a time. If the first ones needed no change, large reads find the next ones that may."""
        ledger, axis, most = self._job.ledger, self._job.lead, min(CANARY_SIZE, self._settings.batch_size)
        candidates = ledger.numbers(axis, UNSENT[axis] | {ACCEPTED[axis]}, unread=False)
        if first := list(islice(candidates, most)):
            yield first
        for numbers in grouped(candidates, LARGEST_GROUP):
            await self._second_look.read([numbers], readers=1, moved=self._reporter.moved)
            for some in chunks([n for n in numbers if ledger.state(axis, n) in UNSENT[axis]], most):
                yield list(some)

    async def _send_and_settle(self, numbers: list[int], waiting: Waiting) -> None:
        size = group_size(len(numbers), self._settings, singly=True) if self._singly else len(numbers)
        while True:
            await self._send_groups(grouped(numbers, size), size, canary=True)
            self._gate.check()
            if self._job.lead in (Axis.EVENTS, Axis.RECORDINGS):
                kept = self._to_be_kept(numbers)
                await Group(self._tools, kept).guard_kept(kept)
            left = await self._confirmer.until_done(waiting)
            if not left or not self._confirmer.give_back_overdue():
                return

    def _to_be_kept(self, numbers: Sequence[int]) -> list[int]:
        """The targets whose persons were there when something was sent for them: this job has to have left them there.

        One of many that is gone already was deleted by somebody else; if all of several are gone, it was this job.
        """
        ledger = self._job.ledger
        if kept := [n for n in numbers if ledger.person(n) is Person.NOT_ASKED]:
            return kept
        found_gone = (Standing(Events.MISSED), Standing(Recordings.MISSED))  # nothing was sent
        gone = [
            n
            for n in numbers
            if ledger.person(n) is Person.VANISHED and ledger.standing(self._job.lead, n) not in found_gone
        ]
        return gone if len(gone) > 1 else []

    async def _read_again(self) -> None:
        self._reporter.phase("reading back")
        await self._confirmer.until_done(Waiting(0.0))
        axis = Axis.PROPERTIES if self._job.lead is Axis.PROPERTIES else Axis.PERSON
        again = self._job.ledger.numbers(axis, READ_AGAIN[axis])
        self._unread = await self._second_look.read(
            grouped(again, READ_SIZE), readers=self._settings.concurrency, moved=self._reporter.moved
        )
        await self._verifier.check_purged()


def group_size(count: int, settings: Settings, *, singly: bool, block: int = 1) -> int:
    """How many targets a worker takes at once: enough to fill a read, few enough to keep all workers busy.

    Arguments:
        singly: each gets a call of its own, one after the other; otherwise a group is whole batches.
        block: how many single calls share an intent; a group is at most as many whole blocks as fit into one read.
    """
    share = max(1, math.ceil(count / settings.concurrency))
    if singly:
        return math.ceil(share / math.ceil(share / whole_blocks(block)))
    wanted = max(settings.batch_size, min(share, LARGEST_GROUP))
    return math.ceil(wanted / settings.batch_size) * settings.batch_size
