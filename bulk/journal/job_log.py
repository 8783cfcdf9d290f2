"""The log of a running job: writes records to the journal and applies the same records to the target states.

Every change goes through `record`, so that the journal and the state in memory always agree.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from bulk.journal.records import AttemptEnded, Change, Intent, Record, StatesChanged
from bulk.journal.target_states import TargetStates
from bulk.journal.writer import JournalWriter
from bulk.number_ranges import format_ranges
from bulk.operations import Operation, UpdatePerPerson, axes, desired_properties, primary_axis_of, to_dict
from bulk.plan.plan_file import BLOCK, Plan, Target
from bulk.posthog.attempt_result import AttemptResult
from bulk.property_checks import DesiredProperties
from bulk.states import Axis
from bulk.targets.observations import Observation
from bulk.targets.reasons import STATUSES, Reason
from bulk.targets.transitions import StatusCodes

BLOCKS_KEPT = 64
"""Blocks of decoded targets that are cached, about 16,000 targets; the least recently used one is dropped first."""


class JobLog:
    """The plan, the target states and the journal writer of one run.

    Arguments:
        plan: the plan of the job.
        operation: what the plan does to each target.
        target_states: replayed from the journal that `writer` appends to.
        writer: appends to the journal; the caller closes it.
        now: returns the server's time, in seconds since the epoch.
    """

    def __init__(
        self,
        plan: Plan,
        operation: Operation,
        target_states: TargetStates,
        writer: JournalWriter[Record],
        *,
        now: Callable[[], float],
    ) -> None:
        self.plan = plan
        self.operation = operation
        self.requested_axes = axes(operation)
        self.primary_axis = primary_axis_of(to_dict(operation))
        self.target_states = target_states
        self.now = now
        self._writer = writer
        self._desired = desired_properties(operation)
        self._blocks: dict[int, list[Target]] = {}

    def record(self, record: Record) -> None:
        """Append a record to the journal and apply it to the target states; `wait_durable` waits for the disk."""
        self._writer.append(record)
        self.target_states.apply(record)

    async def wait_durable(self) -> None:
        """Return when every record so far is on disk."""
        await self._writer.durable()

    def flush(self) -> None:
        """Hand every record so far to the operating system, so that it survives a kill of this process."""
        self._writer.flush()

    async def record_intent(
        self,
        route: str,
        bucket: str,
        axes: Sequence[Axis],
        numbers: Sequence[int],
        server_at: float,
        *,
        requests: int = 1,
    ) -> int:
        """Put on disk that a request, or a block of requests, is about to leave (guarantee 1).

        Returns:
            The attempt's number, for `record_outcome`.
        """
        attempt = self.target_states.next_attempt
        self.record(
            Intent(
                attempt=attempt,
                route=route,
                bucket=bucket,
                axes=tuple(axis.value for axis in axes),
                targets=format_ranges(numbers),
                at=self.now(),
                server_at=server_at,
                requests=requests,
            )
        )
        await self.wait_durable()
        return attempt

    def record_outcome(self, attempt: int, result: AttemptResult, numbers: Sequence[int]) -> None:
        """Record how an attempt ended."""
        accepted = None if result.accepted is None else format_ranges(numbers[i] for i in result.accepted)
        self.record(
            AttemptEnded(
                attempt=attempt,
                at=self.now(),
                outcome=result.outcome,
                status=result.status,
                error=result.error,
                code=result.code,
                accepted=accepted,
                queued=result.queued,
                requests=result.requests,
                reached=None if result.reached is None else format_ranges(numbers[: result.reached]),
            )
        )

    def observe(
        self,
        source: str,
        observed: Mapping[int, tuple[Observation, ...]],
        *,
        covered: Mapping[int, int] | None = None,
        label: str | None = None,
    ) -> None:
        """Record the changes of state that follow from observations; nothing is written where nothing changes.

        Arguments:
            source: where the observations come from: "person_reads", "deletion_rows" or "engine".
            observed: what was observed of each target, in order, by target number.
            covered: by target number, the time up to which a deletion row covers the events, in seconds.
            label: the server's label of a rejection.
        """
        covered = covered or {}
        changes: dict[tuple[Axis, int, int | None], list[int]] = {}
        for (before, observations, until), numbers in self._alike(observed, covered).items():
            after = self.target_states.transitions[before, observations]
            for axis, old, new in zip(Axis, before, after, strict=True):
                covers = until if axis is Axis.EVENTS else None
                if old != new or covers is not None:
                    changes.setdefault((axis, new, covers), []).extend(numbers)
        self._record_changes(source, tuple(_change(key, numbers, label) for key, numbers in changes.items()))

    def _alike(
        self, observed: Mapping[int, tuple[Observation, ...]], covered: Mapping[int, int]
    ) -> dict[tuple[StatusCodes, tuple[Observation, ...], int | None], list[int]]:
        """Return the observed targets by what decides about their change; nearly always it is the same for all."""
        numbers = list(observed)
        common = None if covered else self.target_states.common_codes(numbers)
        if common is not None and len(shown := {*observed.values()}) == 1:
            return {(common, shown.pop(), None): numbers}
        codes = zip(*(map(of_axis.__getitem__, observed) for of_axis in self.target_states.codes), strict=True)
        alike: dict[tuple[StatusCodes, tuple[Observation, ...], int | None], list[int]] = defaultdict(list)
        keys = zip(codes, observed.values(), map(covered.get, observed), strict=True)
        for number, key in zip(numbers, keys, strict=True):
            alike[key].append(number)
        return alike

    def refund(self, numbers: Iterable[int]) -> None:
        """Record that the last attempt of these targets does not count.

        It made progress, never reached them, or ended in an outage of the server.
        """
        self._record_changes("engine", (), format_ranges(sorted(numbers)) or None)

    def _record_changes(self, source: str, changes: tuple[Change, ...], refunded: str | None = None) -> None:
        if changes or refunded:
            self.record(StatesChanged(at=self.now(), source=source, changes=changes, refunded=refunded))

    def desired(self, numbers: Sequence[int]) -> Mapping[int, DesiredProperties] | None:
        """Return the properties that these targets have after the job; None if it changes no properties.

        Arguments:
            numbers: in ascending order.
        """
        if self._desired is not None:
            return dict.fromkeys(numbers, self._desired)
        return self.own_values(numbers) or None

    def own_values(self, numbers: Sequence[int]) -> Mapping[int, DesiredProperties]:
        """Return the values that these targets get, where each person gets its own; empty for other operations.

        Arguments:
            numbers: in ascending order.
        """
        return self.plan.changes(numbers) if isinstance(self.operation, UpdatePerPerson) else {}

    def targets(self, numbers: Sequence[int]) -> dict[int, Target]:
        """Return the plan's targets with these numbers, which are in ascending order."""
        found: dict[int, Target] = {}
        block: list[Target] = []
        first = stop = -1
        for number in numbers:
            if not first <= number < stop:
                first = number - number % BLOCK
                block = self._block(first)
                stop = first + BLOCK
            found[number] = block[number - first]
        return found

    def _block(self, first: int) -> list[Target]:
        """Return a block of targets, cached because each group looks its targets up several times in a row."""
        block = self._blocks.pop(first, None)
        if block is None:
            block = self.plan.targets(first, first + BLOCK)
            if len(self._blocks) >= BLOCKS_KEPT:
                del self._blocks[next(iter(self._blocks))]
        self._blocks[first] = block
        return block


def by_uuid(targets: dict[int, Target]) -> dict[UUID, int]:
    """Return the targets' numbers by their person's UUID."""
    return {target.uuid: number for number, target in targets.items()}


def _change(key: tuple[Axis, int, int | None], numbers: Iterable[int], label: str | None) -> Change:
    axis, code, covered_until = key
    status = STATUSES[axis][code]
    reason = status.reason.value if status.reason else None
    if status.reason is Reason.REJECTED and label:
        reason = f"{reason}:{label}"
    targets = format_ranges(sorted(numbers))
    return Change(axis.value, status.state.name.lower(), targets, reason, covered_until)
