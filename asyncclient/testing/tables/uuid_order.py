"""All UUIDs there ever were, in order, so that a query can go on from any of them.

A person that goes leaves its place here; newcomers are put in when somebody asks. It knows no rows.
"""

from array import array
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator

from asyncclient.testing.tables.uuids import UuidTable

# More newcomers than this are cheaper to sort than to insert.
_FEW = 1000


class UuidOrder:
    """Keys in the order of a sort key made of their UUIDs."""

    def __init__(self, table: UuidTable, sort_key: Callable[[bytes], bytes]) -> None:
        self._table = table
        self._sort_key = sort_key
        self._order = array("I")

    def beyond(self, raw: bytes | None) -> Iterator[int]:
        """The keys whose UUIDs lie beyond this one, in order; all of them for None."""
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
    """The order of what UUIDs spell."""
    return raw


def by_clickhouse(raw: bytes) -> bytes:
    """The order that ClickHouse gives the type UUID: by the second half first."""
    return raw[8:] + raw[:8]
