"""Takes a group of targets through the erasure order, attempt by attempt, until nothing is due for any of them.

Each attempt is journalled before it leaves, and settled by reading when its answer is not an exact success. Only
targets that are still due are sent again, in halves after time-outs and 5xx. What is due next comes from the ledger
alone, so a resumed group takes the same path as a fresh one.
"""

import math
from collections.abc import Sequence

from bulk.concurrency.stop_gate import Stopped
from bulk.errors import BreakerOpened, KeptPersonsDeleted
from bulk.execution.batch_policy import BatchPolicy
from bulk.execution.group_sizes import max_read_ahead
from bulk.execution.next_step import CALLS, Step, first_step, step_for
from bulk.execution.run_context import RunContext
from bulk.journal.run_stats import KEPT_DELETED
from bulk.operations import UnsetProperties
from bulk.posthog.attempt_result import LONGEST_PAUSE_S, AttemptResult, NextAction, too_long_a_pause
from bulk.posthog.calls import Call, CallBlock, TargetAddress, build_call, send
from bulk.selection.event_distinct_id import pick_distinct_id
from bulk.states import FINAL_PERSON, Axis, Events
from bulk.targets.observations import Observation
from bulk.verification.verifier import AGEING_S, Seen

MAX_ATTEMPTS = 8
"""Attempts per target, stage and run; halving, 429s and attempts that made progress do not count (guarantee 12)."""

MAX_WITHOUT_ROW = 4
"""Attempts to queue events, where the server accepts them and shows no deletion row."""

CHECK_GOOD_FOR_S = 60.0
"""A call is made only for a person that was read, unchanged, no longer ago than these seconds (guarantee 22)."""

EVENT_CHECK_GOOD_FOR_S = 10.0
"""The same for an event, which would re-create a person that was deleted since the read (contract 12)."""


class _Stale(Exception):
    """The batch waited so long that its persons, or their deletion rows, have to be read again."""


class _VerifiedTarget(TargetAddress, frozen=True, kw_only=True, gc=False):
    """A target whose person was read as present and unchanged, when that was, and how a call addresses it."""

    at: float

    def __repr__(self) -> str:
        return "<_VerifiedTarget>"


