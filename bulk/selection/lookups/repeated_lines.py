"""Remembers the lines that repeat an earlier one, in 32 bytes each, until the outcome of the earlier one is known."""

from array import array
from collections.abc import Iterator

from bulk.files.disk_sets import KEY_SIZE, DiskStringSet, key_of

_AT_ONCE = 1_000


class RepeatedLines:
    """The numbers of lines and what they repeat."""

    def __init__(self) -> None:
        self._numbers = array("Q")
        self._firsts = array("Q")
        self._keys = bytearray()

    def add(self, number: int, first: int, value: str) -> None:
        """Add a line that repeats an earlier one with the same value, of which `first` is the number."""
        self._numbers.append(number)
        self._firsts.append(first)
        self._keys += key_of(value)

    def among(self, values: DiskStringSet) -> Iterator[tuple[int, int]]:
        """Yield the lines whose value is in a set, each with the number of the first line that it repeats."""
        for start in range(0, len(self._numbers), _AT_ONCE):
            stop = min(start + _AT_ONCE, len(self._numbers))
            keys = [bytes(self._keys[at * KEY_SIZE : (at + 1) * KEY_SIZE]) for at in range(start, stop)]
            for at, is_in in enumerate(values.has_keys(keys), start):
                if is_in:
                    yield self._numbers[at], self._firsts[at]
