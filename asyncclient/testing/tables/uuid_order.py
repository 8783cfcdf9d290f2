"""UuidOrder: all UUIDs ever used, in order, so that a query can continue after any of them.

Deleted persons stay in the order; new ones are added at the next read.
"""

from array import array
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator

from asyncclient.testing.tables.uuids import UuidTable

# Sorting is faster than inserting if there are more new keys than this.
_FEW = 1000


class UuidOrder:
    """Keys in the order of a sort key made of their UUIDs."""

    def __init__(self, table: UuidTable, sort_key: Callable[[bytes], bytes]) -> None:
        self._table = table
        self._sort_key = sort_key
        self._order = array("I")

    def after(self, raw: bytes | None) -> Iterator[int]:
        """Yield the keys whose UUIDs come after this one, in order; all keys for None."""
        self._catch_up()
        start = 0 if raw is None else bisect_right(self._order, self._sort_key(raw), key=self._rank)
        return (self._order[at] for at in range(start, len(self._order)))

    def _catch_up(self) -> None:
        known, total = len(self._order), len(self._table)
        if total - known > _FEW:
            self._order = array("I", sorted(range(total), key=self._rank))
        else:
            for key in range(known, total):
                insort(self._order, key, key=self._rank)

    def _rank(self, key: int) -> bytes:
        return self._sort_key(self._table.raw(key))


def by_text(raw: bytes) -> bytes:
    """Return the sort key of a UUID as text."""
    return raw


def by_clickhouse(raw: bytes) -> bytes:
    """Return the sort key of a UUID in ClickHouse: the second half first."""
    return raw[8:] + raw[:8]