class GroupExecutor:
    """Some targets of a job, sent in batches.

    Arguments:
        numbers: ascending target numbers.
        canary: read the store once more between queueing and deleting, and stop the job if a person vanished.

    Targets that an answer did not mention are set aside (`left_out`): only a second read, some seconds later, decides.
    """

    def __init__(self, context: RunContext, numbers: Sequence[int], *, test_batch: bool = False) -> None:
        self._context = context
        self._job = context.job
        self._numbers = list(numbers)
        self._test_batch = test_batch
        self._batch_policy = BatchPolicy(context)
        self._clock = context.client.boot_time
        self._call_a_key = isinstance(context.job.operation, UnsetProperties)
        self._checked: dict[int, _VerifiedTarget] = {}
        self._max_read_ahead = max_read_ahead(context, len(self._numbers))
        self._read_ahead = self._max_read_ahead
        self._keys_sent: dict[int, set[str]] = {}
        self._without_row: set[int] = set()
        self._left_out: set[int] = set()

    @property
    def left_out(self) -> list[int]:
        """Targets that an answer left out: nothing was concluded from that, and nothing more was sent for them."""
        return sorted(self._left_out)

    async def run(self) -> None:
        """Send what is due until nothing is.

        Raises:
            Stopped: the gate closed; what is left is due in the next run.
        """
        await self._recheck_held()
        while found := first_step(self._job.target_states, self._numbers):
            self._context.gate.check()
            due, all_due = (Step.DELETE, ageing) if (ageing := self._ageing()) else found
            numbers = all_due if due is Step.READ_STORE else all_due[: self._read_ahead]
            if due is Step.READ_STORE or self._unchecked(numbers):
                self._batch_policy.reads(len(all_due))
                await self._read_store(numbers)
            elif due is Step.READ_ROWS:
                await self._read_rows(numbers)
            elif due is Step.DELETE and (outdated := self._context.verifier.outdated(numbers)):
                await self._context.verifier.check_rows(outdated)
            elif exhausted := [n for n in numbers if self._job.target_states.attempts[n] >= self._max_attempts(n)]:
                self._give_up(exhausted)
            else:
                await self._guard_test_batch(due, all_due)
                await self._send_batches(due, numbers)
            self._context.moved()

    async def _send_batches(self, due: Step, numbers: list[int]) -> None:
        """Send what is due for all of these, batch by batch, until something else is due first."""
        axes = [axis for axis in due.value if isinstance(axis, Axis)]
        by_event = self._addressable(numbers) if due is Step.CHANGE and self._context.strategy.by_capture else []
        numbers = by_event or numbers  # a person without a distinct ID gets a call next
        start, since = 0, self._clock()
        while start < len(numbers):
            call = build_call(axes, self._context.strategy, self._batch_policy.size, by_capture=bool(by_event))
            batch = numbers[start : start + call.most]
            if self._unchecked(batch) or not await self._attempt(call, batch):
                return
            start += call.most
            self._context.moved()
            self._context.gate.check()
            if Axis.EVENTS in axes and (self._clock() > since + AGEING_S or self._ageing()):
                return
        self._read_more()

    def _ageing(self) -> list[int]:
        """The targets to delete before more are queued, because the proof of their events will soon be too old."""
        return [
            n
            for n in self._context.verifier.ageing(self._numbers)
            if step_for(self._job.target_states, n) is Step.DELETE
        ]

    def _max_attempts(self, number: int) -> int:
        return MAX_WITHOUT_ROW if number in self._without_row else MAX_ATTEMPTS

    def _addressable(self, numbers: Sequence[int]) -> list[int]:
        return [n for n in numbers if n in self._checked and self._checked[n].distinct_id is not None]

    def _unchecked(self, numbers: Sequence[int]) -> bool:
        return self._too_old(self._oldest_check(numbers))

    def _too_old(self, checked_at: float) -> bool:
        return checked_at + self._good_for_s < self._clock()

    @property
    def _good_for_s(self) -> float:
        return EVENT_CHECK_GOOD_FOR_S if self._context.strategy.by_capture else CHECK_GOOD_FOR_S

    def _oldest_check(self, numbers: Sequence[int]) -> float:
        """When the first of these persons was read."""
        checked = self._checked
        return min((checked[n].at if n in checked else -math.inf for n in numbers), default=math.inf)

    async def _read_store(self, numbers: list[int]) -> None:
        seen = await self._context.verifier.check_store(numbers)
        if seen.left_out:
            self._set_aside(seen.left_out)
        self._read_fewer(len(numbers), self._clock() - seen.asked_at)
        self._take(seen)
        if self._job.lead is Axis.PROPERTIES:
            without = [n for n, person in seen.here.items() if not person.distinct_ids]
            self._job.observe("engine", dict.fromkeys(without, (Observation.NO_DISTINCT_ID,)))

    def _set_aside(self, left_out: Sequence[int]) -> None:
        self._left_out.update(left_out)
        self._numbers = [n for n in self._numbers if n not in self._left_out]

    def _take(self, seen: Seen) -> None:
        """Keep how each person is addressed, and since when that is known."""
        verifier = self._context.verifier
        known_by = self._known_by(seen) if self._context.strategy.by_capture else {}
        for number, person in seen.here.items():
            self._checked[number] = _VerifiedTarget(
                uuid=person.uuid,
                distinct_id=pick_distinct_id(person.distinct_ids, known_by[number]) if known_by else None,
                keys=self._keys_to_send(number, verifier.open_keys(person)) if self._call_a_key else (),
                at=seen.asked_at,
            )

    def _known_by(self, seen: Seen) -> dict[int, str | None]:
        return {n: target.distinct_id for n, target in self._job.targets(sorted(seen.here)).items()}

    def _keys_to_send(self, number: int, open_keys: tuple[str, ...]) -> tuple[str, ...]:
        """The keys without those accepted before the person had to be read again, which take effect later."""
        sent = self._keys_sent.get(number, set())
        return tuple(key for key in open_keys if key not in sent) or open_keys

    def _read_fewer(self, count: int, took_s: float) -> None:
        """Read and send fewer at once where reading takes long, as it does one by one on an old server.

        Otherwise the first results are out of date before the last ones arrive.
        """
        within_s = self._good_for_s / 2
        if took_s > within_s:
            self._read_ahead = max(1, int(count * within_s / took_s))

    def _read_more(self) -> None:
        """Read more at once again, after all that were read were sent in time."""
        self._read_ahead = min(self._max_read_ahead, self._read_ahead * 2)

    async def _read_rows(self, numbers: list[int]) -> None:
        target_states = self._job.target_states
        accepted = [n for n in numbers if target_states.events(n) is Events.REQUESTED]
        await self._context.verifier.check_rows(numbers)
        without = {n for n in accepted if target_states.events(n) is Events.AGAIN}
        self._without_row |= without
        progress = len(without) < len(accepted)
        if progress:
            self._batch_policy.progressed()
        if without:
            await self._batch_policy.without_row(progress=progress)

    async def _recheck_held(self) -> None:
        held = [n for n in self._numbers if self._job.target_states.events(n) is Events.HELD]
        if held:
            seen = await self._context.verifier.check_store(held)
            self._set_aside(seen.left_out)
            if seen.here:
                await self._context.verifier.check_rows(sorted(seen.here))

    async def _guard_test_batch(self, due: Step, numbers: list[int]) -> None:
        if not (self._test_batch and due is Step.DELETE and self._job.asked != {Axis.PERSON}):
            return
        self._test_batch = False
        await self.guard_kept(numbers)

    async def guard_kept(self, numbers: list[int]) -> None:
        """Stop the job if a person vanished that was to be kept (guarantee 24)."""
        await self._context.second_look.read([numbers], readers=1)
        target_states = self._job.target_states
        if vanished := sum(target_states.person(n) in FINAL_PERSON for n in numbers):
            self._context.gate.close(
                BreakerOpened(
                    f"canary: {vanished} of {len(numbers)} persons vanished before this job deleted them, "
                    "although they were to be kept while what is theirs was queued"
                )
            )
            raise Stopped

    async def _attempt(self, call: Call, numbers: list[int]) -> bool:
        """Make one attempt and settle it.

        Returns:
            Whether it was an exact success.
        """
        if call.keeps_persons and self._job.target_states.run_stats.kept_deleted:
            self._context.gate.close(KeptPersonsDeleted("persons are gone that an earlier run of this job was to keep"))
            raise Stopped
        try:
            verdict = await self._send(call, numbers)
        except _Stale:
            return False
        if verdict.then is NextAction.STOP:
            kind = KeptPersonsDeleted if verdict.error in KEPT_DELETED else BreakerOpened
            self._context.gate.close(verdict.cause or kind(f"the server answered {verdict.label}"))
            raise Stopped
        if verdict.retry_after_s is not None:
            self._stop_on_long_pause(verdict.retry_after_s)
        if verdict.then in (NextAction.READ, NextAction.READ_AND_HALVE, NextAction.READ_AND_REJECT):
            await self._settle(call, numbers)
        left = [] if verdict.then is NextAction.NOTHING else [n for n in numbers if self._still_due(n, call.axes)]
        if verdict.then is NextAction.READ_AND_REJECT:
            meant = numbers if verdict.at is None else [numbers[verdict.at]]
            why = Observation.EVENT_REFUSED if call.route == "capture" else Observation.REJECTED
            rejected = dict.fromkeys((n for n in left if n in meant), (why,))
            self._job.observe("engine", rejected, label=verdict.label)
        await self._batch_policy.account(call, numbers, left, verdict)
        return verdict.then is NextAction.NOTHING

    def _stop_on_long_pause(self, asked_s: float) -> None:
        """End the run if the server asks for too long a pause; the client waits for any other (guarantee 14)."""
        if asked_s > LONGEST_PAUSE_S:
            self._context.gate.close(too_long_a_pause(asked_s))
            raise Stopped

    async def _send(self, call: Call, numbers: list[int]) -> AttemptResult:
        """Send a batch under one intent. The journal says how far a block came that is stopped."""
        job, gate, client = self._job, self._context.gate, self._context.client
        batch, checked_at = [self._checked[n] for n in numbers], self._oldest_check(numbers)
        attempt: int | None = None
        block = CallBlock(answered=lambda: gate.waiting(scope))
        try:
            with gate.cancel_on_stop() as scope:

                async def before_send() -> None:
                    nonlocal attempt
                    if self._too_old(checked_at) or (
                        Axis.PERSON in call.axes and self._context.verifier.outdated(numbers)
                    ):
                        raise _Stale
                    gate.finish_despite_stop(scope)
                    self._batch_policy.left()
                    if attempt is None:
                        attempt = await job.record_intent(
                            call.route,
                            call.bucket.value,
                            call.axes,
                            numbers,
                            client.server_time(),
                            requests=call.requests(batch),
                        )

                verdict = await send(client, call, job.operation, batch, before_send, block)
                if attempt is not None:
                    job.record_answer(attempt, verdict, numbers)
                    self._note_keys_sent(call, numbers, batch, block)
            return verdict
        except (Stopped, _Stale):
            if attempt is not None:
                job.record_answer(attempt, block.verdict(), numbers)
                # for the target that the block was stopped at it made progress, which spends no attempt (guarantee 12)
                job.refund(numbers[block.done :])
                self._note_keys_sent(call, numbers, batch, block)
            raise

    def _note_keys_sent(self, call: Call, numbers: list[int], batch: list[_VerifiedTarget], block: CallBlock) -> None:
        """Remember which keys an interrupted block has sent of the person that it was stopped at."""
        if call.each and block.done < block.reached:
            before = sum(len(one.keys) for one in batch[: block.done])
            sent = batch[block.done].keys[: block.requests - before]
            self._keys_sent.setdefault(numbers[block.done], set()).update(sent)

    async def _settle(self, call: Call, numbers: list[int]) -> None:
        await self._read_store(numbers)
        here = [
            n for n in numbers if step_for(self._job.target_states, n) is Step.READ_ROWS and n not in self._left_out
        ]
        if Axis.EVENTS in call.axes and here:
            await self._context.verifier.check_rows(here)

    def _still_due(self, number: int, axes: tuple[Axis, ...]) -> bool:
        if number in self._left_out:  # most likely done: a second read tells
            return False
        due = step_for(self._job.target_states, number)
        return due in CALLS and any(axis in axes for axis in due.value)

    def _give_up(self, numbers: list[int]) -> None:
        """Fail targets whose attempts are used up; the next run tries again."""
        self._batch_policy.gave_up()
        without, other = (Observation.GAVE_UP_WITHOUT_ROW,), (Observation.GAVE_UP,)
        self._job.observe("engine", {n: without if n in self._without_row else other for n in numbers})
