"""Persons as the calls spell them (contract 6.1, 6.2, 6.11): three shapes with different ids and caps."""

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
    """A person by itself: its `id` is the number, and there is no `is_identified`."""

    id: int
    name: str
    distinct_ids: tuple[str, ...]
    properties: dict[str, Any]
    created_at: str
    uuid: str
    last_seen_at: str | msgspec.UnsetType | None


def listed(key: int, mutations: Mutations, options: ServerOptions, hidden: Sequence[str] = ()) -> ListedPerson:
    """A row of the listing; at most 1000 distinct ids. `hidden` properties are left out."""
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


def single(key: int, mutations: Mutations, options: ServerOptions, hidden: Sequence[str] = ()) -> SinglePerson:
    """A person with all its distinct ids. `hidden` properties are left out."""
    return _single(key, mutations, options, None, hidden)


def batched(key: int, mutations: Mutations, options: ServerOptions, hidden: Sequence[str] = ()) -> SinglePerson:
    """A person of a batch read; at most 10 distinct ids. `hidden` properties are left out."""
    return _single(key, mutations, options, _BATCH_CAP, hidden)


def _visible(properties: dict[str, Any], hidden: Sequence[str]) -> dict[str, Any]:
    """What access control lets through, without a word of what it does not (contract 2)."""
    if not hidden:
        return properties
    return {name: value for name, value in properties.items() if name not in hidden}


def _single(
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
