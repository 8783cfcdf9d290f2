"""What can happen in the world: a person is created, deleted, merged; its events are asked to be deleted.

Each act keeps store, listing, deletion rows and traces in step, with the delays the options ask for.
It knows neither requests nor answers; persons are keys here.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from asyncclient.testing.options import ServerOptions
from asyncclient.testing.state.audit_trail import AuditTrail
from asyncclient.testing.state.event_table import Events
from asyncclient.testing.tables.activities import Activities, Doer
from asyncclient.testing.tables.event_deletions import EventDeletions
from asyncclient.testing.tables.folders import Folders
from asyncclient.testing.tables.lagging_view import LaggingView
from asyncclient.testing.tables.listing import Listing
from asyncclient.testing.tables.person import Record
from asyncclient.testing.tables.property_history import Change, PropertyHistory
from asyncclient.testing.tables.seeding import Seeding
from asyncclient.testing.tables.store import PersonStore
from asyncclient.testing.tables.uuid_order import UuidOrder, by_clickhouse, by_text
from asyncclient.testing.tables.uuids import UuidTable, derived

# Something put off: called with the time it was due at and the time it is.
_Deed = Callable[[int, int], None]

_DAY_US = 86_400_000_000
_WEEK_US = 7 * _DAY_US
# 1970-01-04 was a Sunday.
_FIRST_SUNDAY_US = 3 * _DAY_US + 5 * 3_600_000_000


class Mutations:
    """The tables of the world and the acts that change them."""

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
        self._job_due_us: int | None = None
        self.audit_trail = AuditTrail(persons)
        self.activities = Activities()
        self.history = PropertyHistory()
        self.folders = Folders(self.now_us)
        self.cohorts: dict[int, frozenset[int]] = {}
        self.cohort_names: dict[int, str] = {}
        self._agenda: list[tuple[int, int, _Deed]] = []
        self._deeds = 0
        self._queued = 0
        if options.heavy_every:
            for key in range(options.heavy_every - 1, persons, options.heavy_every):
                self.audit_trail.set_heavy(key, heavy=True)

    def now_us(self) -> int:
        """The time by the world's clock."""
        return round(self.clock() * 1_000_000)

    def arrival_us(self) -> int:
        """When somebody who arrives now is created: in front of everybody there is."""
        return max(self.now_us(), self.listing.newest_us + 1000)

    def advance(self) -> None:
        """Apply whatever has become due."""
        now_us = self.now_us()
        while self._agenda and self._agenda[0][0] <= now_us:
            due_us, _, deed = heapq.heappop(self._agenda)
            deed(due_us, now_us)
        self.listing.advance(now_us)
        self._run_weekly_job(now_us)

    def settle(self) -> None:
        """Apply whatever is under way, due or not."""
        now_us = self.now_us()
        while self._agenda:
            _, _, deed = heapq.heappop(self._agenda)
            deed(now_us, now_us)
        self.listing.settle()

    def later(self, due_us: int, deed: _Deed) -> None:
        """Do something once `due_us` has come; what is due at one time is done in the order it was asked for."""
        self._deeds += 1
        heapq.heappush(self._agenda, (due_us, self._deeds, deed))

    def queued(self) -> int:
        """How many deletions are queued and not done."""
        return self._queued

    def create(self, key: int, record: Record) -> None:
        """Make a person exist; raises ValueError if one of its distinct ids is somebody else's."""
        for distinct_id in record.distinct_ids:
            owner = self.store.key_of_distinct_id(distinct_id)
            if owner is not None and owner != key:
                raise ValueError("a distinct id of this person belongs to another living person")
        self.store.put(key, record)
        self.listing.newest_us = max(self.listing.newest_us, record.created_us)
        # A person re-created in the old order starts under its own tombstone (contract 8).
        if self.options.delete_order == "legacy" and self.audit_trail.tombstoned(key):
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

    def delete(self, *keys: int, through_api: bool, by: Doer | None = None) -> None:
        """Make persons vanish now; the listing follows."""
        now_us = self.now_us()
        for key in keys:
            self._delete(key, now_us, now_us, through_api=through_api, by=by)

    def delete_later(self, *keys: int, by: Doer | None = None) -> None:
        """Queue deletion of persons (contract 6.5, queued path)."""
        due_us = self.now_us() + round(self.options.queued_delay_s * 1_000_000)
        self._queued += len(keys)
        self.later(due_us, partial(self._delete_queued, keys, by))

    def merge(self, into: int, emptied: int) -> None:
        """Move all distinct ids to another person."""
        moved = self.store.record(emptied)
        self.delete(emptied, through_api=False)
        self.events.merge(into, emptied)
        record = self.store.record(into)
        together = record.distinct_ids + moved.distinct_ids
        self.store.put(into, msgspec.structs.replace(record, distinct_ids=together))
        self.listing.forget_selections()

    def take_distinct_ids(self, key: int) -> None:
        """Let a person lose every distinct id."""
        record = self.store.record(key)
        self.store.put(key, msgspec.structs.replace(record, distinct_ids=()))
        self.store.disown(record.distinct_ids)
        self.listing.forget_selections()

    def split(self, key: int, distinct_ids: Sequence[str]) -> None:
        """Give each of these distinct ids a person of its own; the others and the properties stay (contract 6.11).

        The new person has the UUID that its distinct id gives, or is who has that UUID already; so the distinct
        id that this person was made by stays with it.
        """
        store = self.store
        if key not in store:
            return
        record = store.record(key)
        its, project_id = set(record.distinct_ids), self.options.project_id
        moved = {each: self.table.intern(derived(project_id, each)) for each in distinct_ids if each in its}
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
                # A split outdoes a tombstone of the old order, unlike an event.
                self._reveal(own)
        self.listing.forget_selections()

    def reset_distinct_id(self, distinct_id: str) -> bool:
        """Let the listing show a person again that was re-created under its own tombstone (contract 8).

        False if that changed nothing: no person has the distinct id now, or its person was never deleted.
        """
        key = self.store.key_of_distinct_id(distinct_id)
        return key is not None and self.options.reset_shows_person and self._reveal(key)

    def _reveal(self, key: int) -> bool:
        if self.options.delete_order != "legacy" or not self.audit_trail.tombstoned(key):
            return False
        now_us = self.now_us()
        self.listing.show(key, self.store.record(key).created_us, due_us=now_us + self._lag_us(), now_us=now_us)
        return True

    def change_properties(self, key: int, changes: Mapping[str, Any]) -> None:
        """Set properties of a person in the store now; one set to MISSING goes. The listing follows."""
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
        by: Doer | None = None,
    ) -> None:
        """Enter something that was done with a person in the activity log (contract 6.9)."""
        keep = self.options.activity_limit
        self.activities.log(
            self.store.pk(key), activity, at_us=self.now_us(), changes=changes, name=name, by=by, keep=keep
        )

    def ask_for_events(self, keys: Iterable[int], *, effective: bool = True) -> None:
        """Queue deletion of these persons' events; without effect it is only noted that it was asked for."""
        now_us = self.now_us()
        once_ever = self.options.pending_rows == "one_ever"
        for key in keys:
            self.audit_trail.events_asked(key)
            if effective:
                self.deletions.request(key, now_us, once_ever=once_ever)

    def ask_for_recordings(self, keys: Iterable[int]) -> None:
        """Start deletion of these persons' recordings."""
        for key in keys:
            self.audit_trail.recordings_requested(key)

    def run_event_deletion(self) -> int:
        """The weekly job, now; returns how many rows it completed."""
        self.advance()
        return self._delete_events(self.now_us())

    def _run_weekly_job(self, now_us: int) -> None:
        """Run the job for each Sunday, 05:00 UTC, that has passed since the last look."""
        if not self.options.weekly_event_deletion:
            self._job_due_us = None
            return
        if self._job_due_us is None:
            self._job_due_us = _next_sunday_us(now_us)
        while self._job_due_us <= now_us:
            self._delete_events(self._job_due_us)
            self._job_due_us += _WEEK_US

    def _delete_events(self, at_us: int) -> int:
        """Complete the rows that the job takes, and delete what they cover (contract 8)."""
        options = self.options
        if options.event_deletion_fails:
            return 0
        up_to_us = at_us - round(options.event_deletion_slips_s * 1_000_000)
        return self.deletions.complete(at_us, up_to_us=up_to_us, delete=self.events.delete)

    def _delete_queued(self, keys: tuple[int, ...], by: Doer | None, due_us: int, now_us: int) -> None:
        self._queued -= len(keys)
        for key in keys:
            self._delete(key, due_us, now_us, through_api=True, by=by)

    def _delete(self, key: int, at_us: int, now_us: int, *, through_api: bool, by: Doer | None = None) -> None:
        if not self.store.remove(key):
            return
        self.audit_trail.deleted(key, through_api=through_api)
        if through_api:
            keep = self.options.activity_limit
            name = self.table.raw(key)
            self.activities.log(self.store.pk(key), "deleted", at_us=at_us, name=name, by=by, keep=keep)
        self.listing.hide(key, due_us=at_us + self._lag_us(), now_us=now_us)

    def _lag_us(self) -> int:
        return round(self.options.list_lag_s * 1_000_000)


def _next_sunday_us(now_us: int) -> int:
    """The first Sunday, 05:00 UTC, after a time."""
    return now_us + _WEEK_US - (now_us - _FIRST_SUNDAY_US) % _WEEK_US
