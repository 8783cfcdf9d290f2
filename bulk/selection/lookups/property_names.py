"""Reads which properties persons have, to suggest a name for one that none has. Reads only (contract 6.1, 6.11)."""

from contextlib import aclosing

from asyncclient import PostHogClient, PostHogError, PropertyFilter, UnreadableRow
from bulk.selection.lookups.property_counts import SAMPLE_SIZE, PropertyCounts, closest_name


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


async def is_known_property(client: PostHogClient, key: str) -> bool:
    """Return whether the server lists a value of a property, or a person that has it."""
    if (await client.persons.values(key)).results:
        return True
    condition = PropertyFilter(key, operator="is_set")
    async with aclosing(client.persons.iter_refs(properties=[condition], page_size=1, on_unreadable=_ignore)) as refs:
        async for _ in refs:
            return True
    return False


async def closest_known_name(client: PostHogClient, key: str) -> str | None:
    """Return the name of a property that is spelled most like a key; None if the first persons have none like it."""
    try:
        persons = (await client.persons.list(limit=SAMPLE_SIZE)).results
    except PostHogError:
        return None  # it is only a suggestion
    return closest_name(key, {name for person in persons for name in person.properties})


def _ignore(_: UnreadableRow) -> None:
    """Ignore a row that cannot be read: it does not show that its person has the property."""
