"""The persons that no plan may contain: those of a file, and those that match a filter (guarantee 32). Reads only.

A line of the file protects every person that it may mean: the owner of the distinct ID, the person with the UUID, and
the persons with the email under any usual key, in upper or lower case. Whitespace and quotes around it do not matter,
and of a line of CSV each cell counts. So a list of staff or of legal holds protects whatever it holds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from uuid import UUID

import anyio.to_thread

from asyncclient import PostHogClient, PropertyFilter, UnreadableRow
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import InputError, NotFinished
from bulk.files.disk_sets import DiskIdIndex
from bulk.files.private_files import check_regular
from bulk.formatting import count_of
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Present, Unread
from bulk.posthog.rereads import read_until_known
from bulk.selection.conditions.filter_checks import check_filters
from bulk.selection.filter_resolver import naming_cohorts
from bulk.selection.id_files import Kind, Line, Reason, RefusedLine, read_file
from bulk.selection.input_findings import LineNumbers
from bulk.selection.input_lines import email_groups
from bulk.selection.inputs.causes import meanings
from bulk.selection.inputs.line_checks import DISTINCT_ID_MAX
from bulk.selection.lookups.email_match import EmailMatch
from bulk.selection.selections import ByFilter

Protect = str | Path | PropertyFilter
"""A file of distinct IDs, person UUIDs or emails, one per line; or a filter."""
BY_FILTER = 0
"""The line number of persons that a filter protects."""
WIDEST = EmailMatch().widest()
"""How emails are compared: a person too many that stays is better than one that is erased."""
READERS = 4
"""Requests at once."""

K = TypeVar("K", UUID, str)


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
        self._used = LineNumbers()
        self._unmatched = LineNumbers()
        self._read = 0

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
        reading = _FileReading(client, gate, page_size, self._protect)
        # filters first: a person that the file names as well is named by its line
        for source in sorted(protect, key=lambda each: not isinstance(each, PropertyFilter)):
            if isinstance(source, PropertyFilter):
                with naming_cohorts(client, ByFilter(properties=(source,))):
                    refs = client.persons.iter_refs(
                        properties=[source], page_size=page_size, on_unreadable=self._protect_unreadable
                    )
                    async for ref in refs:
                        self._protect(ref.uuid, BY_FILTER)
                continue
            check_regular(Path(source))  # it is read twice at once
            lines = zip(
                *(read_file(Path(source), kind) for kind in (Kind.ANY_DISTINCT_ID, Kind.PERSON_ID)), strict=True
            )
            while batch := await anyio.to_thread.run_sync(list, islice(lines, READ_SIZE)):
                await reading.look_up(_usable(batch))
        await reading.look_up_again()
        if reading.lines == 0 and any(not isinstance(source, PropertyFilter) for source in protect):
            raise InputError("the protection list has only blank lines, so it would protect nobody: fill it")
        self._read = reading.lines
        for number in reading.unmatched():
            self._unmatched.add(number)

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
        used, unmatched = self._used.to_finding(), self._unmatched.to_finding()
        return {"count": self._left_out, "lines": used["lines"], "read": self._read, "unmatched": unmatched}

    def words(self) -> str:
        """Return how many persons were left out, and the lines of the file that name them, in words."""
        lines = str(self._used.to_finding()["lines"])
        return count_of(self._left_out, "person") + (f" (lines {lines} of the protection list)" if lines else "")

    def _protect_unreadable(self, row: UnreadableRow) -> None:
        if row.uuid is None:
            raise NotFinished("a person that a filter protects could not be read, so it would stay unprotected")
        self._protect(row.uuid, BY_FILTER)

    def _protect(self, uuid: UUID, line: int) -> None:
        self._lines.add_many([(uuid, line)])


class _FileReading:
    """Looks up the lines of a protection list; what one response leaves out is kept for a second read at the end."""

    def __init__(
        self, client: PostHogClient, gate: StopGate, page_size: int, protect: Callable[[UUID, int], None]
    ) -> None:
        self._client = client
        self._reader = PersonReader(client, gate, readers=READERS)
        self._gate = gate
        self._page_size = page_size
        self._protect = protect
        self._open_ids: dict[str, list[int]] = {}
        self._open_uuids: dict[UUID, list[int]] = {}
        self._matched: set[int] = set()
        self._numbers: set[int] = set()
        self.lines = 0

    def unmatched(self) -> list[int]:
        """Return the lines that name no person."""
        return sorted(self._numbers - self._matched)

    async def look_up(self, lines: list[Line]) -> None:
        """Protect the persons of lines."""
        self.lines += len({line.number for line in lines})
        self._numbers.update(line.number for line in lines)
        numbers: dict[str, list[int]] = {}
        for line in lines:
            for meaning in meanings(line.value):
                if len(meaning) <= DISTINCT_ID_MAX:
                    numbers.setdefault(meaning, []).append(line.number)
        uuids: dict[UUID, list[int]] = {}
        for meaning, named in numbers.items():
            if (uuid := _uuid(meaning)) is not None:
                uuids.setdefault(uuid, []).extend(named)
        await self._by_distinct_id(numbers)
        await self._by_uuid(uuids)
        for group in email_groups([Line(named[0], meaning) for meaning, named in numbers.items() if "@" in meaning]):
            await self._by_email({line.value: numbers[line.value] for line in group})

    async def look_up_again(self) -> None:
        """Look up again what responses left out, until it is known to name a person or none.

        Raises:
            NotFinished: a line could not be looked up.
        """

        async def ids(keys: Sequence[str]) -> tuple[None, Sequence[str]]:
            await self._by_distinct_id({key: self._open_ids.pop(key) for key in keys})
            return None, list(self._open_ids)

        async def uuids(keys: Sequence[UUID]) -> tuple[None, Sequence[UUID]]:
            await self._by_uuid({key: self._open_uuids.pop(key) for key in keys})
            return None, list(self._open_uuids)

        await read_until_known(ids, list(self._open_ids), self._gate)
        await read_until_known(uuids, list(self._open_uuids), self._gate)
        if unread := len({*chain(*self._open_ids.values(), *self._open_uuids.values())}):
            raise NotFinished(f"{count_of(unread, 'line')} of the protection list could not be looked up")

    async def _by_distinct_id(self, numbers: Mapping[str, list[int]]) -> None:
        for keys in _batches(numbers):
            for key, result in (await self._reader.fetch_by_distinct_id(keys)).results.items():
                if isinstance(result, Present):
                    self._found(result.person.uuid, numbers[key])
                elif isinstance(result, Unread):
                    self._open_ids[key] = numbers[key]

    async def _by_uuid(self, numbers: Mapping[UUID, list[int]]) -> None:
        for keys in _batches(numbers):
            for key, result in (await self._reader.fetch_by_uuid(dict.fromkeys(keys))).results.items():
                if isinstance(result, Present):
                    self._found(result.person.uuid, numbers[key])
                elif isinstance(result, Unread):
                    self._open_uuids[key] = numbers[key]

    async def _by_email(self, numbers: Mapping[str, list[int]]) -> None:
        index = WIDEST.matching(numbers)
        for condition in WIDEST.conditions(list(numbers)):
            async for person in self._client.persons.iter(properties=[condition], page_size=self._page_size):
                # the server may compare otherwise: a person that fits no email stays protected, by the first one
                emails = index.matches(person.properties.get(condition.key)) or [next(iter(numbers))]
                for email in emails:
                    self._found(person.uuid, numbers[email])

    def _found(self, uuid: UUID, lines: Sequence[int]) -> None:
        self._matched.update(lines)
        self._protect(uuid, lines[0])


def _batches(keys: Iterable[K]) -> Iterator[list[K]]:
    rest = iter(keys)
    while batch := list(islice(rest, READ_SIZE)):
        yield batch


def _usable(lines: Iterable[tuple[Line | RefusedLine, Line | RefusedLine]]) -> list[Line]:
    """Return the lines that are not blank, as distinct IDs and, those of an export as well, as UUIDs."""
    usable: list[Line] = []
    for line, as_uuid in lines:
        if isinstance(line, Line):
            usable.append(line)
        elif line.reason is not Reason.BLANK:
            raise InputError(f"line {line.number} of the protection list cannot be used ({line.reason.value})")
        if isinstance(as_uuid, Line):
            usable.append(as_uuid)
    return usable


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
