"""What can happen in the world: a person is created, deleted, merged; its events are asked to be deleted.

Each act keeps store, listing, deletion rows and traces in step, with the delays the options ask for.
It knows neither requests nor answers; persons are keys here.
"""

import heapq
from collections.abc import Callable, Iterable

import msgspec

from asyncclient.testing.deletions import Deletions
from asyncclient.testing.listing import Listing
from asyncclient.testing.options import ServerOptions
from asyncclient.testing.person import Record
from asyncclient.testing.seeding import Seeding
from asyncclient.testing.store import PersonStore
from asyncclient.testing.traces import Traces
from asyncclient.testing.uuids import UuidTable


class Acts:
    """The tables of the world and the acts that change them."""

    def __init__(self, *, persons: int, seed: int, options: ServerOptions, clock: Callable[[], float]) -> None:
        self.options = options
        self.clock = clock
        self.seeding = Seeding(project_id=options.project_id, persons=persons, seed=seed)
        self.table = UuidTable(self.seeding.raws(), expected=persons)
        self.store = PersonStore(self.table, self.seeding)
        self.listing = Listing(self.table, self.seeding)
        self.deletions = Deletions()
        self.traces = Traces(persons)
        self.cohorts: dict[int, frozenset[int]] = {}
        self._queued: list[tuple[int, int]] = []
        if options.heavy_every:
            for key in range(options.heavy_every - 1, persons, options.heavy_every):
                self.traces.set_heavy(key, heavy=True)

    def now_us(self) -> int:
        """The time by the world's clock."""
        return round(self.clock() * 1_000_000)

    def arrival_us(self) -> int:
        """When somebody who arrives now is created: in front of everybody there is."""
        return max(self.now_us(), self.listing.newest_us + 1000)

    def advance(self) -> None:
        """Apply whatever has become due."""
        now_us = self.now_us()
        while self._queued and self._queued[0][0] <= now_us:
            due_us, key = heapq.heappop(self._queued)
            self._delete(key, due_us, now_us, through_api=True)
        self.listing.advance(now_us)

    def settle(self) -> None:
        """Apply whatever is under way, due or not."""
        now_us = self.now_us()
        while self._queued:
            _, key = heapq.heappop(self._queued)
            self._delete(key, now_us, now_us, through_api=True)
        self.listing.settle()

    def queued(self) -> int:
        """How many deletions are queued and not done."""
        return len(self._queued)

    def create(self, key: int, record: Record) -> None:
        """Make a person exist; raises ValueError if one of its distinct ids is somebody else's."""
        for distinct_id in record.distinct_ids:
            owner = self.store.key_of_distinct_id(distinct_id)
            if owner is not None and owner != key:
                raise ValueError("a distinct id of this person belongs to another living person")
        self.store.put(key, record)
        self.listing.newest_us = max(self.listing.newest_us, record.created_us)
        # A person re-created in the old order starts under its own tombstone (contract 8).
        if self.options.delete_order == "legacy" and self.traces.tombstoned(key):
            return
        now_us = self.now_us()
        self.listing.show(key, record.created_us, due_us=now_us + self._lag_us(), now_us=now_us)

    def recreate(self, key: int, created_us: int | None) -> None:
        """Make a person exist again under the same UUID."""
        if key in self.store:
            self.delete(key, through_api=False)
        arrival_us = self.arrival_us() if created_us is None else created_us
        record = msgspec.structs.replace(
            self.store.record(key), pk=self.store.next_pk(), created_us=arrival_us, last_seen_us=None
        )
        self.create(key, record)

    def delete(self, *keys: int, through_api: bool) -> None:
        """Make persons vanish now; the listing follows."""
        now_us = self.now_us()
        for key in keys:
            self._delete(key, now_us, now_us, through_api=through_api)

    def delete_later(self, *keys: int) -> None:
        """Queue deletion of persons (contract 6.5, queued path)."""
        due_us = self.now_us() + round(self.options.queued_delay_s * 1_000_000)
        for key in keys:
            heapq.heappush(self._queued, (due_us, key))

    def merge(self, into: int, emptied: int) -> None:
        """Move all distinct ids to another person."""
        moved = self.store.record(emptied)
        self.delete(emptied, through_api=False)
        record = self.store.record(into)
        together = record.distinct_ids + moved.distinct_ids
        self.store.put(into, msgspec.structs.replace(record, distinct_ids=together))
        self.listing.forget_selections()

    def ask_for_events(self, keys: Iterable[int], *, effective: bool = True) -> None:
        """Queue deletion of these persons' events; without effect it is only noted that it was asked for."""
        now_us = self.now_us()
        once_ever = self.options.pending_rows == "one_ever"
        for key in keys:
            self.traces.events_asked(key)
            if effective:
                self.deletions.request(key, now_us, once_ever=once_ever)

    def ask_for_recordings(self, keys: Iterable[int]) -> None:
        """Start deletion of these persons' recordings."""
        for key in keys:
            self.traces.recordings_requested(key)

    def run_event_deletion(self) -> int:
        """The weekly job; returns how many rows it completed."""
        self.advance()
        return self.deletions.complete(self.now_us())

    def _delete(self, key: int, at_us: int, now_us: int, *, through_api: bool) -> None:
        if not self.store.remove(key):
            return
        self.traces.deleted(key, through_api=through_api)
        self.listing.hide(key, due_us=at_us + self._lag_us(), now_us=now_us)

    def _lag_us(self) -> int:
        return round(self.options.list_lag_s * 1_000_000)
