"""Finds the persons that were re-created after a job deleted them: by their UUID or distinct ID. Reads only."""

from collections.abc import Sequence
from uuid import UUID

from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped
from bulk.plan.plan_file import Plan
from bulk.plan.plan_lines import Target
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import ABSENT, Present, Unread, is_same
from bulk.posthog.rereads import read_until_known
from bulk.selection.placeholder_ids import is_placeholder


def distinct_id_of(target: Target) -> str | None:
    """Return the distinct ID by which a re-created person is found; None if there is none, or many persons share it."""
    distinct_id = target.distinct_id
    return None if distinct_id is None or is_placeholder(distinct_id) else distinct_id


async def find_reappeared(
    plan: Plan, numbers: Sequence[int], reader: PersonReader, gate: StopGate
) -> tuple[list[UUID], int]:
    """Return the persons that have the UUID or the distinct ID of these targets now, and are not the planned persons.

    What a response leaves out is read again some seconds later, because the new plan would lack the person.

    Arguments:
        plan: of the job that deleted them.
        numbers: of targets, in ascending order.
        reader: reads persons.
        gate: for the wait before the second read.

    Returns:
        Their UUIDs, each once and in the order of the targets, and how many targets could not be read.

    Raises:
        PostHogError: no read succeeds, or the server refuses the key.
    """
    found: dict[int, dict[UUID, None]] = {number: {} for number in numbers}

    async def read(part: Sequence[int]) -> tuple[None, list[int]]:
        """Add the persons of some targets; return the targets of which not everything is known yet."""
        unknown: list[int] = []
        for group in grouped(part, READ_SIZE):
            targets = [target for number in group for target in plan.targets(number, number + 1)]
            by_uuid = (await reader.fetch_by_uuid({target.uuid: None for target in targets})).results
            ids = [distinct_id for target in targets if (distinct_id := distinct_id_of(target)) is not None]
            owners = (await reader.fetch_by_distinct_id(ids)).results if ids else {}
            for target in targets:
                results = [by_uuid[target.uuid], owners.get(distinct_id_of(target) or "", ABSENT)]
                persons = [result.person for result in results if isinstance(result, Present)]
                found[target.number] |= {each.uuid: None for each in persons if not is_same(target, each)}
                if any(isinstance(result, Unread) for result in results):
                    unknown.append(target.number)
        return None, unknown

    _, unread = await read_until_known(read, (await read(numbers))[1], gate)
    return [*{uuid: None for number in numbers for uuid in found[number]}], len(unread)
