"""Finds the persons that were re-created after a job deleted them: by their UUID or distinct ID. Reads only."""

from collections.abc import Iterable
from uuid import UUID

from bulk.concurrency.workers import grouped
from bulk.plan.plan_file import Plan
from bulk.plan.plan_lines import Target
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Present, Unread, UnreadReason
from bulk.selection.placeholder_ids import is_placeholder
from bulk.verification.verifier import is_same


def distinct_id_of(target: Target) -> str | None:
    """Return the distinct ID by which a re-created person is found; None if there is none, or many persons share it."""
    distinct_id = target.distinct_id
    return None if distinct_id is None or is_placeholder(distinct_id) else distinct_id


async def find_reappeared(plan: Plan, numbers: Iterable[int], reader: PersonReader) -> tuple[list[UUID], int]:
    """Return the persons that have the UUID or the distinct ID of these targets now, and are not the planned persons.

    Arguments:
        plan: of the job that deleted them.
        numbers: of targets, in ascending order.
        reader: reads persons.

    Returns:
        Their UUIDs, each once and in the order of the targets, and how many targets could not be read.

    Raises:
        PostHogError: no read succeeds, or the server refuses the key.
    """
    found: dict[UUID, None] = {}
    unread = 0
    for group in grouped(numbers, READ_SIZE):
        targets = [target for number in group for target in plan.targets(number, number + 1)]
        by_uuid = (await reader.fetch_by_uuid({target.uuid: None for target in targets})).results
        ids = [distinct_id for target in targets if (distinct_id := distinct_id_of(target)) is not None]
        by_distinct_id = await reader.fetch_owners(ids) if ids else {}
        for target in targets:
            results = [by_uuid[target.uuid], by_distinct_id.get(distinct_id_of(target) or "")]
            unread += any(_is_unread(result) for result in results)
            persons = [result.person for result in results if isinstance(result, Present)]
            found.update((person.uuid, None) for person in persons if not is_same(target, person))
    return [*found], unread


def _is_unread(result: object) -> bool:
    return isinstance(result, Unread) and result.why is not UnreadReason.LEFT_OUT
