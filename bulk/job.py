"""A job at work: its plan, its ledger and the journal that the ledger is folded from, kept in step.

Every change goes through `note`, which writes and folds the same record. Knows no client.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from bulk.journal.records import Answer, Change, Intent, Record, Settled
from bulk.journal.writer import JournalWriter
from bulk.ledger import Ledger
from bulk.operations import Operation, axes, lead_of, to_dict
from bulk.outcomes import PENDING, STATES, Axis, Events, Person, Properties, Recordings, State, axis_of
from bulk.plan import BLOCK, Plan, Target
from bulk.ranges import format_ranges
from bulk.verdicts import Verdict

BLOCKS_KEPT = 64
"""Blocks of decoded targets kept at hand, the latest used: some 16,000 targets."""

Changes = dict[tuple[State, str | None], list[int]]

_UNTOUCHED = frozenset({Person.UNTOUCHED, Events.UNTOUCHED, Recordings.UNTOUCHED, Properties.UNTOUCHED})


class Job:
    """The plan, the ledger and the journal's writer of one run.

    Arguments:
        now: this machine's clock, seconds since the epoch.
    """

    def __init__(
        self,
        plan: Plan,
        operation: Operation,
        ledger: Ledger,
        writer: JournalWriter[Record],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.plan = plan
        self.operation = operation
        self.asked = axes(operation)
        self.lead = lead_of(to_dict(operation))
        self.ledger = ledger
        self.now = now
        self._writer = writer
        self._blocks: dict[int, list[Target]] = {}

    def note(self, record: Record) -> None:
        """Append a record and take it into the ledger; `durable` puts it on disk."""
        self._writer.append(record)
        self.ledger.apply(record)

    async def durable(self) -> None:
        """Return when everything noted so far is on disk."""
        await self._writer.durable()

    def flush(self) -> None:
        """Hand everything noted so far to the operating system, which a killed process cannot take back."""
        self._writer.flush()

    async def intend(
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
        attempt = self.ledger.next_attempt
        self.note(
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
        await self.durable()
        return attempt

    def answered(self, attempt: int, verdict: Verdict, numbers: Sequence[int]) -> None:
        """Note how an attempt ended."""
        accepted = None if verdict.accepted is None else format_ranges(numbers[i] for i in verdict.accepted)
        self.note(
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

    def settle(self, source: str, changes: Changes, *, refunded: Iterable[int] = ()) -> None:
        """Note what reading or a rule established; nothing is written where nothing changes.

        Arguments:
            source: "store", "rows", "listing" or "engine": where it is known from.
            changes: target numbers by (state, reason).
            refunded: numbers whose last attempt made progress and does not count.
        """
        told = tuple(
            Change(axis_of(state).value, state.name.lower(), format_ranges(sorted(numbers)), reason)
            for (state, reason), numbers in changes.items()
            if numbers
        )
        back = format_ranges(sorted(refunded))
        if told or back:
            self.note(Settled(at=self.now(), source=source, changes=told, refunded=back or None))

    def fail(self, reasons: Mapping[int, str | None]) -> None:
        """Fail whatever is open of these targets.

        Arguments:
            reasons: for each target why, or None where its attempts are used up: each axis says then whether any of
                them was accepted. The next run tries those again (`ledger.REOPENED`).
        """
        changes: Changes = {}
        for number, reason in reasons.items():
            for axis in Axis:
                state = self.ledger.state(axis, number)
                if state in PENDING:
                    why = reason or ("never_accepted" if state in _UNTOUCHED else "attempts_used")
                    changes.setdefault((STATES[axis]["FAILED"], why), []).append(number)
        self.settle("engine", changes)

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
        """Targets are looked up a few times in a row by every group under way, and decoded once."""
        block = self._blocks.pop(first, None)
        if block is None:
            block = self.plan.targets(first, first + BLOCK)
            if len(self._blocks) >= BLOCKS_KEPT:
                del self._blocks[next(iter(self._blocks))]
        self._blocks[first] = block
        return block


def by_uuid(targets: dict[int, Target]) -> dict[UUID, int]:
    """Target numbers by their person's id."""
    return {target.uuid: number for number, target in targets.items()}
