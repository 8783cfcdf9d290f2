"""Asks by query who still has properties that were unset, so that nobody is read in the store in vain: a few requests.

The query sees null values too (contract 12). It only ever says who is to be read later: whom it does not name may be
merged, gone, or changed since, so that what is true of a person is read in the store all the same (promise 11).
"""

from collections.abc import Sequence

from asyncclient import ApiStatusError, ListingError, PostHogClient
from bulk.gate import Gate
from bulk.plan import Target
from bulk.verdicts import UNANSWERED, raise_if_final

WORTH_FROM = 2_000
"""Persons: fewer are read in the store at once."""
MOST_HOLDERS = 100_000
"""Persons with the property that are remembered; of more it is only known that it is too early to read anybody."""
CROWDED_READS = 5


class StillHaving:
    """Whom the query named.

    Arguments:
        uuids: as numbers; None where there are too many to tell them apart.
    """

    def __init__(self, uuids: set[int] | None) -> None:
        self._uuids = uuids

    def __contains__(self, target: Target) -> bool:
        return self._uuids is None or target.uuid.int in self._uuids


class Holders:
    """Asks who still has the properties, as long as that is answered.

    Arguments:
        keys: the properties that are to be gone.
    """

    def __init__(self, client: PostHogClient, gate: Gate, keys: Sequence[str]) -> None:
        self._client = client
        self._gate = gate
        self._keys = keys
        self._crowded_left = CROWDED_READS
        self._answers = True

    async def ask(self, count: int) -> StillHaving | None:
        """Who still has one of the properties.

        Arguments:
            count: persons that are to be read.

        Returns:
            None where the query tells nothing, so that everybody has to be read in the store.
        """
        if count < WORTH_FROM or not (self._answers and self._crowded_left):
            return None
        uuids: set[int] = set()
        pages = self._client.query.iter_person_uuids_having(self._keys)
        try:
            while True:
                with self._gate.abandonable():
                    page = await anext(pages, None)
                if page is None:
                    return StillHaving(uuids)
                uuids.update(uuid.int for uuid in page)
                if len(uuids) > MOST_HOLDERS:
                    self._crowded_left -= 1
                    return StillHaving(None) if self._crowded_left else None
        except (ApiStatusError, ListingError, *UNANSWERED) as error:
            raise_if_final(error)
            self._answers = False  # this key may not query, or this server cannot: the store tells
            return None
