"""Asks PostHog by a query which persons still have properties that were unset, which saves reads of single persons.

The query sees null values too (contract 12). It only postpones reads: a person that it does not return may be merged,
gone or changed since, so a read of each person still decides (guarantee 11).
"""

from collections.abc import Sequence

from asyncclient import ApiStatusError, ListingError, PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.plan.plan_file import Target
from bulk.posthog.attempt_result import TRANSIENT_ERRORS, raise_if_permanent

MIN_PERSONS = 2_000
"""Persons to verify; fewer of them are read without a query."""
MAX_REMEMBERED = 100_000
"""Persons that the result of a query keeps; if there are more, it is too early to read any."""
MAX_CROWDED_QUERIES = 5
"""Queries with more persons than that, before all persons are read without a query."""


class StillHaving:
    """The targets that still have the properties, by the result of a query.

    Arguments:
        uuids: their UUIDs as integers; None if there are too many to keep, which stands for all targets.
    """

    def __init__(self, uuids: set[int] | None) -> None:
        self._uuids = uuids

    def __contains__(self, target: Target) -> bool:
        return self._uuids is None or target.uuid.int in self._uuids


class QueryVerifier:
    """Asks which persons still have the properties. After a query that failed it asks no more.

    Arguments:
        keys: the properties that were unset.
    """

    def __init__(self, client: PostHogClient, gate: StopGate, keys: Sequence[str]) -> None:
        self._client = client
        self._gate = gate
        self._keys = keys
        self._crowded_left = MAX_CROWDED_QUERIES
        self._available = True

    async def ask(self, count: int) -> StillHaving | None:
        """Return the persons that still have one of the properties.

        Arguments:
            count: how many persons are to be verified.

        Returns:
            None if the query does not help, so that all persons have to be read.
        """
        if count < MIN_PERSONS or not (self._available and self._crowded_left):
            return None
        uuids: set[int] = set()
        pages = self._client.query.iter_person_uuids_having(self._keys)
        try:
            while True:
                with self._gate.cancel_on_stop():
                    page = await anext(pages, None)
                if page is None:
                    return StillHaving(uuids)
                uuids.update(uuid.int for uuid in page)
                if len(uuids) > MAX_REMEMBERED:
                    self._crowded_left -= 1
                    return StillHaving(None) if self._crowded_left else None
        except (ApiStatusError, ListingError, *TRANSIENT_ERRORS) as error:
            raise_if_permanent(error)
            self._available = False  # this key may not query, or this server cannot: all persons are read
            return None
