"""Shows on one person whether the server removes all properties of a person in one call (contract 6.8).

The person comes first in the test batch. Its calls are in the journal before they leave, like all others, and so is the
result: a later run makes no trial again. Without a result each property takes a call.
"""

from itertools import chain, islice, repeat
from uuid import UUID

import anyio.lowlevel

from asyncclient import NotFound
from bulk.concurrency.workers import grouped
from bulk.events import WaitKind
from bulk.execution.group_executor import GroupExecutor
from bulk.execution.run_context import RunContext
from bulk.execution.unset.key_list_result import record_result
from bulk.execution.unset.removals import joined, takes_list
from bulk.operations import Operation, UnsetProperties, UpdatePerPerson
from bulk.plan.value_counts import value_totals
from bulk.posthog import person_reader
from bulk.posthog.attempt_result import TRANSIENT_ERRORS, raise_if_permanent
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.person_reads import properties_of
from bulk.property_checks import DesiredProperties
from bulk.states import ACTIONABLE, Axis, Properties
from bulk.targets.observations import Observation
from bulk.verification.completion_poller import WAITS_S
from bulk.verification.verifier import PersonCheck

MAX_TRIALS = 3
"""Persons that are tried, if a trial shows nothing: the person was changed meanwhile, or a call failed."""

MAX_WAIT_S = 60.0
"""Seconds to wait for the result of a trial; after that, each property takes a call."""

MAX_READS = 12
"""Reads after a trial, whatever the waits between them; within `MAX_WAIT_S` there are fewer."""


class KeyListTrial:
    """The trial of one run.

    Arguments:
        wait_s: seconds that the run may wait for the server to catch up.
    """

    def __init__(self, context: RunContext, *, wait_s: float) -> None:
        self._context = context
        self._job = context.job
        self._left_s = min(wait_s, MAX_WAIT_S)
        self._is_too_slow = False

    @property
    def is_needed(self) -> bool:
        """Whether the result is not known yet and can save calls."""
        if not _may_lose_several(self._job.operation) or self._context.strategy.by_capture:
            return False
        totals = value_totals(self._job.plan.findings)
        if totals is not None and totals.losing == totals.removals:
            return False  # no person loses more than one property
        counts = self._job.target_states.counts(Axis.PROPERTIES)
        return self._is_open and sum(counts.get(state, 0) for state in ACTIONABLE[Axis.PROPERTIES]) > 1

    async def run(self) -> None:
        """Try persons until one shows a result, which is recorded, or a few showed none.

        Raises:
            Stopped: the gate closed.
        """
        check = await self._context.verifier.check_persons(await self._candidates())
        keys = {number: _keys_left(check, number) for number in check.present}
        for number in islice((n for n in keys if len(keys[n]) > 1), MAX_TRIALS):
            may_help = self._is_open and not self._is_too_slow
            if may_help and not await self._may_have(check.present[number].uuid, joined(keys[number])):
                await self._try(number, keys[number])

    @property
    def _is_open(self) -> bool:
        return self._job.target_states.takes_key_list is None

    async def _candidates(self) -> list[int]:
        """Return the first targets that may lose several properties."""
        numbers = self._job.target_states.numbers(Axis.PROPERTIES, ACTIONABLE[Axis.PROPERTIES], unread=False)
        found: list[int] = []
        for group in grouped(numbers, READ_SIZE):
            own = self._job.own_values(group)
            found += [n for n in group if n not in own or len(own[n].absent) > 1]
            if len(found) >= READ_SIZE:
                break
            await anyio.lowlevel.checkpoint()  # all of a large plan may have to be read
        return found[:READ_SIZE]

    async def _may_have(self, uuid: UUID, name: str) -> bool:
        """Return whether a person has a property, which an older server would remove by mistake, or cannot be read."""
        try:
            with self._context.gate.cancel_on_stop():
                person = await self._context.client.persons.get(uuid)
        except (NotFound, *TRANSIENT_ERRORS) as error:
            raise_if_permanent(error)
            return True
        return name in person.properties

    async def _try(self, number: int, keys: tuple[str, ...]) -> None:
        """Remove these properties of one person by the calls of a trial, and read the person back."""
        context, target_states = self._context, self._job.target_states
        group = GroupExecutor(context, [number], trial_keys=keys)
        await context.gate.worker(group.run)
        context.gate.check()
        if not group.tried:
            return  # the list was refused, or the last attempt removed one property per call, which shows nothing
        for next_wait_s in islice(chain(WAITS_S, repeat(WAITS_S[-1])), MAX_READS):
            if target_states.state(Axis.PROPERTIES, number) is not Properties.ACCEPTED:
                return
            check = await context.verifier.check_persons([number], is_trial=True)
            if check.left_out:
                await context.gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=1)
                continue
            if number not in check.present:
                return
            taken = takes_list(keys, _keys_left(check, number))
            if taken is not None:
                record_result(context, taken=taken)
                if not taken:  # sent again at once, one call per property
                    self._job.observe("engine", {number: (Observation.OVERDUE,)})
                return
            if self._left_s <= 0:
                break
            wait_s = min(next_wait_s, self._left_s)
            self._left_s -= wait_s
            await context.gate.sleep(wait_s, WaitKind.CATCHING_UP, targets=1)
        self._is_too_slow = True  # for another person as well


def _may_lose_several(operation: Operation) -> bool:
    """Return whether a person may lose more than one property."""
    match operation:
        case UnsetProperties():
            return len(operation.keys) > 1
        case UpdatePerPerson():
            return len(operation.unset_keys) > 1
        case _:
            return False


def _keys_left(check: PersonCheck, number: int) -> tuple[str, ...]:
    """Return the properties that a target still has to lose, as just read."""
    return DesiredProperties(absent=check.desired[number].absent).unmet_keys(properties_of(check.present[number]))
