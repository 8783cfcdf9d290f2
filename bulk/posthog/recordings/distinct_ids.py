"""Reads all distinct IDs of persons that have more of them than a batch read shows (contract 6.1, 6.11). Reads only."""

from collections.abc import Sequence

from asyncclient import ApiStatusError, PersonRef, PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import run_workers
from bulk.posthog.attempt_result import TRANSIENT_ERRORS, raise_if_permanent
from bulk.posthog.rereads import read_until_known

BATCH_READ_SHOWS = 10
"""Distinct IDs of a person that a batch read shows."""
LISTING_SHOWS = 1000
"""Distinct IDs of a person that a listing shows; a person with as many may have more."""


async def complete_distinct_ids(
    client: PostHogClient, refs: Sequence[PersonRef], gate: StopGate, *, concurrency: int
) -> list[tuple[str, ...] | None]:
    """Return all distinct IDs of each person; None where they are not known to be complete.

    A listing that does not show the person, or fewer of its distinct IDs, is repeated some seconds later (guarantee
    11).

    Arguments:
        client: for listings of single persons.
        refs: the persons, as read.
        gate: for the wait before a second listing.
        concurrency: requests at once.

    Raises:
        Stopped: the gate closed.
    """
    found: list[tuple[str, ...] | None] = [
        tuple(ref.distinct_ids) if len(ref.distinct_ids) < LISTING_SHOWS else None for ref in refs
    ]

    async def read(indexes: Sequence[int]) -> tuple[None, list[int]]:
        """Complete the distinct IDs of some persons; return those of which nothing is known yet."""
        unknown: list[int] = []

        async def complete(index: int) -> None:
            shown = await _shown_in_listing(client, refs[index])
            if shown is None:
                unknown.append(index)
            found[index] = shown if shown is not None and len(shown) < LISTING_SHOWS else None

        await run_workers(complete, indexes, workers=concurrency)
        return None, unknown

    cut = [index for index, ref in enumerate(refs) if len(ref.distinct_ids) == BATCH_READ_SHOWS]
    await read_until_known(read, (await read(cut))[1], gate)
    return found


async def _shown_in_listing(client: PostHogClient, ref: PersonRef) -> tuple[str, ...] | None:
    """Return the distinct IDs that a listing shows of a person; None where it shows fewer than were read, or fails."""
    try:
        page = await client.persons.list(distinct_id=ref.distinct_ids[0], limit=10)
    except (ApiStatusError, *TRANSIENT_ERRORS) as error:
        raise_if_permanent(error)
        return None  # the plan does not depend on it
    for person in page.results:
        if person.uuid == ref.uuid and len(ref.distinct_ids) <= len(person.distinct_ids):
            return tuple(person.distinct_ids)
    return None
