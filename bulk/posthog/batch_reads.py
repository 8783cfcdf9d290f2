"""Reads persons in batches, or one by one from a server that has no batch reads (contract 6.11, 8).

It says which persons a response left out and concludes nothing from that: see `person_reader`.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from bulk.concurrency.workers import grouped, run_workers
from bulk.posthog.halving import FailureCount, HalvedReads, read_halving
from bulk.posthog.person_reads import Known, Present, ReadResult, Unread, UnreadReason, to_ref

READ_SIZE = 200
"""Persons per batch read; the server silently drops more (contract 6.11)."""

UNKNOWN_ROUTE = (MethodNotAllowed, NotFound, RouteNotFound)
"""Errors of a batch read on a server that does not have it (contract 8)."""

K = TypeVar("K", UUID, int, str)
T = TypeVar("T")


class RawReads(msgspec.Struct, Generic[K], frozen=True):
    """The results of one read, before anything is concluded from them.

    Arguments:
        results: one entry per person.
        left_out: persons that a response left out, `Unread(LEFT_OUT)` in the results.
        maybe_shown: persons in `left_out` that an undecodable response may have contained.
        asked_at: when the oldest request left, by `PostHogClient.boot_time`.
    """

    results: dict[K, ReadResult]
    left_out: list[K]
    maybe_shown: set[K]
    asked_at: float


class BatchReads:
    """Reads every person once, by UUID or by distinct ID.

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
        self._once = client.with_retry(msgspec.structs.replace(client.retry, attempts=1))
        self._projection = PropertyProjection(keys) if keys else None
        self._raw = raw
        self._gate = gate
        self._readers = readers
        self._limiter = anyio.CapacityLimiter(readers)
        self._has_batches: bool | None = None
        self._failures = FailureCount()

    @property
    def reads_list(self) -> bool:
        """Whether this server is older than batch reads, so that a distinct ID is found in the list of persons."""
        return self._has_batches is False

    @property
    def last_error(self) -> PostHogError | None:
        """The last error with which a person could not be read even alone."""
        return self._failures.last_error

    async def by_uuid(self, uuids: Sequence[UUID]) -> RawReads[UUID]:
        """Read persons by UUID.

        Raises:
            PostHogError: no read succeeds, or the server refuses the key.
        """
        by_number = {uuid.int: uuid for uuid in uuids}  # integers hash and compare much faster than UUIDs

        async def batch(client: PostHogClient, part: Sequence[int]) -> Mapping[int, Present]:
            found = await self._batch_by_uuid(client, [by_number[number] for number in part])
            return {uuid.int: Present(person) for uuid, person in found.items()}

        async def single(client: PostHogClient, number: int) -> Known | None:
            return await self._get_by_uuid(client, by_number[number])

        read = await self._read(list(by_number), batch, single)
        return RawReads(
            {uuid: read.results[uuid.int] for uuid in uuids},
            [by_number[number] for number in read.left_out],
            {by_number[number] for number in read.maybe_shown},
            read.asked_at,
        )

    async def by_distinct_id(self, distinct_ids: Sequence[str]) -> RawReads[str]:
        """Read the person that each distinct ID belongs to.

        Raises:
            PostHogError: no read succeeds, or the server refuses the key.
        """

        async def batch(client: PostHogClient, part: Sequence[str]) -> Mapping[str, Present]:
            found = await self._batch_by_distinct_id(client, part)
            return {distinct_id: Present(person) for distinct_id, person in found.items()}

        return await self._read(distinct_ids, batch, self._get_by_distinct_id)

    async def _read(
        self,
        keys: Sequence[K],
        batch: Callable[[PostHogClient, Sequence[K]], Awaitable[Mapping[K, Present]]],
        single: Callable[[PostHogClient, K], Awaitable[Known | None]],
    ) -> RawReads[K]:
        results: dict[K, ReadResult] = {}
        left_out: list[K] = []
        maybe_shown: set[K] = set()
        oldest = math.inf

        async def request(call: Callable[[PostHogClient], Awaitable[T]], *, is_first: bool) -> T:
            nonlocal oldest
            sent = _SentAt(self._client.boot_time)
            # a whole batch is worth the client's retries; its halves are the retry
            client = self._client if is_first else self._once
            async with self._limiter:
                with self._gate.cancel_on_stop():
                    response = await call(client.observed(sent))
            oldest = min(oldest, sent.at)
            return response

        async def request_batch(part: Sequence[K], is_first: bool) -> Mapping[K, Present]:
            found = await request(lambda client: batch(client, part), is_first=is_first)
            self._has_batches = True
            return found

        async def request_single(part: Sequence[K], is_first: bool) -> Mapping[K, Present]:
            person = await request(lambda client: single(client, part[0]), is_first=is_first)
            return {} if person is None else {part[0]: Present(person)}

        async def read_batch(group: Sequence[K]) -> None:
            try:
                add(await read_halving([group], request_batch))
            except UNKNOWN_ROUTE as error:
                if not await self._server_has_batches(error, request):
                    raise _NoBatchReads from error
                results.update(dict.fromkeys(group, Unread(UnreadReason.AMBIGUOUS_404)))

        async def read_one_by_one(group: Sequence[K]) -> None:
            add(await read_halving([[key] for key in group], request_single))

        def add(read: HalvedReads[K, Present]) -> None:
            results.update(read.results)
            left_out.extend(read.left_out)
            maybe_shown.update(read.maybe_shown)
            self._failures.add(read)

        if self._has_batches is not False:
            groups = list(grouped(keys, READ_SIZE))
            try:
                await run_workers(read_batch, groups, workers=min(self._readers, len(groups)))
            except _NoBatchReads:
                self._has_batches = False
        if self._has_batches is False:
            unread = [key for key in keys if key not in results]
            size = math.ceil(len(keys) / self._readers) or 1
            await run_workers(read_one_by_one, grouped(unread, size), workers=self._readers)
        return RawReads(results, left_out, maybe_shown, oldest)

    async def _server_has_batches(self, error: PostHogError, request: "_Request") -> bool:
        """Return whether the server has batch reads although one of them ended like an unknown route.

        Raises:
            PostHogError: it has them, and the error is not about persons.
        """
        if self._has_batches is None and isinstance(error, MethodNotAllowed):
            self._has_batches = False  # the server took the route for a person's ID, which accepts no POST
        elif self._has_batches is None:
            with suppress(NotFound):  # which proves nothing: "Not found." is about a person
                route: Route = "batch_by_distinct_ids"  # an old server refuses a GET of it: it is no person's ID
                self._has_batches = await request(lambda client: client.persons.knows(route), is_first=True)
        if self._has_batches is not False and not isinstance(error, NotFound):
            raise error
        return self._has_batches is not False

    async def _batch_by_uuid(self, client: PostHogClient, uuids: Sequence[UUID]) -> Mapping[UUID, Known]:
        if self._raw:
            return await client.persons.raw_by_uuids(uuids)
        if self._projection is not None:
            return await client.persons.batch_by_uuids(uuids, only=self._projection)
        return await client.persons.refs_by_uuids(uuids)

    async def _batch_by_distinct_id(self, client: PostHogClient, distinct_ids: Sequence[str]) -> Mapping[str, Known]:
        if self._raw:
            return await client.persons.raw_by_distinct_ids(distinct_ids)
        if self._projection is not None:
            return await client.persons.batch_by_distinct_ids(distinct_ids, only=self._projection)
        return await client.persons.refs_by_distinct_ids(distinct_ids)

    async def _get_by_uuid(self, client: PostHogClient, uuid: UUID) -> Known | None:
        try:
            if self._raw:
                return await client.persons.raw_by_uuid(uuid)
            person = await client.persons.get(uuid)
        except NotFound:
            return None
        return person if self._projection is not None else to_ref(person)

    async def _get_by_distinct_id(self, client: PostHogClient, distinct_id: str) -> Known | None:
        """Find the person in the listing, then read it from the store, because the listing lags (contract 6.1, 8)."""
        for listed in (await client.persons.list(distinct_id=distinct_id, limit=1)).results:
            return await self._get_by_uuid(client, listed.uuid)
        return None


class _Request(Protocol):
    async def __call__(self, call: Callable[[PostHogClient], Awaitable[T]], *, is_first: bool) -> T: ...


class _NoBatchReads(Exception):
    """This server is older than the batch reads."""


class _SentAt:
    """Observes a read and keeps when its last request left, by a clock that counts suspends."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.at = clock()

    def __call__(self, event: ClientEvent) -> None:
        if isinstance(event, RequestFinished):
            self.at = self._clock() - event.elapsed_s
