"""Notes for each target what a later verification of its deleted recordings needs (contract 6.7). Reads only.

A deleted person no longer tells its distinct IDs, so the plan keeps them, with the number of recordings that the server
shows before anything is deleted: without it, no recordings afterwards could mean that there never were any.
"""

from collections.abc import Sequence
from typing import Any

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.plan.plan_lines import RecordingNote
from bulk.posthog.recordings.distinct_ids import complete_distinct_ids
from bulk.posthog.recordings.recording_reader import RecordingReader
from bulk.selection.selected_person import SelectedPerson


class RecordingNotes:
    """Makes the notes of a plan, and counts them.

    Arguments:
        client: for reading.
        gate: for stopping, and for waits between two reads.
        concurrency: requests at once.
    """

    def __init__(self, client: PostHogClient, gate: StopGate, *, concurrency: int) -> None:
        self._client = client
        self._gate = gate
        self._reader = RecordingReader(client, gate)
        self._concurrency = concurrency
        self._recordings = self._persons = self._not_counted = self._not_noted = 0

    async def of(self, persons: Sequence[SelectedPerson]) -> list[RecordingNote | None]:
        """Return the note of each person; None where its distinct IDs are not known."""
        all_ids = await complete_distinct_ids(
            self._client, [person.ref for person in persons], self._gate, concurrency=self._concurrency
        )
        known = {number: ids for number, ids in enumerate(all_ids) if ids}
        counts = await self._reader.count(known)
        self._not_noted += len(persons) - len(known)
        self._not_counted += len(known) - len(counts)
        self._recordings += sum(count.kept for count in counts.values())
        self._persons += sum(count.kept > 0 for count in counts.values())
        return [
            RecordingNote(ids, counts[number].kept if number in counts else None) if ids else None
            for number, ids in enumerate(all_ids)
        ]

    def to_finding(self) -> dict[str, Any]:
        """Return the counts, and why recordings cannot be read, if so."""
        finding: dict[str, Any] = {
            "count": self._recordings,
            "persons": self._persons,
            "not_counted": self._not_counted,
            "not_noted": self._not_noted,
        }
        if self._reader.not_readable is not None:
            finding["why"] = self._reader.not_readable.value
        return finding
