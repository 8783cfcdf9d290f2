"""A job at work: its plan, its ledger and the journal that the ledger is folded from, kept in step.

Every change goes through `record`, which writes and folds the same record. Knows no client.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from bulk.journal.records import Answer, Change, Intent, Record, Settled
from bulk.journal.target_states import TargetStates
from bulk.journal.writer import JournalWriter
from bulk.number_ranges import format_ranges
from bulk.operations import Operation, axes, primary_axis_of, to_dict
from bulk.plan.plan_file import BLOCK, Plan, Target
from bulk.posthog.attempt_result import AttemptResult
from bulk.states import Axis
from bulk.targets.observations import Observation
from bulk.targets.reasons import STANDINGS, Reason
from bulk.targets.transitions import Places

BLOCKS_KEPT = 64
"""Blocks of decoded targets kept at hand, the latest used: some 16,000 targets."""


class JobLog:
    """The plan, the ledger and the journal's writer of one run.

    Arguments:
        now: the server's clock, seconds since the epoch.
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
        self.asked = axes(operation)
        self.lead = primary_axis_of(to_dict(operation))
        self.target_states = target_states
        self.now = now
        self._writer = writer
        self._blocks: dict[int, list[Target]] = {}

    def record(self, record: Record) -> None:
        """Append a record and take it into the ledger; `wait_durable` puts it on disk."""
        self._writer.append(record)
        self.target_states.apply(record)

    async def wait_durable(self) -> None:
        """Return when everything noted so far is on disk."""
        await self._writer.durable()

    def flush(self) -> None:
        """Hand everything noted so far to the operating system, so that it survives a kill of this process."""
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
        """Put on disk that a request is about to leave, or a block of them (promise 1).

        Returns:
            The attempt's number, for `answered`.
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

    def record_answer(self, attempt: int, verdict: AttemptResult, numbers: Sequence[int]) -> None:
        """Note how an attempt ended."""
        accepted = None if verdict.accepted is None else format_ranges(numbers[i] for i in verdict.accepted)
        self.record(
            Answer(
                attempt=attempt,
                at=self.now(),
                outcome=verdict.outcome,
                status=verdict.status,
                error=verdict.error,
                code=verdict.code,
                accepted=accepted,
                queued=verdict.queued,
                requests=verdict.requests,
                reached=None if verdict.reached is None else format_ranges(numbers[: verdict.reached]),
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
            source: "store", "rows", "listing" or "engine": where the observations come from.
            observed: what was observed of each target, by number, one after the other.
            covered: by number, up to when a deletion row covers the events, in seconds by the server's clock.
            label: the server's own label of a rejection.
        """
        covered = covered or {}
        persons, events, recordings, properties = self.target_states.places
        alike: dict[tuple[Places, tuple[Observation, ...], int | None], list[int]] = {}
        for number, observations in observed.items():
            places = persons[number], events[number], recordings[number], properties[number]
            key = places, observations, covered.get(number)
            if key in alike:
                alike[key].append(number)
            else:
                alike[key] = [number]
        changes: dict[tuple[Axis, int, int | None], list[int]] = {}
        for (before, observations, until), numbers in alike.items():
            after = self.target_states.transitions[before, observations]
            for axis, old, new in zip(Axis, before, after, strict=True):
                covers = until if axis is Axis.EVENTS else None
                if old != new or covers is not None:
                    changes.setdefault((axis, new, covers), []).extend(numbers)
        self._settle(source, tuple(_change(key, numbers, label) for key, numbers in changes.items()))

    def refund(self, numbers: Iterable[int]) -> None:
        """Note that the last attempt of these targets does not count: it made progress, or never reached them."""
        self._settle("engine", (), format_ranges(sorted(numbers)) or None)

    def _settle(self, source: str, changes: tuple[Change, ...], refunded: str | None = None) -> None:
        if changes or refunded:
            self.record(Settled(at=self.now(), source=source, changes=changes, refunded=refunded))

    def targets(self, numbers: Sequence[int]) -> dict[int, Target]:
        """The plan's targets with these ascending numbers."""
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
        """A block of targets, kept because each group looks its targets up several times in a row."""
        block = self._blocks.pop(first, None)
        if block is None:
            block = self.plan.targets(first, first + BLOCK)
            if len(self._blocks) >= BLOCKS_KEPT:
                del self._blocks[next(iter(self._blocks))]
        self._blocks[first] = block
        return block


def by_uuid(targets: dict[int, Target]) -> dict[UUID, int]:
    """Target numbers by their person's UUID."""
    return {target.uuid: number for number, target in targets.items()}


def _change(key: tuple[Axis, int, int | None], numbers: Iterable[int], label: str | None) -> Change:
    axis, place, covered_until = key
    standing = STANDINGS[axis][place]
    reason = standing.reason.value if standing.reason else None
    if standing.reason is Reason.REJECTED and label:
        reason = f"{reason}:{label}"
    targets = format_ranges(sorted(numbers))
    return Change(axis.value, standing.state.name.lower(), targets, reason, covered_until)
