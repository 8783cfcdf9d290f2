"""Models of response bodies: typed, valid for servers of every age, unknown fields ignored (contract 6)."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its time zone, so that any two can be compared."""


class PersonRef(msgspec.Struct, frozen=True, gc=False):
    """The identifiers of a person, for listings that need no properties; nothing else of the object is decoded.

    Arguments:
        uuid: UUID of the person.
        created_at: creation time, with its time zone.
        distinct_ids: at most 1000 from a listing and 10 from a batch read (contract 6.1, 6.11).
    """

    uuid: UUID
    created_at: Instant
    distinct_ids: tuple[str, ...] = ()


class Person(msgspec.Struct, frozen=True, gc=False):
    """A person. `id` is the UUID in listings and a number elsewhere, so use `uuid` as the key (contract 5).

    Arguments:
        uuid: UUID of the person.
        created_at: creation time, with its time zone.
        distinct_ids: all from `get`, at most 1000 from a listing and 10 from a batch read (contract 6.1, 6.11).
        properties: JSON values by key.
        name: display name as the server shows it; None if there is none.
        id: the UUID as text, or the number.
        is_identified: None if the call does not return it.
        last_seen_at: time of the last event, with its time zone; None if the server does not return it.
    """

    uuid: UUID
    created_at: Instant
    distinct_ids: tuple[str, ...] = ()
    properties: dict[str, Any] = {}
    name: str | None = None
    id: int | str | None = None
    is_identified: bool | None = None
    last_seen_at: Instant | None = None


class RawPerson(msgspec.Struct, frozen=True, gc=False):
    """A person as the server sent it, byte for byte, with its identifiers.

    Arguments:
        ref: the identifiers.
        raw: the server's JSON object.
    """

    ref: PersonRef
    raw: msgspec.Raw

    @property
    def uuid(self) -> UUID:
        """UUID of the person."""
        return self.ref.uuid

    @property
    def created_at(self) -> datetime:
        """Creation time, with its time zone."""
        return self.ref.created_at

    @property
    def distinct_ids(self) -> tuple[str, ...]:
        """The distinct IDs that the response has."""
        return self.ref.distinct_ids

    def __repr__(self) -> str:
        return f"<RawPerson {self.ref.uuid}>"


class UnreadableRow(msgspec.Struct, frozen=True, gc=False):
    """A row of a listing that cannot be read: it is not valid JSON, or a field of it has an impossible value.

    Arguments:
        place: its place in the listing when it was read, 1 for the first row.
        uuid: UUID of the person; None if that cannot be read either.
        raw: what the server sent.
    """

    place: int
    uuid: UUID | None
    raw: msgspec.Raw

    def __repr__(self) -> str:
        return f"<UnreadableRow {self.place}>"


class StoredRef(PersonRef, frozen=True, gc=False, kw_only=True):
    """A `PersonRef` from a response that always has all its fields (contract 6.11)."""

    distinct_ids: tuple[str, ...]


class StoredPerson(Person, frozen=True, gc=False, kw_only=True):
    """A `Person` from a response that always has distinct IDs and properties (contract 6.2, 6.11)."""

    distinct_ids: tuple[str, ...]
    properties: dict[str, Any]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a listing. A page may be shorter than requested, or empty, and still have a `next` (contract 6.1).

    Arguments:
        results: the rows.
        next: URL of the next page; None at the end.
        previous: URL of the previous page; unreliable (contract 6.1).
        count: number of all rows, if it was requested.
    """

    results: list[T]
    next: str | None = None
    previous: str | None = None
    count: int | None = None


class DeletionError(msgspec.Struct, frozen=True):
    """An error entry of `bulk_delete`: a person, and the step that failed (contract 6.5).

    Arguments:
        person_uuid: UUID of the person; None if no person was resolved.
        step: name of the step, from an open set; None from older servers.
    """

    person_uuid: UUID | None = None
    step: str | None = None


class BulkDeleteSummary(msgspec.Struct, frozen=True):
    """The summary that `bulk_delete` returns; a field is None if the server does not send it (contract 6.5).

    Arguments:
        persons_found: number of persons that the IDs belong to.
        persons_deleted: number of persons deleted at once.
        persons_queued_for_deletion: number of persons that are deleted later.
        events_queued_for_deletion: whether event deletion was requested and persons were found; it is not done yet.
        recordings_queued_for_deletion: whether recording deletion was requested and persons were found; it is not
            done yet.
        deletion_errors: one entry per person with a failed step.
        ids_not_found: UUIDs without a person, or their number.
        distinct_ids_not_found: distinct IDs without a person, or their number.
        unmatched_distinct_ids: the same under another name.
    """

    persons_found: int | None = None
    persons_deleted: int | None = None
    persons_queued_for_deletion: int | None = None
    events_queued_for_deletion: bool | int | None = None
    recordings_queued_for_deletion: bool | int | None = None
    deletion_errors: tuple[DeletionError, ...] = ()
    ids_not_found: list[str] | int | None = None
    distinct_ids_not_found: list[str] | int | None = None
    unmatched_distinct_ids: list[str] | int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the body was empty: a server that sends no summary accepted the request, which proves nothing."""
        return self == BulkDeleteSummary()

    @property
    def unmatched(self) -> int:
        """The number of IDs without a person, from whichever field the server sends."""
        fields = (self.ids_not_found, self.distinct_ids_not_found, self.unmatched_distinct_ids)
        return sum(len(each) if isinstance(each, list) else each for each in fields if each is not None)


