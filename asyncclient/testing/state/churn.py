"""Churn: simulates other clients that add and remove persons during a listing.

List requests drive it, not time, so that a test is repeatable.
"""

import random
from collections.abc import Collection
from typing import Literal
from uuid import UUID

import msgspec

from asyncclient.testing.state.mutations import Mutations
from asyncclient.testing.tables.person import Record
from asyncclient.testing.tables.uuids import derive_uuid, parse_uuid

_TRIES = 20


class _Pace(msgspec.Struct, frozen=True, kw_only=True):
    adds_per_request: float = 0
    removes_per_request: float = 0
    at: Literal["front", "random"] = "front"
    protected: frozenset[int] = frozenset()


class Churn:
    """The changes just before the response to each list request."""

    def __init__(self, mutations: Mutations) -> None:
        self._mutations = mutations
        self._pace = _Pace()
        self._random = random.Random(0)
        self._due_adds = 0.0
        self._due_removes = 0.0
        self._arrived = 0
        self._requests = 0
        self._blocks: list[tuple[int, int, int]] = []

    def start(
        self,
        *,
        adds_per_request: float,
        removes_per_request: float,
        at: Literal["front", "random"],
        protect: Collection[UUID | str],
        seed: int,
    ) -> None:
        """Set the pace; zero for both rates stops it."""
        self._pace = _Pace(
            adds_per_request=adds_per_request,
            removes_per_request=removes_per_request,
            at=at,
            protected=frozenset(key for uuid in protect if (key := self._key(uuid)) is not None),
        )
        self._random = random.Random(seed)

    def remove_block(self, count: int, *, at_request: int, offset: int) -> None:
        """Remove this many rows from an offset on, at the n-th list request from now (1 is the next one)."""
        self._blocks.append((self._requests + at_request, offset, count))

    def before_listing(self) -> None:
        """Apply the changes that are due at this list request."""
        self._requests += 1
        for request, offset, count in self._blocks:
            if request == self._requests:
                for key in self._mutations.listing.rows.page(offset, count):
                    self._remove(key)
        self._due_adds += self._pace.adds_per_request
        self._due_removes += self._pace.removes_per_request
        while self._due_removes >= 1:
            self._due_removes -= 1
            self._remove_one()
        while self._due_adds >= 1:
            self._due_adds -= 1
            self._add_one()

    def _remove_one(self) -> None:
        rows = self._mutations.listing.rows
        for attempt in range(min(_TRIES, len(rows)) if self._pace.at == "random" else len(rows)):
            rank = self._random.randrange(len(rows)) if self._pace.at == "random" else attempt
            key = rows.page(rank, 1)[0]
            if key not in self._pace.protected and key in self._mutations.store:
                self._remove(key)
                return

    def _remove(self, key: int) -> None:
        if key not in self._pace.protected:
            self._mutations.delete(key, through_api=False)

    def _add_one(self) -> None:
        mutations = self._mutations
        while True:
            self._arrived += 1
            distinct_id = f"arrival-{self._arrived}"
            key = mutations.table.intern(derive_uuid(mutations.options.project_id, distinct_id))
            if key not in mutations.store and mutations.store.key_of_distinct_id(distinct_id) is None:
                break
        created_us = mutations.arrival_us()
        rows = mutations.listing.rows
        if self._pace.at == "random" and len(rows):
            beside = rows.page(self._random.randrange(len(rows)), 1)[0]
            created_us = mutations.store.record(beside).created_us + self._random.randrange(1000)
        plan = self._random.choice(("free", "pro"))
        mutations.create(key, Record(mutations.store.next_pk(), created_us, (distinct_id,), {"plan": plan}))

    def _key(self, uuid: UUID | str) -> int | None:
        raw = uuid.bytes if isinstance(uuid, UUID) else parse_uuid(uuid)
        return None if raw is None else self._mutations.table.key(raw)
