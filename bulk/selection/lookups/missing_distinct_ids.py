"""Reads persons again whose distinct IDs a response did not show: they count as having none after a second read.

Without a distinct ID in the plan, a merge of the person would not be noticed (guarantee 22), and its recordings could
not be verified (guarantee 21).
"""

from collections.abc import Sequence
from uuid import UUID

from bulk.concurrency.stop_gate import StopGate
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Present, Unread, is_same
from bulk.posthog.rereads import read_until_known
from bulk.selection.selected_person import SelectedPerson, with_distinct_ids


async def add_missing_distinct_ids(
    persons: Sequence[SelectedPerson], reader: PersonReader, gate: StopGate
) -> Sequence[SelectedPerson]:
    """Return persons with the distinct IDs that a second read, some seconds later, shows of those that had none.

    Raises:
        PostHogError: no read succeeds, or the server refuses the key.
        Stopped: the gate closed.
    """
    without = {person.ref.uuid: person for person in persons if not person.ref.distinct_ids}
    if not without:
        return persons

    async def read(uuids: Sequence[UUID]) -> tuple[dict[UUID, SelectedPerson], list[UUID]]:
        results = (await reader.fetch_by_uuid(dict.fromkeys(uuids))).results
        found = {
            uuid: with_distinct_ids(without[uuid], result.person)
            for uuid, result in results.items()
            if isinstance(result, Present) and is_same(without[uuid].ref, result.person)
        }
        return found, [uuid for uuid, result in results.items() if isinstance(result, Unread)]

    shown: dict[UUID, SelectedPerson] = {}
    for found in (await read_until_known(read, [*without], gate))[0]:
        shown |= found
    return [shown.get(person.ref.uuid, person) for person in persons]
