"""Reads persons from PostHog's persons store and says who is present, absent or unread (guarantee 11).

A person that one response left out does not count as absent: a second read, by UUID and distinct ID, decides. The
reader never waits for that; `confirm_at` returns when a second read may decide.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from asyncclient import PostHogClient, PostHogError
from bulk.concurrency.stop_gate import StopGate
from bulk.posthog.batch_reads import BatchReads
from bulk.posthog.person_reads import ABSENT, LEFT_OUT, Absent, PersonReads, Present, ReadResult, Unread, UnreadReason

CONFIRM_AFTER_S = 5.0
"""Seconds between the read that leaves a person out and the read that confirms the absence."""

K = TypeVar("K", UUID, str)


class PersonReader:
    """Reads persons by UUID or distinct ID, and confirms that a person is absent.

    Arguments:
        gate: closing it abandons reads.
        readers: requests at once, over all callers.
        keys: properties to decode; without any, persons are read as `PersonRef`.
        raw: read persons as `RawPerson`, with the server's own object.
    """

    def __init__(
        self, client: PostHogClient, gate: StopGate, *, readers: int, keys: Sequence[str] = (), raw: bool = False
    ) -> None:
        self._client = client
        self._reads = BatchReads(client, gate, readers=readers, keys=keys, raw=raw)
        self._left_out_at: dict[UUID | str, float] = {}

    @property
    def last_error(self) -> PostHogError | None:
        """The last error with which a person could not be read even alone."""
        return self._reads.last_error

    async def fetch_by_uuid(
        self,
        targets: Mapping[UUID, str | None],
        *,
        expected_gone: Collection[UUID] = (),
        accepted: Collection[UUID] = (),
        unless_merged: Collection[UUID] = (),
    ) -> PersonReads[UUID]:
        """Read persons by UUID.

        Arguments:
            targets: for each UUID the person's distinct ID that confirms an absence, or None.
            expected_gone: persons that an earlier read found absent: one response without them is enough.
            accepted: persons whose absence an accepted deletion explains, so that one response is enough too, unless
                this read had another response before, which could not be decoded and may have shown them.
            unless_merged: the same, unless another person has their distinct ID, which is looked up at once.

        Raises:
            PostHogError: no read succeeds, or the server refuses the key.
        """
        read = await self._reads.by_uuid(list(targets))
        results, unconfirmed = read.results, []
        explained = {*expected_gone, *({*accepted} - read.maybe_shown)}
        for uuid in read.left_out:
            if uuid in explained:
                results[uuid] = ABSENT
            elif uuid in accepted or uuid in unless_merged or self._may_confirm(uuid, read.asked_at):
                unconfirmed.append(uuid)
        asked_at = read.asked_at
        if unconfirmed:
            ids = {uuid: distinct_id for uuid in unconfirmed if (distinct_id := targets[uuid]) is not None}
            owners = await self._reads.by_distinct_id(list(dict.fromkeys(ids.values())))
            for uuid in unconfirmed:
                results[uuid] = _confirm_absence(uuid, owners.results[ids[uuid]] if uuid in ids else None)
            asked_at = min(asked_at, owners.asked_at)
        self._forget(results)
        return PersonReads(results, asked_at)

    async def fetch_by_distinct_id(
        self, distinct_ids: Sequence[str], *, expected_gone: Collection[str] = ()
    ) -> PersonReads[str]:
        """Read the person that each distinct ID belongs to.

        A distinct ID that belongs to no person is `Unread` at first, and `Absent` once a second read confirms it.

        Arguments:
            expected_gone: distinct IDs that earlier reads found without a person: one response is enough.

        Raises:
            PostHogError: no read succeeds, or the server refuses the key.
        """
        read = await self._reads.by_distinct_id(distinct_ids)
        for distinct_id in read.left_out:
            if distinct_id in expected_gone or self._may_confirm(distinct_id, read.asked_at):
                read.results[distinct_id] = ABSENT
        self._forget(read.results)
        return PersonReads(read.results, read.asked_at)

    async def fetch_again(
        self, persons: Mapping[UUID, str], *, returned: Collection[UUID] = ()
    ) -> Mapping[UUID, ReadResult]:
        """Read which persons have the distinct IDs of absent persons now; `Absent` if a response shows none.

        An older server finds distinct IDs in its list, which hides persons that were re-created (contract 8): there,
        persons that the list does not show are read by UUID too.

        Arguments:
            persons: the distinct ID of each UUID.
            returned: the UUIDs whose distinct ID belonged to another person when it was last read. If a response leaves
                one out, the result is `Unread(LEFT_OUT)` at first, and `Absent` once a second read confirms it.

        Raises:
            PostHogError: no read succeeds, or the server refuses the key.
        """
        ids = {*persons.values()}
        owners = await self.fetch_by_distinct_id(
            list(dict.fromkeys(persons.values())), expected_gone=ids - {persons[uuid] for uuid in returned}
        )
        results = {uuid: owners.results[distinct_id] for uuid, distinct_id in persons.items()}
        if self._reads.reads_list and (hidden := [u for u, owner in results.items() if not isinstance(owner, Present)]):
            by_uuid = await self._reads.by_uuid(hidden)
            results.update((uuid, read) for uuid, read in by_uuid.results.items() if read != LEFT_OUT)
        return results

    def confirm_at(self, key: UUID | str) -> float | None:
        """Return when a second read may confirm that a person is absent, by `PostHogClient.boot_time`.

        Returns:
            None where no read has left the person out.
        """
        first = self._left_out_at.get(key)
        return None if first is None else first + CONFIRM_AFTER_S

    def _forget(self, results: Mapping[K, ReadResult]) -> None:
        """Forget when persons were first left out, once a read gives a fact about them."""
        if self._left_out_at:
            for key, result in results.items():
                if not isinstance(result, Unread):
                    self._left_out_at.pop(key, None)

    def _may_confirm(self, key: UUID | str, asked_at: float) -> bool:
        """Return whether this read, which leaves a person out, came long enough after the first one that did."""
        first = self._left_out_at.setdefault(key, self._client.boot_time())
        return asked_at >= first + CONFIRM_AFTER_S


def _confirm_absence(uuid: UUID, owner: ReadResult | None) -> ReadResult:
    """Return the result for a person that reads by UUID left out, once its distinct ID was read.

    Arguments:
        owner: the result of the read by distinct ID; None where none is known.
    """
    match owner:
        case Present(person):
            return owner if person.uuid == uuid else Absent(person)
        case Unread(why) if why is not UnreadReason.LEFT_OUT:
            return owner
        case _:
            return ABSENT
