"""OffsetSequence: an ordered sequence of small integers with fast access at any offset.

It makes deep pages cheap: adding, removing and paging cost about the same at any offset and size. The owner computes
the sort key of each integer.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, islice
from typing import Any

# Blocks are small, because a row is found by scanning its block.
_FILL = 128


class OffsetSequence:
    """Distinct integers in the order of their sort keys, in blocks, with 4 bytes per row."""

    def __init__(self, sort_key: Callable[[int], Any], in_order: Iterable[int] = (), *, fill: int = _FILL) -> None:
        self._sort_key = sort_key
        self._full = 2 * fill
        self._blocks: list[array[int]] = []
        # The lower bound of the sort keys in each block.
        self._starts: list[Any] = []
        self._ends: list[int] | None = None
        self._count = 0
        rows = iter(in_order)
        while block := array("I", islice(rows, fill)):
            self._blocks.append(block)
            self._starts.append(sort_key(block[0]))
            self._count += len(block)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        for block in self._blocks:
            yield from block

    def add(self, row: int) -> None:
        """Add a row that is not in the sequence."""
        key = self._sort_key(row)
        self._ends = None
        self._count += 1
        if not self._blocks:
            self._blocks.append(array("I", (row,)))
            self._starts.append(key)
            return
        at = max(0, bisect_right(self._starts, key) - 1)
        block = self._blocks[at]
        # New rows mostly belong at one end.
        if key < self._sort_key(block[0]):
            block.insert(0, row)
        elif key > self._sort_key(block[-1]):
            block.append(row)
        else:
            block.insert(bisect_right(block, key, key=self._sort_key), row)
        if key < self._starts[at]:
            self._starts[at] = key
        if len(block) > self._full:
            half = len(block) // 2
            self._blocks.insert(at + 1, block[half:])
            self._starts.insert(at + 1, self._sort_key(block[half]))
            del block[half:]

    def remove(self, row: int) -> bool:
        """Remove a row, and return False if it was not there. Its sort key must be the same as when it was added."""
        at = bisect_right(self._starts, self._sort_key(row)) - 1
        if at < 0:
            return False
        block = self._blocks[at]
        try:
            del block[block.index(row)]
        except ValueError:
            return False
        self._ends = None
        self._count -= 1
        if not block:
            del self._blocks[at]
            del self._starts[at]
        return True

    def page(self, offset: int, limit: int) -> list[int]:
        """Return up to `limit` rows from `offset` on."""
        if limit <= 0 or offset >= self._count:
            return []
        if self._ends is None:
            self._ends = list(accumulate(map(len, self._blocks)))
        at = bisect_right(self._ends, offset)
        skipped = self._ends[at] - len(self._blocks[at])
        rows = list(self._blocks[at][offset - skipped :])
        while len(rows) < limit and at + 1 < len(self._blocks):
            at += 1
            rows.extend(self._blocks[at])
        return rows[:limit]
