"""Asks by query which persons still have properties that were unset, which saves reading them from the store.

The query sees null values too (contract 12). It only defers reads: a person that it does not name may be merged, gone
or changed since, so every target is still settled by reading the store (guarantee 11).
"""

from collections.abc import Sequence

from asyncclient import ApiStatusError, ListingError, PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.plan.plan_file import Target
from bulk.posthog.attempt_result import UNANSWERED, raise_if_permanent

WORTH_FROM = 2_000
"""Persons; fewer are read from the store at once."""
MOST_HOLDERS = 100_000
"""Persons with the properties that are remembered; if there are more, it is too early to read any."""
CROWDED_READS = 5
"""Queries with more than that before all are read from the store."""


class StillHaving:
    """The targets that still have the properties, as the query says.

    Arguments:
        uuids: as integers; None where there are too many to remember, which counts as all.
    """

    def __init__(self, uuids: set[int] | None) -> None:
        self._uuids = uuids

    def __contains__(self, target: Target) -> bool:
        return self._uuids is None or target.uuid.int in self._uuids


class QueryVerifier:
    """Asks which persons still have the properties, until the server does not answer that.

    Arguments:
        keys: the properties that are to be gone.
    """

    def __init__(self, client: PostHogClient, gate: StopGate, keys: Sequence[str]) -> None:
        self._client = client
        self._gate = gate
        self._keys = keys
        self._crowded_left = CROWDED_READS
        self._answers = True

    async def ask(self, count: int) -> StillHaving | None:
        """The persons that still have one of the properties.

        Arguments:
            count: persons that are to be read.

        Returns:
            None where the query tells nothing, so that all have to be read from the store.
        """
        if count < WORTH_FROM or not (self._answers and self._crowded_left):
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
                if len(uuids) > MOST_HOLDERS:
                    self._crowded_left -= 1
                    return StillHaving(None) if self._crowded_left else None
        except (ApiStatusError, ListingError, *UNANSWERED) as error:
            raise_if_permanent(error)
            self._answers = False  # this key may not query, or this server cannot: all are read from the store
            return None
