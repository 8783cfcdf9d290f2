"""Reads all distinct IDs of persons that have more of them than a batch read shows (contract 6.1, 6.11). Reads only."""

from collections.abc import Sequence

from asyncclient import ApiStatusError, PersonRef, PostHogClient
from bulk.concurrency.workers import run_workers
from bulk.posthog.attempt_result import TRANSIENT_ERRORS, raise_if_permanent

BATCH_READ_SHOWS = 10
"""Distinct IDs of a person that a batch read shows."""
LISTING_SHOWS = 1000
"""Distinct IDs of a person that a listing shows; a person with as many may have more."""


async def complete_distinct_ids(
    client: PostHogClient, refs: Sequence[PersonRef], *, concurrency: int
) -> list[tuple[str, ...] | None]:
    """Return all distinct IDs of each person; None where they are not known to be complete.

    Arguments:
        client: for listings of single persons.
        refs: the persons, as read.
        concurrency: requests at once.
    """
    found: list[tuple[str, ...] | None] = [
        tuple(ref.distinct_ids) if len(ref.distinct_ids) < LISTING_SHOWS else None for ref in refs
    ]

    async def complete(index: int) -> None:
        ref = refs[index]
        found[index] = None
        try:
            page = await client.persons.list(distinct_id=ref.distinct_ids[0], limit=10)
        except (ApiStatusError, *TRANSIENT_ERRORS) as error:
            raise_if_permanent(error)
            return  # the plan does not depend on it
        for person in page.results:
            if person.uuid == ref.uuid and len(ref.distinct_ids) <= len(person.distinct_ids) < LISTING_SHOWS:
                found[index] = tuple(person.distinct_ids)

    cut = [index for index, ref in enumerate(refs) if len(ref.distinct_ids) == BATCH_READ_SHOWS]
    await run_workers(complete, cut, workers=concurrency)
    return found
