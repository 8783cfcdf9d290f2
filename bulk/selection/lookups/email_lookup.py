"""Looks up the persons of emails, under one or several keys. Reads only (contract 6.1, 6.11)."""

from collections.abc import Mapping, Sequence

import msgspec

from asyncclient import InvalidResponse, Person, PostHogClient, PostHogError, RawPerson
from bulk.errors import Refused
from bulk.posthog.halving import FailureCount, read_halving
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Present, Unread, to_ref
from bulk.selection.lookups.email_match import EmailMatch
from bulk.selection.selected_person import SelectedPerson, selected

_PERSON = msgspec.json.Decoder(Person)

Found = dict[object, SelectedPerson]
"""The persons of an email, by UUID."""


class EmailLookup:
    """Looks up the persons of emails; a listing that fails is halved until it is known for which email it fails.

    Arguments:
        client: for listings.
        reader: reads persons by distinct ID.
        page_size: persons per page of a listing.
        raw: keep the server's own objects.
    """

    def __init__(self, client: PostHogClient, reader: PersonReader, *, page_size: int, raw: bool = False) -> None:
        self._client = client
        self._once = client.with_retry(msgspec.structs.replace(client.retry, attempts=1))
        self._reader = reader
        self._page_size = page_size
        self._raw = raw
        self._failures = FailureCount()

    @property
    def last_error(self) -> PostHogError | None:
        """The last error with which an email could not be looked up even alone."""
        return self._failures.last_error or self._reader.last_error

    async def persons(self, emails: Sequence[str], match: EmailMatch) -> tuple[list[list[SelectedPerson]], list[bool]]:
        """Return the persons of each email, each person once, and for each email whether a read of it failed.

        Arguments:
            emails: few enough for one listing, each once.
            match: how they are compared.

        Raises:
            Refused: the server returned a person that was not requested.
            PostHogError: no read succeeds, or the server refuses the key.
        """

        async def ask(part: Sequence[str], is_first: bool) -> Mapping[str, Found]:
            # the first listing is worth the client's retries; its halves are the retry
            return await self._listed(self._client if is_first else self._once, part, match)

        listed = await read_halving([emails], ask)
        self._failures.add(listed)
        found: dict[str, Found] = {}
        unread: dict[str, bool] = {}
        for email, result in listed.results.items():
            unread[email] = isinstance(result, Unread)
            found[email] = {} if isinstance(result, Unread) else result
        if match.uses_distinct_ids:
            for email, owner in (await self._reader.fetch_by_distinct_id(emails)).results.items():
                if isinstance(owner, Present):
                    found[email].setdefault(owner.person.uuid, selected(owner.person, by=email))
                unread[email] |= isinstance(owner, Unread)
        return [list(found[email].values()) for email in emails], [unread[email] for email in emails]

    async def _listed(self, client: PostHogClient, emails: Sequence[str], match: EmailMatch) -> dict[str, Found]:
        """Return the persons of each email from listings, one per key."""
        found: dict[str, Found] = {email: {} for email in emails}
        index = match.matching(emails)
        for condition in match.conditions(emails):
            async for raw in client.persons.iter_raw(properties=[condition], page_size=self._page_size):
                person = _decoded(raw)
                matched = index.matches(person.properties.get(condition.key))
                if matched is None:
                    raise Refused(
                        f"the server returned a person whose {condition.key} was not requested",
                        f"check that the key can read the property {condition.key}, or select by distinct ID",
                    )
                for email in matched:
                    known = RawPerson(to_ref(person), raw) if self._raw else person
                    found[email].setdefault(person.uuid, selected(known))
        return found


def _decoded(raw: msgspec.Raw) -> Person:
    """Return a person of a listing.

    Raises:
        InvalidResponse: its properties cannot be read.
    """
    try:
        return _PERSON.decode(raw)
    except (msgspec.MsgspecError, ValueError):
        problem = "the properties of a person cannot be read"
    raise InvalidResponse(200, method="GET", path="persons/", route="GET persons/", detail=problem)
