"""Writes the selected persons into a plan and its receipts, with what the operation needs to know of each."""

from collections.abc import Sequence

from bulk.concurrency.stop_gate import StopGate
from bulk.operations import Operation, UpdatePerPerson
from bulk.plan.plan_writer import PlanWriter
from bulk.plan.recording_notes import RecordingNotes
from bulk.plan.value_counts import ValueCounts
from bulk.posthog.person_reader import PersonReader
from bulk.property_checks import DesiredProperties
from bulk.requests.receipts_writer import ReceiptsWriter
from bulk.selection.lookups.missing_distinct_ids import add_missing_distinct_ids
from bulk.selection.selected_person import SelectedPerson
from bulk.selection.selections import ByEmails, ByPersonIds, Selection

MAX_HELD = 10_000
"""Persons that are kept in memory until those without a distinct ID are read again, some seconds later."""


class TargetEntries:
    """The entries of one plan.

    Arguments:
        writer: of the plan.
        receipts: those of the plan.
        reader: reads persons again that a response showed without a distinct ID.
        gate: for waits between two reads.
        operation: what a run does to each target.
        selection: how the persons were selected.
        notes: what a later verification of recordings needs; None if the operation deletes none.
    """

    def __init__(
        self,
        writer: PlanWriter,
        receipts: ReceiptsWriter,
        reader: PersonReader,
        gate: StopGate,
        *,
        operation: Operation,
        selection: Selection,
        notes: RecordingNotes | None,
    ) -> None:
        self._writer = writer
        self._receipts = receipts
        self._reader = reader
        self._gate = gate
        self._once = isinstance(operation, UpdatePerPerson) and operation.once
        # those that were selected by another ID are found by that one
        self._by_distinct_id = not isinstance(selection, ByPersonIds | ByEmails)
        self._notes = notes
        self._held: list[SelectedPerson] = []
        self.values = ValueCounts(operation.keys) if isinstance(operation, UpdatePerPerson) else None

    async def add(self, persons: Sequence[SelectedPerson]) -> None:
        """Write persons; one without a distinct ID is held, with all after it, until many are read again together.

        Raises:
            FileTrouble: a file cannot be written.
        """
        self._held += persons
        if len(self._held) >= MAX_HELD or all(person.ref.distinct_ids for person in self._held):
            await self.write_held()

    async def write_held(self) -> None:
        """Write the persons that are held; raises FileTrouble if a file cannot be written."""
        held, self._held = self._held, []
        await self._write(await add_missing_distinct_ids(held, self._reader, self._gate))

    async def _write(self, persons: Sequence[SelectedPerson]) -> None:
        self._receipts.add_persons(
            self._writer.count,
            [(person.ref.uuid, person.known_by if self._by_distinct_id else None) for person in persons],
        )
        if self._notes is None and self.values is None:
            self._writer.add_many(
                [(person.ref.uuid, person.ref.created_at, person.known_by, person.line) for person in persons]
            )
            return
        noted = await self._notes.of(persons) if self._notes is not None else [None] * len(persons)
        for person, note in zip(persons, noted, strict=True):
            change = None if self.values is None else self._change(person)
            ref = person.ref
            self._writer.add(ref.uuid, ref.created_at, person.known_by, line=person.line, note=note, change=change)
            if self.values is not None and change is not None:
                self.values.add(change)

    def _change(self, person: SelectedPerson) -> DesiredProperties | None:
        """Return the values of a person's row as the operation sets them."""
        change = person.change
        return DesiredProperties(once=change.values) if self._once and change is not None else change
