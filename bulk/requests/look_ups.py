"""What receipts tell about an ID or a request, and how it is put together while they are read. Pure."""

from collections.abc import Iterable, Iterator

import msgspec

from bulk.number_ranges import parse_ranges
from bulk.requests.receipt_lines import LineEntry


class LookUp(msgspec.Struct, frozen=True, kw_only=True):
    """What receipts tell about an ID or a request.

    Arguments:
        targets: the numbers of its persons in the plan, in ascending order.
        lines: the input lines that have the ID or belong to the request.
    """

    targets: tuple[int, ...] = ()
    lines: tuple[LineEntry, ...] = ()


class FoundEntries:
    """What is found about several names, and the references that lead to more."""

    def __init__(self) -> None:
        self.linked: dict[str, set[str]] = {}
        self._targets: dict[str, set[int]] = {}
        self._lines: dict[str, list[LineEntry]] = {}

    def add_targets(self, name: str, targets: Iterable[int]) -> None:
        self._targets.setdefault(name, set()).update(targets)

    def add_line(self, name: str, entry: LineEntry) -> None:
        """Add a line, its own targets, and the references of its other persons."""
        self._lines.setdefault(name, []).append(entry)
        self.add_targets(name, _numbers(entry))
        for person in entry.persons:
            self.linked.setdefault(person, set()).add(name)

    def look_ups(self) -> dict[str, LookUp]:
        return {
            name: LookUp(targets=tuple(sorted(targets)), lines=tuple(self._lines.get(name, ())))
            for name, targets in self._targets.items()
        }


def _numbers(entry: LineEntry) -> Iterator[int]:
    return (number for start, stop in parse_ranges(entry.targets or "") for number in range(start, stop))
