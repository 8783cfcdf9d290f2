"""Looks up the persons of emails, under one or several keys. Reads only (contract 6.1, 6.11)."""

from collections.abc import Sequence

from asyncclient import PostHogClient
from bulk.errors import Refused
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Present, Unread
from bulk.selection.lookups.email_match import EmailMatch
from bulk.selection.selected_person import SelectedPerson, selected


def not_requested(key: str) -> Refused:
    """Return the error for a person whose value under a key was not requested."""
    return Refused(
        f"the server returned a person whose {key} was not requested",
        f"check that the key can read the property {key}, or select by distinct ID",
    )


async def persons_by_email(
    client: PostHogClient,
    reader: PersonReader,
    emails: Sequence[str],
    match: EmailMatch,
    *,
    page_size: int,
) -> tuple[list[list[SelectedPerson]], list[bool]]:
    """Return the persons of each email, each person once, and for each email whether its distinct ID is unread.

    Arguments:
        client: for listings.
        reader: reads persons by distinct ID.
        emails: few enough for one listing.
        match: how they are compared.
        page_size: persons per page of a listing.

    Raises:
        Refused: the server returned a person that was not requested.
    """
    found: dict[str, dict[object, SelectedPerson]] = {email: {} for email in emails}
    index = match.matching(emails)
    for condition in match.conditions(emails):
        async for person in client.persons.iter(properties=[condition], page_size=page_size):
            matched = index.matches(person.properties.get(condition.key))
            if matched is None:
                raise not_requested(condition.key)
            for email in matched:
                found[email].setdefault(person.uuid, selected(person))
    unread = [False] * len(emails)
    if match.uses_distinct_ids:
        results = (await reader.fetch_by_distinct_id(emails)).results
        for place, email in enumerate(emails):
            result = results[email]
            if isinstance(result, Present):
                found[email].setdefault(result.person.uuid, selected(result.person, by=email))
            unread[place] = isinstance(result, Unread)
    return [list(found[email].values()) for email in emails], unread
