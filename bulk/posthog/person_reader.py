"""Reads persons from PostHog's persons store, for planning, checking, reading back and verifying alike.

It reads in batches and halves a batch that fails down to the person at fault. A person that one answer left out does
not count as absent. The reader never waits: `confirm_at` says when a second read may decide.
"""

import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import anyio
import msgspec

from asyncclient import (
    ClientEvent,
    MethodNotAllowed,
    NotFound,
    PostHogClient,
    PostHogError,
    PropertyProjection,
    RequestFinished,
    Route,
    RouteNotFound,
)
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import run_workers
from bulk.posthog.halving import HalvedReads, read_halving
from bulk.posthog.person_reads import (
    ABSENT,
    Absent,
    Known,
    PersonReads,
    Present,
    ReadResult,
    Unread,
    UnreadReason,
    to_ref,
)

READ_SIZE = 200
"""Persons per batch read; the server silently drops more (contract 6.11)."""

CONFIRM_AFTER_S = 5.0
"""Seconds between the read that leaves a person out and the one that confirms its absence."""

MOST_FAILED_ALONE = 9
"""Persons that cannot be read even alone, with no success in between, before the error is taken for the server's."""

UNKNOWN_ROUTE = (MethodNotAllowed, NotFound, RouteNotFound)
"""How a server that has no batch reads answers one (contract 8)."""

K = TypeVar("K", UUID, str)
T = TypeVar("T")


