"""PersonStore: the existing persons, as retrieve, the batch reads and the deletions see them.

It simulates PostHog's Postgres tables; the listing is another table (listing.py) and may differ. A seeded person takes
one byte until something about it changes, and only properties that differ from the seed are kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from asyncclient.testing.tables.person import Record
from asyncclient.testing.tables.seeding import MISSING, Seeding
from asyncclient.testing.tables.uuids import UuidTable

_EMAIL = "email"
# The owner of a distinct ID without a person: no person has this key.
_NO_OWNER = 1 << 62


class PersonStore:
    """Persons by key, by number and by distinct ID."""

    def __init__(self, table: UuidTable, seeding: Seeding) -> None:
        self._table = table
        self._seeding = seeding
        self._present = bytearray(b"\x01") * seeding.persons
        self._count = seeding.persons
        self._records: dict[int, Record] = {}
        self._changed: dict[int, dict[str, Any]] = {}
        self._with_other_email: set[int] = set()
        self._owners: dict[str, int] = {}
        self._by_pk: dict[int, int] = {}
        self._next_pk = seeding.persons + 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        at = self._present.find(1)
        while at >= 0:
            yield at
            at = self._present.find(1, at + 1)

    def __contains__(self, key: int) -> bool:
        return key < len(self._present) and self._present[key] == 1

    def next_pk(self) -> int:
        """Return a person number that was never used."""
        self._next_pk += 1
        return self._next_pk - 1

    def knows(self, key: int) -> bool:
        """Return whether a person with this key exists or existed."""
        return key in self._records or key < self._seeding.persons

    def record(self, key: int) -> Record:
        """Return the person with this key, or its last state if it was deleted."""
        record = self._records.get(key)
        if record is not None:
            return record
        record, changes = self._seeding.record(key), self._changed.get(key)
        return record if changes is None else _changed(record, changes)

    def pk(self, key: int) -> int:
        """Return the number of a person, existing or deleted."""
        record = self._records.get(key)
        return key + 1 if record is None else record.pk

    def created_us(self, key: int) -> int:
        """Return when a person, existing or deleted, was created."""
        record = self._records.get(key)
        return self._seeding.created_us(key) if record is None else record.created_us

    def is_identified(self, key: int) -> bool:
        """Return whether a person, existing or deleted, is identified."""
        record = self._records.get(key)
        return self._seeding.is_identified(key) if record is None else record.is_identified

    def value(self, key: int, name: str) -> Any:
        """Return one property; MISSING if the person does not have it."""
        record = self._records.get(key)
        if record is not None:
            return record.properties.get(name, MISSING)
        changes = self._changed.get(key)
        if changes is not None and name in changes:
            return changes[name]
        return self._seeding.value(key, name)

    def distinct_ids(self, key: int) -> tuple[str, ...]:
        """Return all distinct IDs of a person."""
        record = self._records.get(key)
        return self._seeding.distinct_ids(key) if record is None else record.distinct_ids

    def keys_with_other_email(self) -> Iterator[int]:
        """Yield the keys of persons whose email may differ from the seeded one."""
        return chain(self._records, self._with_other_email)

    def key_of_uuid(self, raw: bytes) -> int | None:
        """Return the key of the existing person with this UUID, or None."""
        key = self._table.key(raw)
        return key if key is not None and key in self else None

    def key_of_pk(self, pk: int) -> int | None:
        """Return the key of the existing person with this number, or None. A re-created person has a new number."""
        key = self._by_pk.get(pk)
        if key is None:
            key = pk - 1 if 0 < pk <= self._seeding.persons else None
        if key is None or key not in self:
            return None
        record = self._records.get(key)
        return key if record is None or record.pk == pk else None

    def key_of_distinct_id(self, distinct_id: str) -> int | None:
        """Return the key of the existing person with this distinct ID, or None."""
        key = self._owners.get(distinct_id)
        if key is None:
            key = self._seeding.number_of(distinct_id)
        if key is None or key not in self:
            return None
        record = self._records.get(key)  # of a person that was added again, perhaps with other distinct IDs
        return key if record is None or distinct_id in record.distinct_ids else None

    def put(self, key: int, record: Record) -> None:
        """Add or replace a person."""
        if key >= len(self._present):
            self._present.extend(bytes(key + 1 - len(self._present)))
        if not self._present[key]:
            self._present[key] = 1
            self._count += 1
        self._records[key] = record
        self._changed.pop(key, None)
        self._by_pk[record.pk] = key
        for distinct_id in record.distinct_ids:
            self._owners[distinct_id] = key

    def change_properties(self, key: int, changes: Mapping[str, Any]) -> None:
        """Set properties of a person; MISSING removes a property."""
        record = self._records.get(key)
        if record is not None:
            self._records[key] = _changed(record, changes)
            return
        known = self._changed.get(key)
        self._changed[key] = dict(changes) if known is None else {**known, **changes}
        if _EMAIL in changes:
            self._with_other_email.add(key)

    def disown(self, distinct_ids: Iterable[str]) -> None:
        """Remove the owners of distinct IDs, until a person with them is added."""
        for distinct_id in distinct_ids:
            self._owners[distinct_id] = _NO_OWNER

    def remove(self, key: int) -> bool:
        """Delete a person, and return False if it did not exist."""
        if key not in self:
            return False
        self._present[key] = 0
        self._count -= 1
        return True


def _changed(record: Record, changes: Mapping[str, Any]) -> Record:
    properties = {name: value for name, value in {**record.properties, **changes}.items() if value is not MISSING}
    return msgspec.structs.replace(record, properties=properties)
