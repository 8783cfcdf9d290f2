"""The three forms of a person in response bodies, with different IDs and caps (contract 6.1, 6.2, 6.11)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from asyncclient.testing.options import ServerOptions
from asyncclient.testing.state.mutations import Mutations
from asyncclient.testing.tables.person import Record, iso, name_of

_LIST_CAP = 1000
_BATCH_CAP = 10


class ListedPerson(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of the listing: its `id` is the UUID."""

    type: str = "person"
    id: str
    uuid: str
    created_at: str
    last_seen_at: str | msgspec.UnsetType | None
    properties: dict[str, Any]
    is_identified: bool
    name: str
    distinct_ids: tuple[str, ...]
    matched_recordings: tuple[()] = ()
    value_at_data_point: None = None


class SinglePerson(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A person outside of the listing: its `id` is the number, and there is no `is_identified`."""

    id: int
    name: str
    distinct_ids: tuple[str, ...]
    properties: dict[str, Any]
    created_at: str
    uuid: str
    last_seen_at: str | msgspec.UnsetType | None


def listed_person(key: int, mutations: Mutations, options: ServerOptions, hidden: Sequence[str] = ()) -> ListedPerson:
    """Return a row of the listing, with at most 1,000 distinct IDs and without `hidden` properties."""
    record = mutations.store.record(key)
    uuid = mutations.table.text(key)
    return ListedPerson(
        id=uuid,
        uuid=uuid,
        created_at=iso(record.created_us),
        last_seen_at=_last_seen(record, options),
        properties=_visible(record.properties, hidden),
        is_identified=record.is_identified,
        name=name_of(record),
        distinct_ids=record.distinct_ids[:_LIST_CAP],
    )


def single_person(key: int, mutations: Mutations, options: ServerOptions, hidden: Sequence[str] = ()) -> SinglePerson:
    """Return a person with all its distinct IDs and without `hidden` properties."""
    return _build_person(key, mutations, options, None, hidden)


def batch_person(key: int, mutations: Mutations, options: ServerOptions, hidden: Sequence[str] = ()) -> SinglePerson:
    """Return a person of a batch read, with at most 10 distinct IDs and without `hidden` properties."""
    return _build_person(key, mutations, options, _BATCH_CAP, hidden)


def _visible(properties: dict[str, Any], hidden: Sequence[str]) -> dict[str, Any]:
    """Return the properties that access control does not hide (contract 2)."""
    if not hidden:
        return properties
    return {name: value for name, value in properties.items() if name not in hidden}


def _build_person(
    key: int, mutations: Mutations, options: ServerOptions, cap: int | None, hidden: Sequence[str]
) -> SinglePerson:
    record = mutations.store.record(key)
    return SinglePerson(
        id=record.pk,
        name=name_of(record),
        distinct_ids=record.distinct_ids[:cap],
        properties=_visible(record.properties, hidden),
        created_at=iso(record.created_us),
        uuid=mutations.table.text(key),
        last_seen_at=_last_seen(record, options),
    )


def _last_seen(record: Record, options: ServerOptions) -> str | msgspec.UnsetType | None:
    if not options.last_seen_at:
        return msgspec.UNSET
    return None if record.last_seen_us is None else iso(record.last_seen_us)
