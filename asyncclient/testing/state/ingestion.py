"""Ingestion: applies captured events to the persons store, in their order and after a lag.

Batches, and the calls for which the server captures an event (contract 6.3, 6.8, 6.11), all pass here. Single events
are not acknowledged.
"""

import random
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from asyncclient.testing.faults import Fault
from asyncclient.testing.state.captured_events import Event, parse_event, parse_personless_event
from asyncclient.testing.state.mutations import Mutations
from asyncclient.testing.tables.person import Record
from asyncclient.testing.tables.seeding import MISSING
from asyncclient.testing.tables.uuids import derive_uuid


class Ingestion:
    """Receives events and changes persons accordingly."""

    def __init__(self, mutations: Mutations) -> None:
        self._mutations = mutations
        self._last_due_us = 0
        self.received = 0
        """Number of received events, whatever happened to them."""
        self.swallowed = 0
        """Number of events lost by a fault."""
        self.without_effect = 0
        """Number of events that were dropped or affect no person."""
        self.under_way = 0
        """Number of events that wait for the end of the lag."""

    def receive(self, raws: Sequence[Any], *, swallow: Fault | None = None) -> bool:
        """Receive events as they were sent, and return whether any of them was not lost."""
        left = self._left_over(raws, swallow)
        events = [event for event in map(parse_event, left) if event is not None]
        self.without_effect += len(left) - len(events)
        if len(events) < len(left):
            self._store_personless(left)
        self._put_off(events)
        return bool(left)

    def capture(self, key: int, properties: Mapping[str, Any], *, swallow: Fault | None = None) -> bool:
        """Capture an event of the server itself about a person, and return whether it was not lost.

        The event is for the person's first distinct ID, so the person must have one.
        """
        distinct_id = self._mutations.store.distinct_ids(key)[0]
        left = self._left_over([{"event": "$set", "distinct_id": distinct_id, "properties": properties}], swallow)
        read_ones = [event for event in map(parse_event, left) if event is not None]
        # Unlike an event from outside, it reaches its person even if the distinct ID is longer than 200 characters.
        self._put_off([msgspec.structs.replace(event, distinct_id=distinct_id) for event in read_ones])
        return bool(left)

    def _left_over(self, raws: Sequence[Any], swallow: Fault | None) -> Sequence[Any]:
        before = self.received
        self.received += len(raws)
        if swallow is None:
            return raws
        if swallow.share is not None:
            share, chance = swallow.share, random.Random(f"{swallow.seed}:{before}")
            left: Sequence[Any] = [raw for raw in raws if chance.random() >= share]
        else:
            left = [] if swallow.count is None else raws[swallow.count :]
        self.swallowed += len(raws) - len(left)
        return left

    def _put_off(self, events: list[Event]) -> None:
        if not events:
            return
        mutations = self._mutations
        # No event overtakes an earlier one, even if the lag has become shorter meanwhile.
        due_us = max(self._last_due_us, mutations.now_us() + round(mutations.options.capture_lag_s * 1_000_000))
        self._last_due_us = due_us
        self.under_way += len(events)
        mutations.schedule(due_us, partial(self._apply_all, events))
        mutations.advance()

    def _apply_all(self, events: list[Event], _due_us: int, _now_us: int) -> None:
        self.under_way -= len(events)
        for event in events:
            self._apply(event)
            self._store(event)

    def _apply(self, event: Event) -> None:
        key = self._person(event) if event.other_id is None else self._merged_person(event, event.other_id)
        if key is None:
            self._create(event)
            return
        if event.identifies:
            self._identify(key)
        store = self._mutations.store
        changes = {name: value for name, value in event.set_once.items() if store.value(key, name) is MISSING}
        changes.update(event.set)
        changes.update((name, MISSING) for name in event.unset if store.value(key, name) is not MISSING)
        if changes:
            self._mutations.change_properties(key, changes)

    def _store_personless(self, raws: Sequence[Any]) -> None:
        now_us = self._mutations.now_us()
        for event in filter(None, map(parse_personless_event, raws)):
            happened_us = now_us if event.timestamp_us is None else event.timestamp_us
            self._mutations.events.add_personless(event.distinct_id, happened_us, now_us)

    def _store(self, event: Event) -> None:
        """Store the event itself for its person, as ingested now."""
        mutations, key = self._mutations, self._person(event)
        now_us = mutations.now_us()
        if key is not None:
            mutations.events.add(key, now_us if event.timestamp_us is None else event.timestamp_us, now_us)

    def _person(self, event: Event) -> int | None:
        return self._mutations.store.key_of_distinct_id(event.distinct_id)

    def _merged_person(self, event: Event, other_id: str) -> int | None:
        """Merge the owners of both distinct IDs and return the remaining person; None if neither has an owner."""
        mutations, key = self._mutations, self._person(event)
        other = mutations.store.key_of_distinct_id(other_id)
        if key is None and other is None:
            return None
        if key is None or other is None:
            one = key if other is None else other
            assert one is not None
            self._add_distinct_id(one, event.distinct_id if key is None else other_id)
            return one
        emptied = mutations.store.record(other)
        # PostHog does not merge an identified person, unless the event forces it.
        if key != other and (event.by_force or not emptied.is_identified):
            mutations.merge(key, other)
            kept = {k: v for k, v in emptied.properties.items() if mutations.store.value(key, k) is MISSING}
            if kept:
                mutations.change_properties(key, kept)
        return key

    def _add_distinct_id(self, key: int, distinct_id: str) -> None:
        record = self._mutations.store.record(key)
        together = (*record.distinct_ids, distinct_id)
        self._mutations.store.put(key, msgspec.structs.replace(record, distinct_ids=together))
        self._mutations.listing.recheck(key)

    def _identify(self, key: int) -> None:
        record = self._mutations.store.record(key)
        if not record.is_identified:
            self._mutations.store.put(key, msgspec.structs.replace(record, is_identified=True))

    def _create(self, event: Event) -> None:
        mutations = self._mutations
        distinct_ids = (event.distinct_id,) if event.other_id is None else (event.distinct_id, event.other_id)
        properties = {**event.set_once, **event.set}
        record = Record(mutations.store.next_pk(), mutations.arrival_us(), distinct_ids, properties, event.identifies)
        mutations.create(self._new_key(event.distinct_id), record)

    def _new_key(self, distinct_id: str) -> int:
        """Return the key of the UUID derived from this distinct ID, or of the next one if that is in use."""
        mutations, name = self._mutations, distinct_id
        while True:
            key = mutations.table.intern(derive_uuid(mutations.options.project_id, name))
            if key not in mutations.store:
                return key
            name += "+"
