"""What the server's bodies are read into: typed, tolerant of every era, unknown fields ignored (contract 6)."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone, so that any two can be compared."""


class PersonRef(msgspec.Struct, frozen=True, gc=False):
    """Who a person is, and no more: for listings that need IDs only; the rest of the object is not decoded.

    Arguments:
        uuid: of the person.
        created_at: with its zone.
        distinct_ids: at most 1000 from a listing and 10 from a batch read (contract 6.1, 6.11).
    """

    uuid: UUID
    created_at: Instant
    distinct_ids: tuple[str, ...] = ()


class Person(msgspec.Struct, frozen=True, gc=False):
    """A person. `id` is the UUID in listings and a number elsewhere: key everything on `uuid` (contract 5).

    Arguments:
        uuid: of the person.
        created_at: with its zone.
        distinct_ids: all from `get`, at most 1000 from a listing and 10 from a batch read (contract 6.1, 6.11).
        properties: JSON values by key.
        name: as the server shows it; None where it has none.
        id: the UUID as a text, or the number.
        is_identified: None where the call does not tell.
        last_seen_at: with its zone; None where the server does not tell.
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
    """A person as the server sent it, byte for byte, and who it is.

    Arguments:
        ref: who it is.
        raw: the server's JSON object.
    """

    ref: PersonRef
    raw: msgspec.Raw

    def __repr__(self) -> str:
        return f"<RawPerson {self.ref.uuid}>"


class StoredRef(PersonRef, frozen=True, gc=False, kw_only=True):
    """As `PersonRef`, out of an answer that always holds all of it (contract 6.11)."""

    distinct_ids: tuple[str, ...]


class StoredPerson(Person, frozen=True, gc=False, kw_only=True):
    """As `Person`, out of an answer that always holds these (contract 6.2, 6.11): one without them is invalid."""

    distinct_ids: tuple[str, ...]
    properties: dict[str, Any]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a listing. A page may be shorter than asked, or empty, and still have a `next` (contract 6.1).

    Arguments:
        results: the rows.
        next: the server's address of the next page, None at the end.
        previous: the server's address of the page before; not to be relied on.
        count: of all rows, where it was asked for.
    """

    results: list[T]
    next: str | None = None
    previous: str | None = None
    count: int | None = None


class DeletionError(msgspec.Struct, frozen=True):
    """A person that bulk_delete did not delete, and the step that failed (contract 6.5).

    Arguments:
        person_uuid: of the person; None where no person was resolved.
        step: its name, an open set; None from older servers.
    """

    person_uuid: UUID | None = None
    step: str | None = None


class BulkDeleteSummary(msgspec.Struct, frozen=True):
    """The body of bulk_delete in every era; None where a server does not say (contract 6.5).

    Arguments:
        persons_found: persons that the IDs belong to.
        persons_deleted: persons deleted at once.
        persons_queued_for_deletion: persons that are deleted later.
        events_queued_for_deletion: whether events were asked for and persons found; not "done".
        recordings_queued_for_deletion: whether recordings were asked for and persons found; not "done".
        deletion_errors: persons that were not deleted.
        ids_not_found: UUIDs without a person, or how many.
        distinct_ids_not_found: distinct IDs without a person, or how many.
        unmatched_distinct_ids: the same by another name.
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
        """Accepted without a word: the body of the oldest era, which verifies nothing."""
        return self == BulkDeleteSummary()

    @property
    def unmatched(self) -> int:
        """How many ids had no person, by whichever name the server gives it."""
        told = (self.ids_not_found, self.distinct_ids_not_found, self.unmatched_distinct_ids)
        return sum(len(each) if isinstance(each, list) else each for each in told if each is not None)


class DeletionRow(msgspec.Struct, frozen=True, gc=False):
    """One request to delete a person's events (contract 6.11). Times are the server's.

    Arguments:
        person_uuid: whose events.
        created_at: of the request; events up to then are covered.
        status: "pending" or "completed".
        delete_verified_at: when the deletion was checked; None before.
    """

    person_uuid: UUID
    created_at: Instant
    status: str
    delete_verified_at: Instant | None = None


class Project(msgspec.Struct, frozen=True):
    """A project.

    Arguments:
        id: its number.
        name: as its members gave it.
        api_token: the public token of the capture route; no repr shows it. None where the key does not see it.
    """

    id: int
    name: str = ""
    api_token: str | None = None

    def __repr__(self) -> str:
        return f"Project(id={self.id!r}, name={self.name!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("id", self.id), ("name", self.name)]


class PersistedFolder(msgspec.Struct, frozen=True):
    """Where the product's file tree opens for the key's user: at most one per `type` (contract 7).

    Arguments:
        id: its UUID.
        type: "home", "pinned" or "custom_products".
        protocol: of the path.
        path: may be empty.
        created_at: with its zone.
        updated_at: with its zone.
    """

    id: UUID
    type: str
    protocol: str = "products://"
    path: str = ""
    created_at: Instant | None = None
    updated_at: Instant | None = None


class QueryResult(msgspec.Struct, frozen=True):
    """Rows of a query and the names of their columns (contract 12).

    Arguments:
        results: rows, each a list of JSON values.
        columns: their names, None where the server does not tell.
        has_more: whether the server cut the rows; None where it does not tell.
        is_cached: never true: such an answer is refused.
    """

    results: list[list[Any]]
    columns: tuple[str, ...] | None = None
    has_more: bool | None = msgspec.field(default=None, name="hasMore")
    is_cached: bool | None = None


class PropertyValue(msgspec.Struct, frozen=True):
    """A value that a property has somewhere.

    Arguments:
        name: the value.
        count: how often, as far as the server tells.
    """

    name: Any = None
    count: int | None = None


class PropertyValues(msgspec.Struct, frozen=True):
    """Values of a property.

    Arguments:
        results: the commonest ones.
        refreshing: whether the server still counts.
    """

    results: list[PropertyValue] = []
    refreshing: bool = False


class Cohort(msgspec.Struct, frozen=True):
    """A cohort that a person is in.

    Arguments:
        id: its number.
        name: None where it has none.
        count: how many persons are in it; None before it was counted.
    """

    id: int
    name: str | None = None
    count: int | None = None


class Cohorts(msgspec.Struct, frozen=True):
    """The body of cohorts."""

    results: list[Cohort]


class BatchResults(msgspec.Struct, Generic[T], frozen=True):
    """The body of batch_by_distinct_ids."""

    results: dict[str, T]


class ResultsByUuid(msgspec.Struct, Generic[T], frozen=True):
    """The body of batch_by_uuids."""

    results: dict[UUID, T]
