"""World: the state of the local server, for tests to arrange and to check.

Handlers change it through `mutations`. Whatever takes time (queued deletions, captured events, the lag of the listing)
is applied when the state is read, by the server's clock.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncclient.testing.options import ServerOptions
from asyncclient.testing.state.captured_events import MAX_STORED_DISTINCT_ID
from asyncclient.testing.state.event_table import EventView
from asyncclient.testing.state.ingestion import Ingestion
from asyncclient.testing.state.mutations import Mutations
from asyncclient.testing.state.recording_table import Recording, RecordingView
from asyncclient.testing.tables.event_deletions import DeletionRow, Requested
from asyncclient.testing.tables.folders import PROTOCOL, FolderView, view
from asyncclient.testing.tables.person import Moment, PersonView, Record, as_datetime, as_us
from asyncclient.testing.tables.seeding import MISSING
from asyncclient.testing.tables.uuids import derive_uuid, parse_uuid

Uuid = UUID | str


class World:
    """Direct, synchronous access to the state of the server."""

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

        Arguments:
            distinct_ids: at least one, of up to 400 characters.
            properties: JSON values by key.
            created_at: creation time; None for now, after the newest person, so that it comes first in a listing.
            uuid: None to derive it from project and first distinct ID (contract 5).
            is_identified: whether the person is identified.

        Raises:
            ValueError: the UUID or a distinct ID belongs to an existing person.
        """
        if not distinct_ids:
            raise ValueError("a person needs at least one distinct ID")
        if longest := next((each for each in distinct_ids if len(each) > MAX_STORED_DISTINCT_ID), None):
            raise ValueError(
                f"the store accepts distinct IDs of up to {MAX_STORED_DISTINCT_ID} characters, not {len(longest)}"
            )
        mutations = self.mutations
        mutations.advance()
        raw = _raw(uuid) if uuid is not None else derive_uuid(mutations.options.project_id, distinct_ids[0])
        if mutations.store.key_of_uuid(raw) is not None:
            raise ValueError(f"a person with the UUID {UUID(bytes=raw)} exists already")
        created_us = mutations.arrival_us() if created_at is None else as_us(created_at)
        pk = mutations.store.next_pk()
        record = Record(pk, created_us, tuple(distinct_ids), dict(properties or {}), is_identified)
        mutations.create(mutations.table.intern(raw), record)
        return UUID(bytes=raw)

    def person(self, uuid: Uuid) -> PersonView | None:
        """Return the person in the persons store, or None."""
        key = self._find(uuid)
        return None if key is None else self._view(key)

    def uuid_of(self, distinct_id: str) -> UUID | None:
        """Return the UUID of the person that has this distinct ID, or None."""
        self.mutations.advance()
        key = self.mutations.store.key_of_distinct_id(distinct_id)
        return None if key is None else self._uuid(key)

    def count(self) -> int:
        """Return the number of persons in the persons store."""
        self.mutations.advance()
        return len(self.mutations.store)

    def iter_uuids(self) -> Iterator[UUID]:
        """Yield the UUIDs of all persons in the persons store: seeded ones by number, then the others."""
        self.mutations.advance()
        return (self._uuid(key) for key in self.mutations.store)

    def listed(self, uuid: Uuid) -> bool:
        """Return whether the listing has a row with this UUID now."""
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
        """Remove all distinct IDs from a person, so that no event reaches it."""
        self.mutations.take_distinct_ids(self._living(uuid))

    def remove_person(self, uuid: Uuid) -> None:
        """Delete a person as another client would.

        Raises:
            LookupError: the person does not exist.
        """
        self.mutations.delete(self._living(uuid), through_api=False)

    def merge(self, into_uuid: Uuid, from_uuid: Uuid) -> None:
        """Move all distinct IDs of one person to another; the emptied person is deleted."""
        into, emptied = self._living(into_uuid), self._living(from_uuid)
        if into == emptied:
            raise ValueError("a person cannot be merged into itself")
        self.mutations.merge(into, emptied)

    def recreate(self, uuid: Uuid, *, created_at: Moment | None = None) -> UUID:
        """Delete a person, if it still exists, and re-create it.

        It has the same UUID and distinct IDs, but a new number and another `created_at`: None for now, after the newest
        person. With delete_order "legacy" the listing does not show it (contract 8).
        """
        raw = _raw(uuid)
        self.mutations.advance()
        key = self.mutations.table.key(raw)
        if key is None or not self.mutations.store.knows(key):
            raise LookupError(f"there never was a person {uuid}")
        self.mutations.recreate(key, None if created_at is None else as_us(created_at))
        return UUID(bytes=raw)

    def orphan(self, uuid: Uuid) -> None:
        """Remove a person from the persons store, but not from the listing."""
        self.mutations.store.remove(self._living(uuid))

    def lose(self, uuid: Uuid) -> None:
        """Remove the row of a person from the listing, but not from the persons store."""
        self.mutations.listing.lose(self._living(uuid))

    def set_heavy(self, uuid: Uuid, *, heavy: bool = True) -> None:
        """Mark a person as too much for a bulk_delete of more than that one person (contract 9)."""
        self.mutations.audit_trail.set_heavy(self._living(uuid), heavy=heavy)

    def split(self, uuid: Uuid, distinct_ids: Sequence[str]) -> list[UUID]:
        """Split distinct IDs off a person as another client would, and return the person of each."""
        mutations = self.mutations
        mutations.split(self._living(uuid), distinct_ids)
        owners = (mutations.store.key_of_distinct_id(each) for each in distinct_ids)
        return [self._uuid(owner) for owner in owners if owner is not None]

    def add_folder(self, type: str, path: str = "", *, protocol: str = PROTOCOL, email: str | None = None) -> UUID:  # noqa: A002
        """Create a folder, or overwrite the one of its type, for the user with this email or the first key's user."""
        owner = self.mutations.options.user_email if email is None else email
        return view(self.mutations.folders.put(owner, type, protocol=protocol, path=path)).id

    def folders(self, email: str | None = None) -> list[FolderView]:
        """Return the folders of the user with this email, or of the first key's user, by type."""
        return [
            view(each)
            for each in self.mutations.folders.of(self.mutations.options.user_email if email is None else email)
        ]

    def add_cohort(self, cohort_id: int, uuids: Sequence[Uuid], *, name: str | None = None) -> None:
        """Define the members of a cohort, for filters of the type "cohort" and for the call `cohorts`."""
        self.mutations.cohort_names[cohort_id] = f"Cohort {cohort_id}" if name is None else name
        keys = (self.mutations.table.key(_raw(uuid)) for uuid in uuids)
        self.mutations.cohorts[cohort_id] = frozenset(key for key in keys if key is not None)
        self.mutations.listing.forget_selections()

    def add_email(self, uuid: Uuid, *, recipient: str, subject: str) -> None:
        """Add an e-mail that a workflow sent to a person; it stays when the person is deleted."""
        key, mutations = self._living(uuid), self.mutations
        sent_at = as_datetime(mutations.now_us()).isoformat()
        mutations.emails.setdefault(key, []).append({"recipient": recipient, "subject": subject, "sent_at": sent_at})

    def add_deletion_row(self, uuid: Uuid, *, created_at: Moment, completed: bool = False) -> None:
        """Add a row of an earlier request to delete a person's events; the person need not exist."""
        created_us = as_us(created_at)
        self.mutations.deletions.add(
            self.mutations.table.intern(_raw(uuid)), created_us, created_us if completed else None
        )

    def deletion_rows(self, uuid: Uuid) -> list[DeletionRow]:
        """Return the deletion rows of one person, the newest first."""
        key = self.mutations.table.key(_raw(uuid))
        return [] if key is None else [self._row(row) for row in self.mutations.deletions.of(key)]

    def all_deletion_rows(self) -> Iterator[DeletionRow]:
        """Yield all deletion rows, the newest first."""
        deletions = self.mutations.deletions
        return map(self._row, deletions.page("all", 0, len(deletions)))

    def events_orphaned(self) -> set[UUID]:
        """Return the persons deleted through the API that have no deletion row although a call requested one."""
        has = self.mutations.deletions.has
        self.mutations.advance()
        return {self._uuid(key) for key in self.mutations.audit_trail.deleted_with_events_requested() if not has(key)}

    def recordings_requested(self, uuid: Uuid) -> int:
        """Return how often deletion of a person's recordings was requested."""
        key = self.mutations.table.key(_raw(uuid))
        return 0 if key is None else self.mutations.audit_trail.recording_requests(key)

    def add_recording(self, session_id: str, distinct_ids: Sequence[str], *, started_at: Moment | None = None) -> None:
        """Add a recording of the persons that have these distinct IDs, if any have.

        Arguments:
            session_id: ID of the recording.
            distinct_ids: those that it was captured under, at least one.
            started_at: None for now.

        Raises:
            ValueError: there is no distinct ID, or a recording with this ID.
        """
        if not distinct_ids:
            raise ValueError("a recording needs at least one distinct ID")
        mutations = self.mutations
        mutations.advance()
        started_us = mutations.now_us() if started_at is None else as_us(started_at)
        mutations.recordings.add(session_id, tuple(distinct_ids), started_us)

    def recordings(self, distinct_id: str) -> list[RecordingView]:
        """Return the recordings of a distinct ID that the server still has a row of, marked or not."""
        self.mutations.advance()
        return list(map(_recording, self.mutations.recordings.of([distinct_id])))

    def add_event(
        self, distinct_id: str, *, timestamp: Moment | None = None, ingested_at: Moment | None = None
    ) -> UUID | None:
        """Add an event of the person that has this distinct ID, and return the person; None for a personless event.

        Arguments:
            distinct_id: distinct ID of the event.
            timestamp: when it happened; None for now; may be in the future.
            ingested_at: when it was ingested; None for now.
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
        """Return the remaining events of a person, existing or deleted, in the order of their ingestion."""
        self.mutations.advance()
        key = self.mutations.table.key(_raw(uuid))
        return [] if key is None else [_event(pair, self._uuid(key), None) for pair in self.mutations.events.of(key)]

    def personless_events(self, distinct_id: str) -> list[EventView]:
        """Return the events of a distinct ID that had no person when they were ingested."""
        self.mutations.advance()
        return [_event(pair, None, distinct_id) for pair in self.mutations.events.personless(distinct_id)]

    def decide_deletion(self, request_id: Uuid, *, approved: bool) -> None:
        """Approve or refuse a pending data deletion request, as PostHog does by hand (contract 13)."""
        self.mutations.data_deletions.decide(UUID(bytes=_raw(request_id)), approved=approved)

    def events_uncovered(self) -> dict[UUID, list[EventView]]:
        """Return the events that no deletion row covers, of persons deleted through the API with their events.

        These events happened or were ingested after the newest row of their person, or the person has no row.
        """
        mutations = self.mutations
        mutations.advance()
        found: dict[UUID, list[EventView]] = {}
        for key in mutations.audit_trail.deleted_with_events_requested():
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


def _recording(one: Recording) -> RecordingView:
    return RecordingView(
        session_id=one.session_id,
        distinct_ids=one.distinct_ids,
        started_at=as_datetime(one.started_us),
        is_deleted=one.marked_us is not None,
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
    raw = parse_uuid(uuid)
    if raw is None:
        raise ValueError(f"{uuid!r} is not a UUID")
    return raw
