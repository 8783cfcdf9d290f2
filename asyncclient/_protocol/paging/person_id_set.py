"""PersonIdSet: remembers which persons a listing has yielded, in about nine bytes per person.

A listing remembers every person that it has yielded, so that none is yielded twice. A Python set takes about 80 bytes
per person. Here each UUID is reduced to its remainders by a small and a large prime: the small remainder selects one of
4,093 segments, and each segment is an array of the large ones in ascending order. Two different UUIDs are confused
only if both remainders are equal: with random UUIDs the chance of this in a listing of a million persons is 1 in
10**10.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

SEGMENTS = 4093
_LARGE_PRIME = 2**61 - 1


class PersonIdSet:
    """A set of UUIDs, given as integers."""

    def __init__(self) -> None:
        self._segments = defaultdict[int, "array[int]"](lambda: array("Q"))  # most listings are short and need few

    def __contains__(self, number: int) -> bool:
        segment, remainder = self._segments.get(number % SEGMENTS, ()), number % _LARGE_PRIME
        at = bisect_left(segment, remainder)
        return at < len(segment) and segment[at] == remainder

    def __len__(self) -> int:
        return sum(map(len, self._segments.values()))

    def add_all(self, numbers: Sequence[int]) -> list[int]:
        """Add UUIDs.

        Returns:
            The indexes of those that are new, in ascending order; a UUID that occurs twice is new once.
        """
        segments = self._segments
        new = []
        for index, number in enumerate(numbers):
            segment, remainder = segments[number % SEGMENTS], number % _LARGE_PRIME
            at = bisect_left(segment, remainder)
            if at == len(segment) or segment[at] != remainder:
                segment.insert(at, remainder)
                new.append(index)
        return new
