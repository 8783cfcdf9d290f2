"""The tables of HogQL, such as persons, events and recordings, as columns and rows of the server's tables.

Persons are read from the listing, which lags behind the store (contract 12). Names and properties of events are not
kept by the local server, so a query about them is refused.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from asyncclient.testing.queries.hogql.syntax import BadQuery
from asyncclient.testing.state.event_table import EventRow
from asyncclient.testing.state.mutations import Mutations
from asyncclient.testing.state.recording_table import Recording
from asyncclient.testing.tables.person import as_datetime
from asyncclient.testing.tables.seeding import MISSING
from asyncclient.testing.tables.uuids import derive_uuid

Column = Callable[[Any], Any]


class Table(Protocol):
    """The rows of a FROM clause."""

    def column(self, parts: tuple[str, ...]) -> Column:
        """Return a column as a function of a row; raises BadQuery for one that does not exist."""

    def has_property(self, parts: tuple[str, ...], key: str) -> Column:
        """Return whether the properties in a column have a key, null included."""

    def rows(self) -> Iterable[Any]:
        """Return the rows."""


class Persons:
    """Table `persons`; a row is the key of a person."""

    def __init__(self, mutations: Mutations) -> None:
        self._mutations = mutations

    def column(self, parts: tuple[str, ...]) -> Column:
        """Return `id`, `created_at`, `is_identified`, `last_seen_at` or a property."""
        mutations = self._mutations
        store = mutations.store
        match parts:
            case ("id",):
                return mutations.table.raw
            case ("created_at",):
                return lambda key: as_datetime(store.created_us(key))
            case ("is_identified",):
                return store.is_identified
            case ("last_seen_at",) if mutations.options.last_seen_at:
                return lambda key: None if (seen := store.record(key).last_seen_us) is None else as_datetime(seen)
            case ("properties", name):
                return partial(_property, mutations, name)
        raise _unknown(parts)

    def has_property(self, parts: tuple[str, ...], key: str) -> Column:
        """Return whether a person has a property; null counts as a value, unlike for the filter `is_set`."""
        if parts != ("properties",):
            raise _unknown(parts)
        value = self._mutations.listing.value
        return lambda person: value(person, key) is not MISSING

    def rows(self) -> Iterator[int]:
        """Yield the persons in ClickHouse's order of UUIDs."""
        return self.after(None, by_text=False)

    def after(self, raw: bytes | None, *, by_text: bool) -> Iterator[int]:
        """Yield the persons whose UUIDs come after this one, as text or in ClickHouse's order; all for None."""
        order = self._mutations.uuids_by_text if by_text else self._mutations.uuids_by_clickhouse
        return filter(self._mutations.listing.__contains__, order.after(raw))


class Events:
    """Table `events`; a row is the key of a person or None, a distinct ID or None, and the time it happened."""

    def __init__(self, mutations: Mutations) -> None:
        self._mutations = mutations
        self._persons = Persons(mutations)

    def column(self, parts: tuple[str, ...]) -> Column:
        """Return `uuid`, `person_id`, `distinct_id`, `timestamp`, or a column of `person`."""
        match parts:
            case ("uuid",):
                return self._mutations.event_uuid
            case ("timestamp",):
                return lambda row: as_datetime(row[2])
            case ("person_id",) | ("person", "id"):
                return self._person_id
            case ("distinct_id",):
                return self._distinct_id
            case ("person", *rest):
                column = self._persons.column(tuple(rest))
                return lambda row: None if row[0] is None else column(row[0])
            case ("event",) | ("properties", *_):
                raise BadQuery("The local server keeps neither names nor properties of events.")
        raise _unknown(parts)

    def has_property(self, parts: tuple[str, ...], key: str) -> Column:
        """Return whether the person of an event has a property."""
        if parts != ("person", "properties"):
            raise BadQuery("The local server keeps no properties of events.")
        has = self._persons.has_property(("properties",), key)
        return lambda row: row[0] is not None and has(row[0])

    def rows(self) -> Iterator[EventRow]:
        """Yield the events, with and without a person."""
        return self._mutations.events.rows()

    def _person_id(self, row: EventRow) -> bytes:
        key, distinct_id = row[:2]
        if key is not None:
            return self._mutations.table.raw(key)
        return derive_uuid(self._mutations.options.project_id, distinct_id or "")

    def _distinct_id(self, row: EventRow) -> str | None:
        key, distinct_id = row[:2]
        if key is None:
            return distinct_id
        return next(iter(self._mutations.store.distinct_ids(key)), None)


