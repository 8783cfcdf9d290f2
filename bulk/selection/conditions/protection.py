"""The persons that no plan may contain: those of a file, and those that match a filter (guarantee 32). Reads only.

A filter on a property that no person has is refused, because it is probably misspelled. Lines and filters that match no
person are counted and named.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID

from asyncclient import NEGATIVE_OPERATORS, PostHogClient, PropertyFilter, UnreadableRow
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import InputError, NotFinished, Refused
from bulk.files.disk_sets import DiskIdIndex
from bulk.formatting import count_of
from bulk.sanitize import plain
from bulk.selection.conditions.filter_checks import check_filters
from bulk.selection.conditions.protection_list import ProtectionList
from bulk.selection.filter_resolver import naming_conditions
from bulk.selection.input_findings import LineNumbers
from bulk.selection.lookups.property_names import closest_known_name, is_known_property
from bulk.selection.selections import ByFilter

Protect = str | Path | PropertyFilter
"""A file of distinct IDs, person UUIDs or emails, one per line; or a filter."""
BY_FILTER = 0
"""The line number of persons that a filter protects."""


def check_protect(protect: Iterable[Protect]) -> tuple[Protect, ...]:
    """Return the files and filters that protect persons.

    Raises:
        InputError: one is neither a path nor a filter, there are several files, or a filter cannot be used.
    """
    if isinstance(protect, str | bytes | Path | PropertyFilter):
        raise InputError("protect takes a list of files and filters: put it in brackets")
    sources = tuple(protect)
    files = [each for each in sources if isinstance(each, str | Path)]
    filters = [each for each in sources if isinstance(each, PropertyFilter)]
    if len(files) + len(filters) < len(sources):
        raise InputError("protect takes paths of files and filters (PropertyFilter), and an item is neither")
    if len(files) > 1:
        raise InputError("protect takes one file, so that its line numbers are clear: put all lines into one file")
    check_filters(filters, None)
    return sources


class ProtectedPersons:
    """The protected persons and the lines that name them; a context manager, because they are kept on disk."""

    def __init__(self) -> None:
        self._lines = DiskIdIndex()
        self._left_out = 0
        self._used = set[int]()
        self._unmatched = LineNumbers()
        self._unmatched_uuids = LineNumbers()
        self._read = 0
        self._by_filter: list[dict[str, Any]] = []

    def __enter__(self) -> "ProtectedPersons":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()

    async def read(
        self, client: PostHogClient, protect: Sequence[Protect], gate: StopGate, *, page_size: int = 1000
    ) -> None:
        """Find the persons of files and filters.

        Arguments:
            client: for reading.
            protect: checked by `check_protect`.
            gate: for waits between two reads.
            page_size: persons per page of a listing.

        Raises:
            InputError: a file is empty or a line of it cannot be used, so that a person would stay unprotected.
            FileTrouble: a file cannot be read.
            NotFinished: a person could not be read.
        """
        # filters first: a person that the file names as well is named by its line
        for source in sorted(protect, key=lambda each: not isinstance(each, PropertyFilter)):
            if isinstance(source, PropertyFilter):
                await self._read_filter(client, source, page_size)
                continue
            lines = ProtectionList(client, gate, page_size, self._protect)
            await lines.read(Path(source))
            self._read = lines.lines
            for number in lines.unmatched():
                self._unmatched.add(number)
            for number in lines.unmatched_uuids():
                self._unmatched_uuids.add(number)

    async def _read_filter(self, client: PostHogClient, condition: PropertyFilter, page_size: int) -> None:
        count = 0

        def protect(uuid: UUID) -> None:
            nonlocal count
            self._protect(uuid, BY_FILTER)
            count += 1

        def protect_unreadable(row: UnreadableRow) -> None:
            if row.uuid is None:
                raise NotFinished("a person that a filter protects could not be read, so it would stay unprotected")
            protect(row.uuid)

        with naming_conditions(client, ByFilter(properties=(condition,))):
            refs = client.persons.iter_refs(
                properties=[condition], page_size=page_size, on_unreadable=protect_unreadable
            )
            async for ref in refs:
                protect(ref.uuid)
        if not count or condition.operator in NEGATIVE_OPERATORS:
            await _refuse_unknown(client, condition)
        self._by_filter.append({"key": condition.key, "operator": condition.operator, "count": count})

    def leave_out(self, uuid: UUID) -> bool:
        """Return whether a person is protected, and count it."""
        line = self._lines.get(uuid)
        if line is None:
            return False
        self._left_out += 1
        if line != BY_FILTER:
            self._used.add(line)
        return True

    def is_protected(self, uuid: UUID) -> bool:
        """Return whether a person is protected."""
        return self._lines.get(uuid) is not None

    def to_finding(self) -> dict[str, Any]:
        """Return how many persons were left out, and the lines of the file that name them or no person."""
        finding = {
            "count": self._left_out,
            "lines": self._used_lines(),
            "read": self._read,
            "unmatched": self._unmatched.to_finding(),
        }
        if len(self._unmatched_uuids):
            finding["unmatched_uuids"] = self._unmatched_uuids.to_finding()
        if self._by_filter:
            finding["conditions"] = self._by_filter
        return finding

    def words(self) -> str:
        """Return how many persons were left out, and the lines of the file that name them, in words."""
        lines = self._used_lines()
        named = f" ({'line' if len(self._used) == 1 else 'lines'} {lines} of the protection list)" if lines else ""
        return count_of(self._left_out, "person") + named

    def _used_lines(self) -> str:
        """Return the lines of the file that name persons that were left out, each once."""
        lines = LineNumbers()
        for line in self._used:
            lines.add(line)
        return str(lines.to_finding()["lines"])

    def _protect(self, uuid: UUID, line: int) -> None:
        self._lines.add_many([(uuid, line)])


async def _refuse_unknown(client: PostHogClient, condition: PropertyFilter) -> None:
    """Refuse a filter on a property that no person has: it protects nobody, or everybody if it is negative.

    Raises:
        Refused: no person has the property.
    """
    if condition.type != "person" or await is_known_property(client, condition.key):
        return
    protected = "every person" if condition.operator in NEGATIVE_OPERATORS else "nobody"
    refused = Refused(
        f"no person has the property {plain(condition.key, limit=60)!r}, so a condition of --protect on it protects "
        f"{protected}",
        "correct the property's name",
    )
    if (closest := await closest_known_name(client, condition.key)) is not None:
        refused.add_note(f"Did you mean {closest}?")  # in a note, which the log does not have (guarantee 27)
    raise refused
