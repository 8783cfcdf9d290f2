"""Mutations: all changes of the server's tables: persons are created, deleted, merged and split, and so on.

Each mutation keeps store, listing, deletion rows and audit trail consistent, with the lags of the options. Persons are
named by their keys here.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from asyncclient.testing.options import ServerOptions
from asyncclient.testing.state.audit_trail import AuditTrail
from asyncclient.testing.state.data_deletions import DataDeletions
from asyncclient.testing.state.event_table import EventRow, Events
from asyncclient.testing.state.recording_table import Recordings
from asyncclient.testing.tables.activities import Activities, Actor
from asyncclient.testing.tables.event_deletions import EventDeletions
from asyncclient.testing.tables.folders import Folders
from asyncclient.testing.tables.lagging_view import LaggingView
from asyncclient.testing.tables.listing import Listing
from asyncclient.testing.tables.person import Record
from asyncclient.testing.tables.property_history import Change, PropertyHistory
from asyncclient.testing.tables.seeding import Seeding
from asyncclient.testing.tables.store import PersonStore
from asyncclient.testing.tables.uuid_order import UuidOrder, by_clickhouse, by_text
from asyncclient.testing.tables.uuids import UuidTable, derive_uuid

# A scheduled task: called with the time it was due and the current time.
_Task = Callable[[int, int], None]

_DAY_US = 86_400_000_000
_WEEK_US = 7 * _DAY_US
# 1970-01-04 was a Sunday.
_FIRST_SUNDAY_US = 3 * _DAY_US + 5 * 3_600_000_000


class Mutations:
    """The tables of the server and the operations that change them."""

    def __init__(self, *, persons: int, seed: int, options: ServerOptions, clock: Callable[[], float]) -> None:
        self.options = options
        self.clock = clock
        self.seeding = Seeding(project_id=options.project_id, persons=persons, seed=seed)
        self.table = UuidTable(self.seeding.raws(), expected=persons)
        self.store = PersonStore(self.table, self.seeding)
        self.listing = Listing(self.table, self.seeding, LaggingView(self.store))
        self.uuids_by_text = UuidOrder(self.table, by_text)
        self.uuids_by_clickhouse = UuidOrder(self.table, by_clickhouse)
        self.deletions = EventDeletions()
        self.events = Events()
        self.recordings = Recordings()
        self.data_deletions = DataDeletions()
        self.at_weekly_job: Callable[[int], int] = lambda _at_us: 0
        self._job_due_us: int | None = None
        self.audit_trail = AuditTrail(persons)
        self.activities = Activities()
        self.history = PropertyHistory()
        self.folders = Folders(self.now_us)
        self.emails: dict[int, list[dict[str, Any]]] = {}
        self.cohorts: dict[int, frozenset[int]] = {}
        self.cohort_names: dict[int, str] = {}
        self._tasks: list[tuple[int, int, _Task]] = []
        self._tasks_scheduled = 0
        self._queued = 0
        if options.seeded_events:
            for key in range(persons):
                for happened_us in self.seeding.event_times_us(key):
                    self.events.add(key, happened_us, happened_us)
        if options.seeded_recordings:
            self._seed_recordings(persons)
        if options.heavy_every:
            for key in range(options.heavy_every - 1, persons, options.heavy_every):
                self.audit_trail.set_heavy(key, heavy=True)

    def now_us(self) -> int:
        """Return the time by the server's clock, in microseconds."""
        return round(self.clock() * 1_000_000)

    def arrival_us(self) -> int:
        """Return the creation time of a person that is created now: newer than all others."""
        return max(self.now_us(), self.listing.newest_us + 1000)

    def advance(self) -> None:
        """Run the tasks that are due."""
        now_us = self.now_us()
        while self._tasks and self._tasks[0][0] <= now_us:
            due_us, _, task = heapq.heappop(self._tasks)
            task(due_us, now_us)
        self.listing.advance(now_us)
        if len(self.recordings):
            self.recordings.remove_marked(now_us - self.options.recording_grace_days * _DAY_US)
        self._run_weekly_job(now_us)

    def settle(self) -> None:
        """Run all scheduled tasks, due or not."""
        now_us = self.now_us()
        while self._tasks:
            _, _, task = heapq.heappop(self._tasks)
            task(now_us, now_us)
        self.listing.settle()

    def schedule(self, due_us: int, task: _Task) -> None:
        """Run a task at `due_us`; tasks with the same time run in the order in which they were scheduled."""
        self._tasks_scheduled += 1
        heapq.heappush(self._tasks, (due_us, self._tasks_scheduled, task))

    def queued(self) -> int:
        """Return the number of queued deletions."""
        return self._queued

    def create(self, key: int, record: Record) -> None:
        """Create a person.

        Raises:
            ValueError: one of its distinct IDs belongs to another person.
        """
        for distinct_id in record.distinct_ids:
            owner = self.store.key_of_distinct_id(distinct_id)
            if owner is not None and owner != key:
                raise ValueError("a distinct ID of this person belongs to another person")
        self.store.put(key, record)
        self.listing.newest_us = max(self.listing.newest_us, record.created_us)
        # In the older order a re-created person starts hidden behind its own tombstone (contract 8).
        if self.options.delete_order == "legacy" and self.audit_trail.was_deleted(key):
            return
        now_us = self.now_us()
        self.listing.show(key, record.created_us, due_us=now_us + self._lag_us(), now_us=now_us)

    def recreate(self, key: int, created_us: int | None) -> None:
        """Create a person again under the same UUID."""
        if key in self.store:
            self.delete(key, through_api=False)
        arrival_us = self.arrival_us() if created_us is None else created_us
        record = msgspec.structs.replace(
            self.store.record(key), pk=self.store.next_pk(), created_us=arrival_us, last_seen_us=None
        )
        self.create(key, record)

    def delete(self, *keys: int, through_api: bool, actor: Actor | None = None) -> None:
        """Delete persons from the store now, and from the listing after its lag."""
        now_us = self.now_us()
        for key in keys:
            self._delete(key, now_us, now_us, through_api=through_api, actor=actor)

    def delete_later(self, *keys: int, actor: Actor | None = None) -> None:
        """Queue the deletion of persons (contract 6.5, queued path)."""
        due_us = self.now_us() + round(self.options.queued_delay_s * 1_000_000)
        self._queued += len(keys)
        self.schedule(due_us, partial(self._delete_queued, keys, actor))

    def merge(self, into: int, emptied: int) -> None:
        """Move all distinct IDs to another person."""
        moved = self.store.record(emptied)
        self.delete(emptied, through_api=False)
        self.events.merge(into, emptied)
        record = self.store.record(into)
        together = record.distinct_ids + moved.distinct_ids
        self.store.put(into, msgspec.structs.replace(record, distinct_ids=together))
        self.listing.forget_selections()

    def take_distinct_ids(self, key: int) -> None:
        """Remove all distinct IDs from a person."""
        record = self.store.record(key)
        self.store.put(key, msgspec.structs.replace(record, distinct_ids=()))
        self.store.disown(record.distinct_ids)
        self.listing.forget_selections()

    def split(self, key: int, distinct_ids: Sequence[str]) -> None:
        """Give each of these distinct IDs a person of its own; the others and the properties stay (contract 6.11).

        The new person has the UUID that is derived from its distinct ID; if a person has that UUID already, it gets the
        distinct ID. So the distinct ID from which a person was created stays with it.
        """
        store = self.store
        if key not in store:
            return
        record = store.record(key)
        its, project_id = set(record.distinct_ids), self.options.project_id
        moved = {each: self.table.intern(derive_uuid(project_id, each)) for each in distinct_ids if each in its}
        moved = {each: own for each, own in moved.items() if own != key}
        left = tuple(each for each in record.distinct_ids if each not in moved)
        store.put(key, msgspec.structs.replace(record, distinct_ids=left))
        store.disown(moved)
        for distinct_id, own in moved.items():
            if own in store:
                other = store.record(own)
                store.put(own, msgspec.structs.replace(other, distinct_ids=(*other.distinct_ids, distinct_id)))
            else:
                self.create(own, Record(store.next_pk(), self.arrival_us(), (distinct_id,), {}, False))
                # Unlike an event, a split overrides a tombstone of the older order.
                self._reveal(own)
        self.listing.forget_selections()

    def reset_distinct_id(self, distinct_id: str) -> bool:
        """Show a person in the listing that was re-created and is hidden by its own tombstone (contract 8).

        Returns:
            False if nothing changed: no person has the distinct ID, or its person was never deleted.
        """
        key = self.store.key_of_distinct_id(distinct_id)
        return key is not None and self.options.reset_shows_person and self._reveal(key)

    def _reveal(self, key: int) -> bool:
        if self.options.delete_order != "legacy" or not self.audit_trail.was_deleted(key):
            return False
        now_us = self.now_us()
        self.listing.show(key, self.store.record(key).created_us, due_us=now_us + self._lag_us(), now_us=now_us)
        return True

    def change_properties(self, key: int, changes: Mapping[str, Any]) -> None:
        """Set properties in the store now, and in the listing after its lag; MISSING removes a property."""
        now_us = self.now_us()
        if keep := self.options.history_limit:
            before = {name: self.store.value(key, name) for name in changes}
            self.history.note(Change(key, now_us, before), keep=keep)
        self.listing.hold(key, changes)
        self.store.change_properties(key, changes)
        self.listing.change(key, changes, due_us=now_us + self._lag_us(), now_us=now_us)

    def log_activity(
        self,
        key: int,
        activity: str,
        changes: tuple[dict[str, Any], ...] = (),
        *,
        name: bytes | None = None,
        actor: Actor | None = None,
    ) -> None:
        """Add an entry about a person to the activity log (contract 6.9)."""
        keep = self.options.activity_limit
        self.activities.log(
            self.store.pk(key), activity, at_us=self.now_us(), changes=changes, name=name, actor=actor, keep=keep
        )

    def request_event_deletion(self, keys: Iterable[int], *, effective: bool = True) -> None:
        """Queue deletion of these persons' events; if not effective, only record the request."""
        now_us = self.now_us()
        once_ever = self.options.pending_rows == "one_ever"
        for key in keys:
            self.audit_trail.mark_events_requested(key)
            if effective:
                self.deletions.request(key, now_us, once_ever=once_ever)

    def request_recording_deletion(self, keys: Iterable[int]) -> None:
        """Start the deletion of these persons' recordings, which marks them later (contract 6.7)."""
        distinct_ids: list[str] = []
        for key in keys:
            self.audit_trail.mark_recordings_requested(key)
            distinct_ids += self.store.distinct_ids(key)
        if len(self.recordings):
            self.mark_recordings([each.session_id for each in self.recordings.of(distinct_ids)])

    def mark_recordings(self, session_ids: Sequence[str]) -> None:
        """Mark recordings as deleted, after the lag of the options."""
        due_us = self.now_us() + round(self.options.recording_lag_s * 1_000_000)
        self.schedule(due_us, lambda at_us, _now_us: self._mark_recordings(session_ids, at_us))

    def _mark_recordings(self, session_ids: Sequence[str], at_us: int) -> None:
        self.recordings.mark(session_ids, at_us)

    def _seed_recordings(self, persons: int) -> None:
        for key in range(persons):
            for number in range(key % 3):
                started_us = self.store.created_us(key) + number * _DAY_US
                self.recordings.add(f"session-{key}-{number}", self.store.distinct_ids(key), started_us)

    def run_event_deletion(self) -> int:
        """Run the weekly job now, and return the number of rows that it completed."""
        self.advance()
        return self._delete_events(self.now_us())

    def _run_weekly_job(self, now_us: int) -> None:
        """Run the job for each Sunday, 05:00 UTC, that has passed since the last check."""
        if not self.options.weekly_event_deletion:
            self._job_due_us = None
            return
        if self._job_due_us is None:
            self._job_due_us = _next_sunday_us(now_us)
        while self._job_due_us <= now_us:
            self._delete_events(self._job_due_us)
            self._job_due_us += _WEEK_US

    def _delete_events(self, at_us: int) -> int:
        """Complete the rows that the job handles, and delete the events that they cover (contract 8)."""
        options = self.options
        if options.event_deletion_fails:
            return 0
        self.at_weekly_job(at_us)
        up_to_us = at_us - round(options.event_deletion_slips_s * 1_000_000)
        return self.deletions.complete(at_us, up_to_us=up_to_us, delete=self.events.delete)

    def event_uuid(self, row: EventRow) -> bytes:
        """Return the UUID of an event; events of one person at the same moment share it."""
        owner = row[1] if row[0] is None else self.table.text(row[0])
        return derive_uuid(self.options.project_id, f"event {owner} {row[2]} {row[3]}")

    def delete_events_by_uuid(self, uuids: frozenset[bytes]) -> int:
        """Delete the events with these UUIDs, and return their number."""
        return self.events.remove(lambda row: self.event_uuid(row) in uuids)

    def _delete_queued(self, keys: tuple[int, ...], actor: Actor | None, due_us: int, now_us: int) -> None:
        self._queued -= len(keys)
        for key in keys:
            self._delete(key, due_us, now_us, through_api=True, actor=actor)

    def _delete(self, key: int, at_us: int, now_us: int, *, through_api: bool, actor: Actor | None = None) -> None:
        if not self.store.remove(key):
            return
        self.audit_trail.mark_deleted(key, through_api=through_api)
        if through_api:
            keep = self.options.activity_limit
            name = self.table.raw(key)
            self.activities.log(self.store.pk(key), "deleted", at_us=at_us, name=name, actor=actor, keep=keep)
        self.listing.hide(key, due_us=at_us + self._lag_us(), now_us=now_us)

    def _lag_us(self) -> int:
        return round(self.options.list_lag_s * 1_000_000)


def _next_sunday_us(now_us: int) -> int:
    """Return the first Sunday, 05:00 UTC, after a time."""
    return now_us + _WEEK_US - (now_us - _FIRST_SUNDAY_US) % _WEEK_US
