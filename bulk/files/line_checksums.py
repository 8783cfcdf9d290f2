"""Names which lines of a changed file were changed, by checksums that were made when it was written. Pure.

At most 4,096 checksums are kept, however many lines there are: each is of one line, or of two, four, eight ... lines.
They locate a change and prove nothing: the digest or the signature of the whole file does that.
"""

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, zip_longest

MAX_CHECKS = 4096
_MODULUS = 1 << 32
_check = zlib.crc32
"""The checksum of a line and its number from 0, which is part of it so that a moved line is a change."""


class LineChecks:
    """The checksums of lines that are added one after the other."""

    def __init__(self) -> None:
        self._lines = 0
        self._per_check = 1
        self._checks = array("L")

    def add(self, line: bytes) -> None:
        """Add a line with its end."""
        self.add_many((line,))

    def add_many(self, lines: Sequence[bytes]) -> None:
        """Add lines, each with its end; faster for many lines."""
        sums = list(map(_check, lines, count(self._lines)))
        start = 0
        while start < len(sums):
            if self._lines == MAX_CHECKS * self._per_check:
                self._halve()
            added = self._lines % self._per_check
            group = sums[start : start + self._per_check - added]
            if added:
                self._checks[-1] = (self._checks[-1] + sum(group)) % _MODULUS
            else:
                self._checks.append(sum(group) % _MODULUS)
            start += len(group)
            self._lines += len(group)

    def encode(self) -> str:
        """Return the number of lines per checksum, a colon, and the checksums as 8 hex digits each."""
        return f"{self._per_check}:" + "".join(f"{check:08x}" for check in self._checks)

    def _halve(self) -> None:
        pairs = zip(self._checks[::2], self._checks[1::2], strict=True)
        self._checks = array("L", ((first + second) % _MODULUS for first, second in pairs))
        self._per_check *= 2


def first_change(kept: str, lines: Iterable[bytes]) -> tuple[int, int] | None:
    """Return the numbers, from 1, of the first and the last line among which the first change is; None without one.

    Arguments:
        kept: the checksums of the original, as `encode` returned them.
        lines: the lines of the file now, each with its end.

    Raises:
        ValueError: `kept` is no such text.
    """
    size, _, digits = kept.partition(":")
    per_check = int(size)
    if per_check < 1 or len(digits) % 8:
        raise ValueError("not checksums of lines")
    before = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    for number, (old, new) in enumerate(zip_longest(before, _grouped(lines, per_check))):
        if old != new:
            return number * per_check + 1, (number + 1) * per_check
    return None


def _grouped(lines: Iterable[bytes], per_check: int) -> Iterator[int]:
    total = number = 0
    for number, line in enumerate(lines, 1):
        total = (total + _check(line, number - 1)) % _MODULUS
        if number % per_check == 0:
            yield total
            total = 0
    if number % per_check:
        yield total
