"""A summary of the lines of an input that tells by how many lines another version differs. Pure.

Up to 4,096 different lines are kept as checksums, and the difference is exact. More lines are added up in as many
groups, so that the summary stays small; the difference is then a lower bound.
"""

import base64
import struct
import zlib
from collections import Counter
from collections.abc import Iterable

import msgspec

GROUPS = 4_096
"""Different lines that are kept one by one, and groups of more lines."""
_MASK = 0xFFFFFFFF
_EXACT, _GROUPED = "lines:", "groups:"


class LineDifference(msgspec.Struct, frozen=True):
    """The lines that two versions of an input do not share; a lower bound where it is not exact."""

    added: int
    removed: int
    is_exact: bool


class LineSketch:
    """Collects the checksums of lines, in any order: how often each occurs, or the count and the sum of each group."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.groups: list[list[int]] | None = None

    def add(self, checksums: Iterable[int]) -> None:
        """Add lines, many at a time where there are many.

        Arguments:
            checksums: CRC-32 of the bytes of each line.
        """
        if self.groups is None:
            self.counts.update(checksums)
            if len(self.counts) > GROUPS:
                self.groups, self.counts = self.folded(), Counter()
            return
        for checksum in checksums:
            group = self.groups[checksum % GROUPS]
            group[0] += 1
            group[1] = (group[1] + checksum) & _MASK

    def encode(self) -> str:
        """Return the sketch as text."""
        if self.groups is None:
            prefix, pairs = _EXACT, sorted(self.counts.items())
        else:
            prefix, pairs = _GROUPED, [(count & _MASK, total) for count, total in self.groups]
        data = b"".join(struct.pack("<II", *pair) for pair in pairs)
        return prefix + base64.b64encode(zlib.compress(data)).decode("ascii")

    @classmethod
    def decode(cls, text: str) -> "LineSketch":
        """Return the sketch of a text; raises ValueError where it is not one."""
        sketch = cls()
        prefix = _EXACT if text.startswith(_EXACT) else _GROUPED
        try:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(base64.b64decode(text.removeprefix(prefix), validate=True), 8 * GROUPS + 1)
            if not unpacker.eof:
                raise ValueError("not a sketch of lines")
            pairs = list(struct.iter_unpack("<II", data))
        except (zlib.error, struct.error) as error:
            raise ValueError("not a sketch of lines") from error
        if len(pairs) > GROUPS or (prefix == _GROUPED and len(pairs) != GROUPS):
            raise ValueError("not a sketch of lines")
        if prefix == _EXACT:
            sketch.counts = Counter(dict(pairs))
        else:
            sketch.groups = [list(pair) for pair in pairs]
        return sketch

    def difference(self, later: "LineSketch") -> LineDifference:
        """Return how a later version differs."""
        if self.groups is None and later.groups is None:
            changes = [later.counts.get(key, 0) - self.counts.get(key, 0) for key in {*self.counts, *later.counts}]
            added, removed = sum(each for each in changes if each > 0), -sum(each for each in changes if each < 0)
            return LineDifference(added, removed, is_exact=True)
        added = removed = 0
        for before, after in zip(self.folded(), later.folded(), strict=True):
            change = after[0] - before[0]
            is_replaced = change == 0 and before[1] != after[1]
            added += max(change, 0) + is_replaced
            removed += max(-change, 0) + is_replaced
        return LineDifference(added, removed, is_exact=False)

    def folded(self) -> list[list[int]]:
        """Return the count and the sum of each group."""
        groups = [[0, 0] for _ in range(GROUPS)] if self.groups is None else self.groups
        for checksum, count in self.counts.items():
            group = groups[checksum % GROUPS]
            group[0] += count
            group[1] = (group[1] + checksum * count) & _MASK
        return groups
