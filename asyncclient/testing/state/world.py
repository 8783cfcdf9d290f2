"""The world behind the local server: persons, listing, deletion rows, and what happens to them.

Tests arrange and check it directly; the handlers act on it through `mutations`. Everything that takes time
(queued deletions, captured events, the listing's lag) is applied when the world is looked at, by the clock it
was given.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncclient.testing.options import ServerOptions
from asyncclient.testing.state.captured_events import STORED_MOST
from asyncclient.testing.state.event_table import EventView
from asyncclient.testing.state.ingestion import Ingestion
from asyncclient.testing.state.mutations import Mutations
from asyncclient.testing.tables.event_deletions import DeletionRow, Requested
from asyncclient.testing.tables.folders import PROTOCOL, FolderView, view
from asyncclient.testing.tables.person import Moment, PersonView, Record, as_datetime, as_us
from asyncclient.testing.tables.seeding import MISSING
from asyncclient.testing.tables.uuids import derived, parse

Uuid = UUID | str


class World:
    """Direct access to everything the server knows, synchronous, for arranging and asserting."""

    def __init__(self, *, persons: int, seed: int, options: ServerOptions, clock: Callable[[], float]) -> None:
        self.mutations = Mutations(persons=persons, seed=seed, options=options, clock=clock)
        self.ingestion = Ingestion(self.mutations)

    def add_person(
        self,
        distinct_ids: Sequence[str],
        properties: Mapping[str, Any] | None = None,
        *,
        created_at: Moment | None = None,
        uuid: Uuid | None = None,
        is_identified: bool = True,
    ) -> UUID:
        """Create a person and return its UUID.

        The UUID is derived from project and first distinct id unless given (contract 5). `created_at` is
        now unless given, and never before the newest person, so that the person enters a listing at the
        front. Raises ValueError if the UUID or one of the distinct ids belongs to a living person.
        """
        if not distinct_ids:
            raise ValueError("a person needs at least one distinct id")
        if longest := next((each for each in distinct_ids if len(each) > STORED_MOST), None):
            raise ValueError(f"the store takes distinct IDs of up to {STORED_MOST} characters, not {len(longest)}")
        mutations = self.mutations
        mutations.advance()
        raw = _raw(uuid) if uuid is not None else derived(mutations.options.project_id, distinct_ids[0])
        if mutations.store.key_of_uuid(raw) is not None:
            raise ValueError(f"a person with the UUID {UUID(bytes=raw)} exists already")
        created_us = mutations.arrival_us() if created_at is None else as_us(created_at)
        pk = mutations.store.next_pk()
        record = Record(pk, created_us, tuple(distinct_ids), dict(properties or {}), is_identified)
        mutations.create(mutations.table.intern(raw), record)
        return UUID(bytes=raw)

    def person(self, uuid: Uuid) -> PersonView | None:
        """The person in the persons store, or None."""
        key = self._find(uuid)
        return None if key is None else self._view(key)

    def uuid_of(self, distinct_id: str) -> UUID | None:
        """Whose distinct id that is."""
        self.mutations.advance()
        key = self.mutations.store.key_of_distinct_id(distinct_id)
        return None if key is None else self._uuid(key)

    def count(self) -> int:
        """How many persons there are in the persons store."""
        self.mutations.advance()
        return len(self.mutations.store)

    def iter_uuids(self) -> Iterator[UUID]:
        """The UUIDs of all persons in the persons store, seeded ones by number, then the others."""
        self.mutations.advance()
        return (self._uuid(key) for key in self.mutations.store)

    def listed(self, uuid: Uuid) -> bool:
        """Whether the listing has a row of that UUID now."""
        self.mutations.advance()
        key = self.mutations.table.key(_raw(uuid))
        return key is not None and key in self.mutations.listing

    def set_properties(self, uuid: Uuid, properties: Mapping[str, Any]) -> None:
        """Set properties of a person in the store now; the listing's filters follow after its lag."""
        self.mutations.change_properties(self._living(uuid), dict(properties))

    def unset_properties(self, uuid: Uuid, keys: Iterable[str]) -> None:
        """Remove properties of a person in the store now; the listing's filters follow after its lag."""
        self.mutations.change_properties(self._living(uuid), dict.fromkeys(keys, MISSING))

    def take_distinct_ids(self, uuid: Uuid) -> None:
        """Let a person lose every distinct id, so that no event reaches it."""
        self.mutations.take_distinct_ids(self._living(uuid))

    def remove_person(self, uuid: Uuid) -> None:
        """Let somebody else delete a person; raises LookupError if there is none."""
        self.mutations.delete(self._living(uuid), through_api=False)

    def merge(self, into_uuid: Uuid, from_uuid: Uuid) -> None:
        """Move all distinct ids of one person to another; the emptied person vanishes."""
        into, emptied = self._living(into_uuid), self._living(from_uuid)
        if into == emptied:
            raise ValueError("a person cannot be merged into itself")
        self.mutations.merge(into, emptied)

    def recreate(self, uuid: Uuid, *, created_at: Moment | None = None) -> UUID:
        """Delete a person, if it still exists, and re-create it.

        Same UUID, same distinct ids, another `created_at` (now, and never before the newest person) and
        another number. With delete_order "legacy" the listing does not show it (contract 8).
        """
        raw = _raw(uuid)
        self.mutations.advance()
        key = self.mutations.table.key(raw)
        if key is None or not self.mutations.store.knows(key):
            raise LookupError(f"there never was a person {uuid}")
        self.mutations.recreate(key, None if created_at is None else as_us(created_at))
        return UUID(bytes=raw)

    def orphan(self, uuid: Uuid) -> None:
        """Let the persons store lose a person, whose row stays in the listing."""
        self.mutations.store.remove(self._living(uuid))

    def lose(self, uuid: Uuid) -> None:
        """Let the listing lose the row of a person, who stays in the persons store."""
        self.mutations.listing.lose(self._living(uuid))

    def set_heavy(self, uuid: Uuid, *, heavy: bool = True) -> None:
        """Mark a person as too much for a bulk_delete of more than that one person (contract 9)."""
        self.mutations.audit_trail.set_heavy(self._living(uuid), heavy=heavy)

    def split(self, uuid: Uuid, distinct_ids: Sequence[str]) -> list[UUID]:
        """Let somebody split distinct ids off a person; returns whose each is then."""
        mutations = self.mutations
        mutations.split(self._living(uuid), distinct_ids)
        owners = (mutations.store.key_of_distinct_id(each) for each in distinct_ids)
        return [self._uuid(owner) for owner in owners if owner is not None]

    def add_folder(self, type: str, path: str = "", *, protocol: str = PROTOCOL, email: str | None = None) -> UUID:  # noqa: A002
        """Make a folder of a user, that of the first key unless an email is given, or overwrite the one of its type."""
        owner = self.mutations.options.user_email if email is None else email
        return view(self.mutations.folders.put(owner, type, protocol=protocol, path=path)).id

    def folders(self, email: str | None = None) -> list[FolderView]:
        """The folders of a user, that of the first key unless an email is given, by type."""
        return [
            view(each)
            for each in self.mutations.folders.of(self.mutations.options.user_email if email is None else email)
        ]

    def add_cohort(self, cohort_id: int, uuids: Sequence[Uuid], *, name: str | None = None) -> None:
        """Define who is in a cohort, for filters of the type "cohort" and for who asks whose cohorts there are."""
        self.mutations.cohort_names[cohort_id] = f"Cohort {cohort_id}" if name is None else name
        keys = (self.mutations.table.key(_raw(uuid)) for uuid in uuids)
        self.mutations.cohorts[cohort_id] = frozenset(key for key in keys if key is not None)
        self.mutations.listing.forget_selections()

    def add_deletion_row(self, uuid: Uuid, *, created_at: Moment, completed: bool = False) -> None:
        """Put in a row of an earlier request to delete a person's events; the person need not exist."""
        created_us = as_us(created_at)
        self.mutations.deletions.add(
            self.mutations.table.intern(_raw(uuid)), created_us, created_us if completed else None
        )

    def deletion_rows(self, uuid: Uuid) -> list[DeletionRow]:
        """The rows of one person, newest first."""
        key = self.mutations.table.key(_raw(uuid))
        return [] if key is None else [self._row(row) for row in self.mutations.deletions.of(key)]

    def all_deletion_rows(self) -> Iterator[DeletionRow]:
        """Every deletion row there is, newest first."""
        deletions = self.mutations.deletions
        return map(self._row, deletions.page("all", 0, len(deletions)))

    def events_orphaned(self) -> set[UUID]:
        """Persons deleted through the API who have no deletion row although some call asked for one."""
        has = self.mutations.deletions.has
        self.mutations.advance()
        return {self._uuid(key) for key in self.mutations.audit_trail.deleted_after_asking() if not has(key)}

    def recordings_requested(self, uuid: Uuid) -> int:
        """How many times deletion of a person's recordings was started."""
        key = self.mutations.table.key(_raw(uuid))
        return 0 if key is None else self.mutations.audit_trail.recordings(key)

    def add_event(
        self, distinct_id: str, *, timestamp: Moment | None = None, ingested_at: Moment | None = None
    ) -> UUID | None:
        """Take in an event, of the person who has that distinct ID now; returns that person, None for a personless one.

        It happens and is ingested now unless given; `timestamp` may lie in the future.
        """
        mutations = self.mutations
        mutations.advance()
        happened_us = mutations.now_us() if timestamp is None else as_us(timestamp)
        ingested_us = mutations.now_us() if ingested_at is None else as_us(ingested_at)
        key = mutations.store.key_of_distinct_id(distinct_id)
        if key is None:
            mutations.events.add_personless(distinct_id, happened_us, ingested_us)
            return None
        mutations.events.add(key, happened_us, ingested_us)
        return self._uuid(key)

    def events(self, uuid: Uuid) -> list[EventView]:
        """The events that are left of a person, living or not, in the order in which they came in."""
        self.mutations.advance()
        key = self.mutations.table.key(_raw(uuid))
        return [] if key is None else [_event(pair, self._uuid(key), None) for pair in self.mutations.events.of(key)]

    def personless_events(self, distinct_id: str) -> list[EventView]:
        """The events of a distinct ID that had no person when they came in."""
        self.mutations.advance()
        return [_event(pair, None, distinct_id) for pair in self.mutations.events.personless(distinct_id)]

    def events_uncovered(self) -> dict[UUID, list[EventView]]:
        """Events that no deletion row will ever delete, of persons deleted through the API after a call asked for it.

        That is those that happened or were ingested after the newest row of their person, or whose person has none.
        """
        mutations = self.mutations
        mutations.advance()
        found: dict[UUID, list[EventView]] = {}
        for key in mutations.audit_trail.deleted_after_asking():
            newest_us = max((row.created_us for row in mutations.deletions.of(key)), default=-1)
            left = [_event(pair, self._uuid(key), None) for pair in mutations.events.of(key) if max(pair) > newest_us]
            if left:
                found[self._uuid(key)] = left
        return found

    def _find(self, uuid: Uuid) -> int | None:
        raw = _raw(uuid)
        self.mutations.advance()
        return self.mutations.store.key_of_uuid(raw)

    def _living(self, uuid: Uuid) -> int:
        key = self._find(uuid)
        if key is None:
            raise LookupError(f"there is no person {uuid}")
        return key

    def _uuid(self, key: int) -> UUID:
        return UUID(bytes=self.mutations.table.raw(key))

    def _view(self, key: int) -> PersonView:
        record = self.mutations.store.record(key)
        return PersonView(
            uuid=self._uuid(key),
            id=record.pk,
            distinct_ids=record.distinct_ids,
            properties=dict(record.properties),
            created_at=as_datetime(record.created_us),
            is_identified=record.is_identified,
        )

    def _row(self, row: Requested) -> DeletionRow:
        return DeletionRow(
            person_uuid=self._uuid(row.key),
            created_at=as_datetime(row.created_us),
            status="pending" if row.verified_us is None else "completed",
            delete_verified_at=None if row.verified_us is None else as_datetime(row.verified_us),
        )


def _event(pair: tuple[int, int], person_uuid: UUID | None, distinct_id: str | None) -> EventView:
    return EventView(
        person_uuid=person_uuid,
        timestamp=as_datetime(pair[0]),
        ingested_at=as_datetime(pair[1]),
        distinct_id=distinct_id,
    )


def _raw(uuid: Uuid) -> bytes:
    if isinstance(uuid, UUID):
        return uuid.bytes
    raw = parse(uuid)
    if raw is None:
        raise ValueError(f"{uuid!r} is not a UUID")
    return raw
