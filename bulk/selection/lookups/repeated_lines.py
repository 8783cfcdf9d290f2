"""Remembers the lines that repeat an earlier one, in 24 bytes each, until the outcome of the earlier one is known."""

from array import array
from collections.abc import Iterator

from bulk.files.disk_sets import KEY_SIZE, DiskStringSet, key_of

_AT_ONCE = 1_000


class RepeatedLines:
    """The numbers of lines and what they repeat."""

    def __init__(self) -> None:
        self._numbers = array("Q")
        self._keys = bytearray()

    def add(self, number: int, value: str) -> None:
        """Add a line that repeats an earlier one with the same value."""
        self._numbers.append(number)
        self._keys += key_of(value)

    def among(self, values: DiskStringSet) -> Iterator[int]:
        """Yield the numbers of the lines whose value is in a set."""
        for start in range(0, len(self._numbers), _AT_ONCE):
            numbers = self._numbers[start : start + _AT_ONCE]
            keys = [bytes(self._keys[at * KEY_SIZE : (at + 1) * KEY_SIZE]) for at in range(start, start + len(numbers))]
            for number, is_in in zip(numbers, values.has_keys(keys), strict=True):
                if is_in:
                    yield number
