"""Takes a group of targets through the erasure order, attempt by attempt, until no step is left for any of them.

Each attempt is in the journal before its request leaves. Unless the response is an exact success, the persons are read
to learn what the attempt did, and only targets that still need it are sent again: in halves after time-outs and 5xx.
The next step follows from the target states alone, so a resumed group takes the same path as a fresh one.
"""

from collections.abc import Collection, Sequence

from asyncclient import Bucket
from bulk.errors import BreakerOpened, KeptPersonsDeleted
from bulk.execution.batch_policy import BatchPolicy
from bulk.execution.batch_sender import BatchSender, Stale
from bulk.execution.next_step import CALLS, Step, first_step, step_for
from bulk.execution.run_context import RunContext
from bulk.execution.unset.hidden_tests import HiddenTests
from bulk.execution.unset.key_list_result import record_result
from bulk.execution.verified_targets import VerifiedTarget, VerifiedTargets, max_read_ahead
from bulk.operations import UnsetProperties, UpdatePerPerson, UpdateProperties
from bulk.posthog.attempt_result import DELETED_INSTEAD_OF_KEPT, AttemptResult, NextAction, pause_too_long
from bulk.posthog.calls import Call, build_call
from bulk.posthog.person_reads import properties_of
from bulk.selection.event_distinct_id import pick_distinct_id
from bulk.states import FINAL_PERSON_STATES, Axis, Events
from bulk.targets.observations import Observation
from bulk.verification.verifier import EXPIRING_S, PersonCheck

MAX_ATTEMPTS = 8
"""Attempts per target, stage and run. Halved batches, 429s and attempts that made progress do not count (guarantee 12).
"""

MAX_ATTEMPTS_WITHOUT_ROW = 4
"""Attempts to queue events if the server accepts them and shows no deletion row."""