class SentAt:
    """Observes a read and keeps when its last request left, by a clock that counts suspends."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.at = clock()

    def __call__(self, event: ClientEvent) -> None:
        if isinstance(event, RequestFinished):
            self.at = self._clock() - event.elapsed_s


class _Reads(msgspec.Struct, Generic[K], frozen=True):
    """The results of one read, before anything is concluded from them."""

    results: dict[K, ReadResult]
    left_out: list[K]
    asked_at: float


class _NoBatchReads(Exception):
    """This server is older than the batch reads."""


class PersonReader:
    """Reads persons by UUID or distinct ID, in batches, and one by one where the server has no batch reads.

    Arguments:
        gate: closing it abandons reads.
        readers: requests at once, over all callers.
        keys: properties to decode; without any, persons are read as `PersonRef`.
    """

    def __init__(self, client: PostHogClient, gate: StopGate, *, readers: int, keys: Sequence[str] = ()) -> None:
        self._client = client
        self._once = client.once(_let_leave)
        self._only = PropertyProjection(keys) if keys else None
        self._gate = gate
        self._readers = readers
        self._turns = anyio.CapacityLimiter(readers)
        self._has_batches: bool | None = None
        self._failed_alone: set[UUID | str] = set()
        self._left_out_at: dict[UUID | str, float] = {}

    async def fetch_by_uuid(
        self,
        targets: Mapping[UUID, str | None],
        *,
        expected_gone: Collection[UUID] = (),
        unless_merged: Collection[UUID] = (),
    ) -> PersonReads[UUID]:
        """Read persons by UUID.

        Arguments:
            targets: for each UUID the distinct ID that the person is known by, which confirms an absence.
            expected_gone: persons whose absence an accepted deletion explains: one answer without them is enough.
            unless_merged: the same, unless another person has their distinct ID, which is looked up at once.

        Raises:
            PostHogError: the server answers no read, or refuses the key.
        """
        read = await self._read(list(targets), self._by_uuids, self._by_uuid)
        results, doubtful = read.results, []
        for uuid in read.left_out:
            if uuid in expected_gone:
                results[uuid] = ABSENT
            elif uuid in unless_merged or self._may_confirm(uuid, read.asked_at):
                doubtful.append(uuid)
        asked_at = read.asked_at
        if doubtful:
            ids = {uuid: distinct_id for uuid in doubtful if (distinct_id := targets[uuid]) is not None}
            owners = await self._read(list(dict.fromkeys(ids.values())), self._by_distinct_ids, self._by_distinct_id)
            for uuid in doubtful:
                results[uuid] = _confirmed(uuid, owners.results[ids[uuid]] if uuid in ids else None)
            asked_at = min(asked_at, owners.asked_at)
        self._forget(results)
        return PersonReads(results, asked_at)

    async def fetch_by_distinct_id(self, distinct_ids: Sequence[str]) -> PersonReads[str]:
        """Read the person that each distinct ID belongs to.

        A distinct ID that no person has is `Unread` at first, and `Absent` once a second read confirms it.

        Raises:
            PostHogError: the server answers no read, or refuses the key.
        """
        read = await self._read(distinct_ids, self._by_distinct_ids, self._by_distinct_id)
        for distinct_id in read.left_out:
            if self._may_confirm(distinct_id, read.asked_at):
                read.results[distinct_id] = ABSENT
        self._forget(read.results)
        return PersonReads(read.results, read.asked_at)

    def confirm_at(self, key: UUID | str) -> float | None:
        """When a second read may confirm that a person is absent, by `PostHogClient.boot_time`.

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
        """Whether this read, which leaves a person out, was asked long enough after the first one that did."""
        first = self._left_out_at.setdefault(key, self._client.boot_time())
        return asked_at >= first + CONFIRM_AFTER_S

    async def _read(
        self,
        keys: Sequence[K],
        batch: Callable[[PostHogClient, Sequence[K]], Awaitable[Mapping[K, Known]]],
        single: Callable[[PostHogClient, K], Awaitable[Known | None]],
    ) -> _Reads[K]:
        """Read every person once; those that an answer left out are `Unread(LEFT_OUT)`."""
        results: dict[K, ReadResult] = {}
        left_out: list[K] = []
        oldest = math.inf

        async def ask(reading: Callable[[PostHogClient], Awaitable[T]], *, is_first: bool) -> T:
            nonlocal oldest
            sent = SentAt(self._client.boot_time)
            # a whole batch is worth the client's retries; its halves are the retry
            client = self._client if is_first else self._once
            async with self._turns:
                with self._gate.cancel_on_stop():
                    answer = await reading(client.observed(sent))
            oldest = min(oldest, sent.at)
            return answer

        async def ask_batch(part: Sequence[K], is_first: bool) -> Mapping[K, Known]:
            found = await ask(lambda client: batch(client, part), is_first=is_first)
            self._has_batches = True
            return found

        async def ask_single(part: Sequence[K], is_first: bool) -> Mapping[K, Known]:
            person = await ask(lambda client: single(client, part[0]), is_first=is_first)
            return {} if person is None else {part[0]: person}

        async def read_batch(group: Sequence[K]) -> None:
            try:
                took(await read_halving([group], ask_batch))
            except UNKNOWN_ROUTE as error:
                if not await self._knows_batches(error, ask):
                    raise _NoBatchReads from error
                results.update(dict.fromkeys(group, Unread(UnreadReason.NOT_FOUND_UNCLEAR)))

        async def read_singly(group: Sequence[K]) -> None:
            took(await read_halving([[key] for key in group], ask_single))

        def took(read: HalvedReads[K]) -> None:
            results.update(read.results)
            left_out.extend(read.left_out)
            self._raise_if_server_fails(read)

        if self._has_batches is not False:
            groups = chunks(keys, READ_SIZE)
            try:
                await run_workers(read_batch, groups, workers=min(self._readers, len(groups)))
            except _NoBatchReads:
                self._has_batches = False
        if self._has_batches is False:
            groups = chunks([key for key in keys if key not in results], math.ceil(len(keys) / self._readers) or 1)
            await run_workers(read_singly, groups, workers=self._readers)
        return _Reads(results, left_out, oldest)

    def _raise_if_server_fails(self, read: HalvedReads[K]) -> None:
        """Raise the last error of a read once too many persons failed alone with no success in between."""
        if read.failed_with is None:
            self._failed_alone.clear()
            return
        self._failed_alone |= {key for key, result in read.results.items() if not _is_unread(result, *_SAYS_NOTHING)}
        if len(self._failed_alone) >= MOST_FAILED_ALONE:
            raise read.failed_with

    async def _knows_batches(self, error: PostHogError, ask: "_Ask") -> bool:
        """Whether the server knows batch reads although it answered one like an unknown route.

        Raises:
            PostHogError: it knows them, and the answer is not about persons.
        """
        if self._has_batches is None and isinstance(error, MethodNotAllowed):
            self._has_batches = False  # the route was read as a person's id, which takes no POST
        elif self._has_batches is None:
            with suppress(NotFound):  # which proves nothing: "Not found." is about a person
                route: Route = "batch_by_distinct_ids"  # asked by GET, which an old server refuses as no person's id
                self._has_batches = await ask(lambda client: client.persons.knows(route), is_first=True)
        if self._has_batches is not False and not isinstance(error, NotFound):
            raise error
        return self._has_batches is not False

    async def _by_uuids(self, client: PostHogClient, uuids: Sequence[UUID]) -> Mapping[UUID, Known]:
        if self._only is not None:
            return await client.persons.batch_by_uuids(uuids, only=self._only)
        return await client.persons.refs_by_uuids(uuids)

    async def _by_distinct_ids(self, client: PostHogClient, distinct_ids: Sequence[str]) -> Mapping[str, Known]:
        if self._only is not None:
            return await client.persons.batch_by_distinct_ids(distinct_ids, only=self._only)
        return await client.persons.refs_by_distinct_ids(distinct_ids)

    async def _by_uuid(self, client: PostHogClient, uuid: UUID) -> Known | None:
        try:
            person = await client.persons.get(uuid)
        except NotFound:
            return None
        return person if self._only is not None else to_ref(person)

    async def _by_distinct_id(self, client: PostHogClient, distinct_id: str) -> Known | None:
        """Find the person in the listing, then read it from the store, because the listing lags (contract 6.1, 8)."""
        for listed in (await client.persons.list(distinct_id=distinct_id, limit=1)).results:
            return await self._by_uuid(client, listed.uuid)
        return None


class _Ask(Protocol):
    async def __call__(self, reading: Callable[[PostHogClient], Awaitable[T]], *, is_first: bool) -> T: ...


async def _let_leave() -> None:
    """Let a read leave at once: `once` only switches the retries off here."""


_SAYS_NOTHING = (UnreadReason.LEFT_OUT, UnreadReason.NOT_TRIED)


def _is_unread(result: ReadResult, *reasons: UnreadReason) -> bool:
    return isinstance(result, Unread) and result.why in reasons


def _confirmed(uuid: UUID, owner: ReadResult | None) -> ReadResult:
    """The result for a person that reads by UUID left out, once its distinct ID was read.

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


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """The items in groups of at most `size`, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]
