"""Finds rows that give one person different values: by the same ID, or by two IDs of one person (guarantee 33)."""

import hashlib
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

import msgspec

from bulk.errors import Refused
from bulk.files.disk_sets import DiskRowIndex, key_of
from bulk.property_checks import DesiredProperties
from bulk.selection.inputs.line_checks import Line
from bulk.selection.selected_person import SelectedPerson
from bulk.selection.values.row_lines import RowLine

_MAX_WHOLE = 2.0**53
SHOWN_MAX = 20
"""Pairs of lines that a refusal names: the first ones."""


class RowConflicts:
    """Remembers the values of each ID and of each person, on disk; a context manager."""

    def __init__(self) -> None:
        self._by_id = DiskRowIndex()
        self._by_person = DiskRowIndex()
        self._pairs: list[tuple[int, int]] = []
        self._count = 0

    def add_lines(self, lines: Iterable[Line]) -> None:
        """Compare rows with earlier rows of the same ID."""
        rows = [line for line in lines if isinstance(line, RowLine)]
        entries = [(key_of(row.key), row.number, digest_of(row.change)) for row in rows]
        self._compare(rows, self._by_id.add_many(entries), [entry[2] for entry in entries])

    def add_persons(self, line: Line, persons: Sequence[SelectedPerson]) -> None:
        """Compare a row with earlier rows of the same persons."""
        if isinstance(line, RowLine):
            digest = digest_of(line.change)
            entries = [(person.ref.uuid.bytes, line.number, digest) for person in persons]
            self._compare([line] * len(entries), self._by_person.add_many(entries), [digest] * len(entries))

    def refuse(self) -> None:
        """Raise if rows give one person different values.

        Raises:
            Refused: they do; the message names the lines.
        """
        if not self._count:
            return
        shown = "; ".join(f"lines {first:,} and {number:,}" for first, number in sorted(self._pairs)[:SHOWN_MAX])
        more = f"; and {self._count - SHOWN_MAX:,} more" if self._count > SHOWN_MAX else ""
        raise Refused(
            f"rows of the input give one person different values: {shown}{more}; no plan was written",
            "keep only one of these rows, which have the same ID, or IDs of one person",
        )

    def close(self) -> None:
        """Delete everything; may be called again."""
        self._by_id.close()
        self._by_person.close()

    def _compare(self, rows: Sequence[Line], firsts: Sequence[tuple[int, bytes]], digests: Sequence[bytes]) -> None:
        for row, (first, known), digest in zip(rows, firsts, digests, strict=True):
            if known != digest:
                self._count += 1
                if len(self._pairs) < SHOWN_MAX:
                    self._pairs.append((first, row.number))

    def __enter__(self) -> "RowConflicts":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def digest_of(change: DesiredProperties) -> bytes:
    """Return a digest that is the same for equal values, whatever the order of their keys is; 1 equals 1.0."""
    plain: Any = _with_whole_numbers(msgspec.to_builtins(change))
    return hashlib.blake2b(msgspec.json.encode(plain, order="deterministic"), digest_size=16).digest()


def _with_whole_numbers(value: Any) -> Any:
    """Return a value with each whole number as an integer, as far as a float holds all of them."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _MAX_WHOLE else value
    if isinstance(value, dict):
        return {key: _with_whole_numbers(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_whole_numbers(each) for each in value]
    return value