class GroupExecutor:
    """Sends the requests for some targets of a job, in batches.

    Arguments:
        numbers: ascending target numbers.
        test_batch: between queueing and deleting, read the persons once more and stop the job if one disappeared.
        trial_keys: the first attempt shows whether the server removes these properties of a person in one call.

    If a response leaves a target out, or shows it without the properties to be removed, that target is set aside
    (`left_out`): only a second read, some seconds later, decides what became of it.
    """

    def __init__(
        self,
        context: RunContext,
        numbers: Sequence[int],
        *,
        test_batch: bool = False,
        trial_keys: tuple[str, ...] = (),
    ) -> None:
        self._context = context
        self._job = context.job
        self._numbers = list(numbers)
        self._test_batch = test_batch
        self._batch_policy = BatchPolicy(context)
        self._clock = context.client.boot_time
        operation = context.job.operation
        self._only_by_event = isinstance(operation, UpdateProperties | UpdatePerPerson) and operation.once
        self._has_own_values = isinstance(operation, UpdatePerPerson)
        self._verified = VerifiedTargets(
            by_capture=context.strategy.by_capture,
            max_read_ahead=max_read_ahead(context, len(self._numbers)),
            clock=self._clock,
        )
        self._sender = BatchSender(
            context, self._verified, on_sent=self._batch_policy.note_sent_in_time, trial_keys=trial_keys
        )
        self._without_row: set[int] = set()
        self._left_out: set[int] = set()
        self._hidden_tests = HiddenTests(context.verifier.shown)

    @property
    def left_out(self) -> list[int]:
        """Targets that a response left out: nothing was concluded from that, and no further request was sent."""
        return sorted(self._left_out)

    @property
    def tried(self) -> bool:
        """Whether the last attempt was the trial."""
        return self._sender.tried

    async def run(self) -> None:
        """Take the first step that is left for any target, until no step is left.

        Raises:
            Stopped: the gate closed; the next run takes the steps that are left.
        """
        try:
            await self._run()
        finally:
            self._hidden_tests.release()

    async def _run(self) -> None:
        await self._recheck_held()
        while first := first_step(self._job.target_states, self._numbers):
            self._context.gate.check()
            step, all_numbers = (Step.DELETE, expiring) if (expiring := self._expiring()) else first
            numbers = all_numbers if step is Step.READ_PERSONS else all_numbers[: self._verified.read_ahead]
            if step is Step.READ_PERSONS or self._verified.must_be_read(numbers):
                self._batch_policy.note_read(len(all_numbers))
                await self._read_persons(numbers)
            elif step is Step.READ_ROWS:
                await self._read_rows(numbers)
            elif step is Step.DELETE and (outdated := self._context.verifier.with_outdated_row(numbers)):
                await self._context.verifier.check_rows(outdated)
            elif exhausted := self._exhausted(numbers):
                self._give_up(exhausted)
            else:
                await self._guard_test_batch(step, all_numbers)
                await self._send_batches(step, numbers)
            self._context.moved()

    async def guard_kept(self, numbers: list[int]) -> None:
        """Stop the job if a person disappeared that was to be kept (guarantee 24)."""
        await self._context.second_look.read([numbers], readers=1)
        target_states = self._job.target_states
        if gone := sum(target_states.person(n) in FINAL_PERSON_STATES for n in numbers):
            self._context.gate.stop(
                BreakerOpened(
                    f"test batch: {gone} of {len(numbers)} persons disappeared although this job told the server to "
                    "keep them"
                )
            )

    async def _send_batches(self, step: Step, numbers: list[int]) -> None:
        """Take a step for these targets, batch by batch, until another step comes first."""
        axes = [axis for axis in step.value if isinstance(axis, Axis)]
        by_event = step is Step.CHANGE and self._context.strategy.by_capture
        if step is Step.CHANGE and (testing := self._verified.testing(numbers)):
            numbers, by_event = testing, False  # ingestion refuses no event about a hidden property
        addressable = self._verified.with_distinct_id(numbers) if by_event else []
        numbers = addressable or numbers  # persons without a distinct ID get a call in the next round
        start, started_at = 0, self._clock()
        while start < len(numbers):
            call = build_call(axes, self._context.strategy, self._batch_policy.size, by_capture=bool(addressable))
            batch = numbers[start : start + call.max_targets]
            if self._verified.must_be_read(batch):
                return
            if addressable:
                batch = [*self._verified.fitting(batch)]
            if not await self._attempt(call, batch):
                return
            start += len(batch)
            self._context.moved()
            self._context.gate.check()
            if Axis.EVENTS in axes and (self._clock() > started_at + EXPIRING_S or self._expiring()):
                return
        self._verified.read_more()

    def _expiring(self) -> list[int]:
        """Return the targets to delete before more events are queued: their deletion rows will soon be too old."""
        return [
            n
            for n in self._context.verifier.with_expiring_row(self._numbers)
            if step_for(self._job.target_states, n) is Step.DELETE
        ]

    def _exhausted(self, numbers: list[int]) -> list[int]:
        """Return the targets whose attempts are used up."""
        attempts, without_row = self._job.target_states.attempts, self._without_row
        return [
            n
            for n in numbers
            if attempts[n] >= MAX_ATTEMPTS or (n in without_row and attempts[n] >= MAX_ATTEMPTS_WITHOUT_ROW)
        ]

    async def _read_persons(self, numbers: list[int]) -> None:
        check = await self._context.verifier.check_persons(numbers)
        if check.left_out:
            self._set_aside(check.left_out)
        self._verified.read_fewer(len(numbers), self._clock() - check.requested_at)
        self._keep_verified(check)
        if self._job.primary_axis is Axis.PROPERTIES:
            without = {n for n, person in check.present.items() if not person.distinct_ids}
            if self._only_by_event:
                without = {*check.present}.difference(self._verified.with_distinct_id([*check.present]))
            confirmed = self._context.verifier.confirm_without_distinct_id(check, without)
            if unconfirmed := without.difference(confirmed):
                self._set_aside(unconfirmed)
            self._job.observe("engine", dict.fromkeys(sorted(confirmed), (Observation.NO_DISTINCT_ID,)))

    def _set_aside(self, left_out: Collection[int]) -> None:
        self._left_out.update(left_out)
        self._numbers = [n for n in self._numbers if n not in self._left_out]

    def _keep_verified(self, check: PersonCheck) -> None:
        """Keep how a call addresses each person that is present, and when that was read."""
        by_capture = self._context.strategy.by_capture
        planned = self._job.targets(sorted(check.present)) if by_capture else {}
        keeps_before = self._context.before_image is not None
        removes = isinstance(self._job.operation, UnsetProperties)
        if not check.desired or not (by_capture or keeps_before or removes or self._has_own_values):
            at = check.requested_at  # a call needs nothing but the UUID
            self._verified.add({n: VerifiedTarget(uuid=person.uuid, read_at=at) for n, person in check.present.items()})
            return
        tests = self._choose_tests(check)
        verified = {}
        for number, person in check.present.items():
            desired = check.desired[number]
            properties = properties_of(person)
            # where all persons get the same values, each call has all of them, whatever its person lacks
            unmet = {*desired.unmet_keys(properties)} if desired.absent or self._has_own_values else set()
            unmet.update(tests.get(number, ()))
            absent = tuple(key for key in desired.absent if key in unmet) if desired.absent else ()
            verified[number] = VerifiedTarget(
                uuid=person.uuid,
                distinct_id=pick_distinct_id(person.distinct_ids, planned[number].distinct_id) if by_capture else None,
                keys=self._verified.keys_to_send(number, absent) if absent else (),
                tests=tests.get(number, ()),
                change=desired.needed(unmet) if self._has_own_values else None,
                before={key: properties[key] for key in desired.keys if key in properties} if keeps_before else None,
                read_at=check.requested_at,
            )
        self._verified.add(verified)

    def _choose_tests(self, check: PersonCheck) -> dict[int, tuple[str, ...]]:
        """Return the properties whose removal shows whether they are hidden, by the target that it is tested on."""
        if not self._context.verifier.shown.is_incomplete:
            return {}
        changing = (n for n in check.present if step_for(self._job.target_states, n) is Step.CHANGE)
        tests, waiting = self._hidden_tests.choose((n, check.desired[n].absent) for n in changing)
        self._set_aside(waiting)
        return tests

    async def _read_rows(self, numbers: list[int]) -> None:
        target_states = self._job.target_states
        accepted = [n for n in numbers if target_states.events(n) is Events.ACCEPTED]
        await self._context.verifier.check_rows(numbers)
        without = {n for n in accepted if target_states.events(n) is Events.TO_RETRY}
        self._without_row |= without
        progress = len(without) < len(accepted)
        if progress:
            self._batch_policy.note_rows()
        if without:
            await self._batch_policy.wait_for_rows(len(without), progress=progress)

    async def _recheck_held(self) -> None:
        if Axis.EVENTS not in self._job.requested_axes:
            return
        held = [n for n in self._numbers if self._job.target_states.events(n) is Events.HELD_BACK]
        if held:
            check = await self._context.verifier.check_persons(held)
            self._set_aside(check.left_out)
            if check.present:
                await self._context.verifier.check_rows(sorted(check.present))

    async def _guard_test_batch(self, step: Step, numbers: list[int]) -> None:
        if self._test_batch and step is Step.DELETE and self._job.requested_axes != {Axis.PERSON}:
            self._test_batch = False
            await self.guard_kept(numbers)

    async def _attempt(self, call: Call, numbers: list[int]) -> bool:
        """Make one attempt, and read what it did where the response does not tell.

        Returns:
            Whether it was an exact success.
        """
        if call.keeps_persons and self._job.target_states.run_stats.kept_deleted:
            self._context.gate.stop(
                KeptPersonsDeleted("in an earlier run of this job the server deleted persons that it was to keep")
            )
        await self._context.kept_persons.read()
        try:
            result = await self._sender.send(call, numbers)
        except Stale:
            return False
        if result.next_action is NextAction.STOP:
            if result.error == DELETED_INSTEAD_OF_KEPT:
                self._context.gate.stop(KeptPersonsDeleted(f"the server responded with {result.label}"))
            self._context.gate.stop(result.cause or BreakerOpened(f"the server responded with {result.response}"))
        hidden = self._hidden_tests.note(result, self._verified.addresses(numbers))
        if too_long := pause_too_long(result.retry_after_s):  # the client waits for any other
            self._context.gate.stop(too_long)
        await self._context.kept_persons.read()
        in_outage = result.possible_outage and await self._in_outage(call)
        if in_outage:
            self._job.refund(numbers[result.failed_at or 0 :])
        if result.next_action.reads_back:
            await self._read_outcome(call, numbers)
        if hidden is not None:
            self._context.gate.stop(hidden)
        done = result.next_action is NextAction.NOTHING
        left = [] if done else [n for n in numbers if self._still_needs(n, call.axes)]
        if result.next_action is NextAction.READ_BACK_AND_REJECT:
            rejected = numbers if result.failed_at is None else [numbers[result.failed_at]]
            why = Observation.EVENT_REFUSED if call.route == "capture" else Observation.REJECTED
            observed = dict.fromkeys((n for n in left if n in rejected), (why,))
            self._job.observe("engine", observed, label=result.label)
        if result.list_refused and not in_outage and numbers[result.failed_at or 0] in left:
            self._note_list_refused(result)
        await self._batch_policy.account(call, numbers, left, result, in_outage=in_outage)
        return done

    def _note_list_refused(self, result: AttemptResult) -> None:
        """Record that the server takes no list of keys; a 500 says so in a trial only, later it is any failure."""
        if self.tried or result.status != 500:
            record_result(self._context, taken=False)

    async def _in_outage(self, call: Call) -> bool:
        """Return whether an attempt just failed because the server is in an outage, which no target pays for.

        That is not so if the requests of this group keep ending in outages: they may cause them.
        """
        with self._context.gate.cancel_on_stop():
            in_outage = await self._context.client.in_outage(to_ingestion=call.bucket is Bucket.CAPTURE)
        return in_outage and self._batch_policy.explains_failure()

    async def _read_outcome(self, call: Call, numbers: list[int]) -> None:
        """Read what an attempt did to these targets."""
        await self._read_persons(numbers)
        present = [
            n for n in numbers if step_for(self._job.target_states, n) is Step.READ_ROWS and n not in self._left_out
        ]
        if Axis.EVENTS in call.axes and present:
            await self._context.verifier.check_rows(present)

    def _still_needs(self, number: int, axes: tuple[Axis, ...]) -> bool:
        """Return whether a call that changes these axes is still the target's next step."""
        if number in self._left_out:  # most likely done: the second read decides
            return False
        step = step_for(self._job.target_states, number)
        return step in CALLS and any(axis in axes for axis in step.value)

    def _give_up(self, numbers: list[int]) -> None:
        """Fail targets whose attempts are used up; the next run tries again."""
        self._batch_policy.note_given_up()
        without_row, other = (Observation.GAVE_UP_WITHOUT_ROW,), (Observation.GAVE_UP,)
        self._job.observe("engine", {n: without_row if n in self._without_row else other for n in numbers})