class DeletionRow(msgspec.Struct, frozen=True, gc=False):
    """One row of `deletion_status`: a request to delete a person's events (contract 6.11). Times are the server's.

    Arguments:
        person_uuid: UUID of the person.
        created_at: time of the request; it covers the events up to then.
        status: "pending" or "completed".
        delete_verified_at: when the server verified the deletion; None until then.
    """

    person_uuid: UUID
    created_at: Instant
    status: str
    delete_verified_at: Instant | None = None


class Project(msgspec.Struct, frozen=True):
    """A project.

    Arguments:
        id: number of the project.
        name: name of the project.
        api_token: public token for capturing events; no repr shows it. None if the key may not see it.
    """

    id: int
    name: str = ""
    api_token: str | None = None

    def __repr__(self) -> str:
        return f"Project(id={self.id!r}, name={self.name!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("id", self.id), ("name", self.name)]


class PersistedFolder(msgspec.Struct, frozen=True):
    """A folder that the key's user keeps in PostHog's file tree: at most one per `type` (contract 7).

    Arguments:
        id: UUID of the folder.
        type: "home", "pinned" or "custom_products".
        protocol: prefix of the path, such as "products://".
        path: path in the file tree; may be empty.
        created_at: creation time, with its time zone.
        updated_at: time of the last change, with its time zone.
    """

    id: UUID
    type: str
    protocol: str = "products://"
    path: str = ""
    created_at: Instant | None = None
    updated_at: Instant | None = None


class QueryResult(msgspec.Struct, frozen=True):
    """The rows of a query and the names of their columns (contract 12).

    Arguments:
        results: rows, each a list of JSON values.
        columns: names of the columns; None if the server does not send them.
        has_more: whether there are more rows than the server returned; None if it does not say.
        is_cached: never true, because the client refuses a cached response.
    """

    results: list[list[Any]]
    columns: tuple[str, ...] | None = None
    has_more: bool | None = msgspec.field(default=None, name="hasMore")
    is_cached: bool | None = None


class PropertyValue(msgspec.Struct, frozen=True):
    """A value of a property.

    Arguments:
        name: the value.
        count: number of persons with this value; None if the server does not say.
    """

    name: Any = None
    count: int | None = None


class PropertyValues(msgspec.Struct, frozen=True):
    """The most common values of a property.

    Arguments:
        results: the values.
        refreshing: whether the server is still counting.
    """

    results: list[PropertyValue] = []
    refreshing: bool = False


class Cohort(msgspec.Struct, frozen=True):
    """A cohort.

    Arguments:
        id: number of the cohort.
        name: None if it has no name.
        count: number of persons in it; None if it has not been counted.
    """

    id: int
    name: str | None = None
    count: int | None = None


class Cohorts(msgspec.Struct, frozen=True):
    """The response body of `cohorts`."""

    results: list[Cohort]


class PersonCohorts(msgspec.Struct, frozen=True):
    """The cohorts of a person, as far as the server tells (contract 6.11).

    Arguments:
        results: the cohorts.
        warning: why they may be wrong, as a sentence; None if the client is set to the project `@current`.
    """

    results: list[Cohort]
    warning: str | None = None


class PersonEmails(msgspec.Struct, frozen=True):
    """The e-mails that workflows sent to a person (contract 6.11).

    Arguments:
        results: the server's JSON objects, with recipient and subject; no repr shows them.
        next: URL of the next page; None if there is none.
    """

    results: list[dict[str, Any]]
    next: str | None = None

    def __repr__(self) -> str:
        return f"PersonEmails({len(self.results)} e-mails)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("count", len(self.results))]


class BatchResults(msgspec.Struct, Generic[T], frozen=True):
    """The response body of `batch_by_distinct_ids`, or of `batch_by_uuids`, whose keys are UUIDs."""

    results: dict[str, T]
