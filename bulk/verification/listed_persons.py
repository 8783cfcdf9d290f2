"""Asks PostHog by queries which persons its list still shows, although the store does not have them (contract 6.1, 8).

The list is a view that lags: a deleted person stays in it for some minutes, or for weeks if PostHog lost the deletion.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from asyncclient import ApiStatusError, PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.events import WaitKind
from bulk.posthog import person_reader
from bulk.posthog.attempt_result import TRANSIENT_ERRORS, raise_if_permanent
from bulk.posthog.property_query import why_not

PERSONS_PER_QUERY = 5_000
"""Persons per query: their UUIDs take 200 kB."""
_QUERY = "SELECT toString(id) FROM persons WHERE toString(id) IN {uuids} LIMIT 50000"


class ListedPersons:
    """Asks which persons are listed. After a query that failed it asks no more.

    Arguments:
        gate: closing it abandons a query.

    Attributes:
        why_not: why the list cannot be read; None while it can.
    """

    def __init__(self, client: PostHogClient, gate: StopGate) -> None:
        self._client = client
        self._gate = gate
        self.why_not: str | None = None

    async def among(self, uuids: Sequence[UUID], *, before: Collection[UUID] = ()) -> set[UUID]:
        """Return those of these persons, at most `PERSONS_PER_QUERY`, that are listed.

        Arguments:
            uuids: the persons.
            before: those that were listed when the list was last read. They stay so until two responses, some seconds
                apart, do not show them.

        Raises:
            PostHogError: the server refuses the key, asks for a long pause, or was in an outage for too long.
            Stopped: the gate closed.
        """
        found = await self._ask(uuids)
        missing = [uuid for uuid in before if uuid not in found]
        if missing and self.why_not is None:
            await self._gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=len(missing))
            found |= await self._ask(missing)
        return found if self.why_not is None else {*found, *before}

    async def _ask(self, uuids: Sequence[UUID]) -> set[UUID]:
        if self.why_not is not None or not uuids:
            return set()
        try:
            with self._gate.cancel_on_stop():
                found = await self._client.query.hogql(_QUERY, {"uuids": [str(uuid) for uuid in uuids]})
            return {UUID(str(row[0])) for row in found.results} & {*uuids}
        except (ApiStatusError, *TRANSIENT_ERRORS) as error:
            raise_if_permanent(error)
            self.why_not = why_not(error)
        except (ValueError, IndexError):
            self.why_not = why_not(None)
        return set()