class DistinctIds:
    """Table `person_distinct_ids`; a row is a distinct ID and the key of its person."""

    def __init__(self, mutations: Mutations) -> None:
        self._mutations = mutations

    def column(self, parts: tuple[str, ...]) -> Column:
        """Return `distinct_id` or `person_id`."""
        raw = self._mutations.table.raw
        match parts:
            case ("distinct_id",):
                return lambda row: row[0]
            case ("person_id",):
                return lambda row: raw(row[1])
        raise _unknown(parts)

    def has_property(self, parts: tuple[str, ...], key: str) -> Column:
        """Raise BadQuery, because this table has no properties."""
        raise _unknown((*parts, key))

    def rows(self) -> Iterator[tuple[str, int]]:
        """Yield the distinct IDs of the persons in the store."""
        store = self._mutations.store
        return ((each, key) for key in store for each in store.distinct_ids(key))


class ReplayEvents:
    """Table `raw_session_replay_events`; a row is a recording and one of its distinct IDs (contract 6.7)."""

    def __init__(self, mutations: Mutations) -> None:
        self._mutations = mutations

    def column(self, parts: tuple[str, ...]) -> Column:
        """Return `session_id`, `distinct_id`, `min_first_timestamp` or, on newer servers, `is_deleted`."""
        match parts:
            case ("session_id",):
                return lambda row: row[0].session_id
            case ("distinct_id",):
                return lambda row: row[1]
            case ("min_first_timestamp",):
                return lambda row: as_datetime(row[0].started_us)
            case ("is_deleted",) if self._mutations.options.recording_marks:
                return lambda row: int(row[0].marked_us is not None)
        raise _unknown(parts)

    def has_property(self, parts: tuple[str, ...], key: str) -> Column:
        """Raise BadQuery, because this table has no properties."""
        raise _unknown((*parts, key))

    def rows(self) -> Iterator[tuple[Recording, str]]:
        """Yield each recording with each of its distinct IDs."""
        return self._mutations.recordings.rows()


class Selected:
    """The rows of a subquery in FROM, as tuples."""

    def __init__(self, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        self.names = names
        self._rows = rows

    def column(self, parts: tuple[str, ...]) -> Column:
        """Return a column of the subquery by its name."""
        if len(parts) != 1 or parts[0] not in self.names:
            raise _unknown(parts)
        index = self.names.index(parts[0])
        return lambda row: row[index]

    def has_property(self, parts: tuple[str, ...], key: str) -> Column:
        """Raise BadQuery, because a subquery has no properties here."""
        raise _unknown((*parts, key))

    def rows(self) -> Sequence[tuple[Any, ...]]:
        """Return the rows of the subquery."""
        return self._rows


TABLES: dict[str, Callable[[Mutations], Table]] = {
    "persons": Persons,
    "events": Events,
    "person_distinct_ids": DistinctIds,
    "raw_session_replay_events": ReplayEvents,
}
"""The tables by name."""


def _property(mutations: Mutations, name: str, key: int) -> Any:
    value = mutations.listing.value(key, name)
    return None if value is MISSING else value


def _unknown(parts: tuple[str, ...]) -> BadQuery:
    return BadQuery(f"Unable to resolve field: {'.'.join(parts)[:100]}")
