"""Reads names of properties, to suggest one for a name that no target has. Reads only (contract 6.1, 6.11)."""

from asyncclient import PostHogClient, PostHogError
from bulk.selection.lookups.property_counts import SAMPLE_SIZE, PropertyCounts


async def read_property_names(client: PostHogClient, counts: PropertyCounts, *, selects_everyone: bool) -> None:
    """Add the names that the first targets have, with one request, if a name is missing and no other one is known.

    Arguments:
        client: for reading.
        counts: complete.
        selects_everyone: whether every person of the project is selected, so that any of them has names to suggest if
            there is no target.
    """
    if not counts.lacks_names or not (counts.sample or selects_everyone):
        return
    try:
        if counts.sample:
            persons = list((await client.persons.batch_by_uuids(counts.sample)).values())
        else:
            persons = (await client.persons.list(limit=SAMPLE_SIZE)).results
    except PostHogError:
        return  # the plan does not depend on it
    for person in persons:
        counts.add_names(person.properties)
