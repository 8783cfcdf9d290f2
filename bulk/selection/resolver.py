"""Turns a selection into persons: reads of the store for ids, listings for emails and filters.

Yields each target once, in the order of the input, and notes what became of every line. Groups are read
concurrently and handed on in order; what is held in memory does not grow with the selection. A line that no answer
matches is looked up again some seconds later, and only then counts as unmatched; what is found then comes last.
Only reads.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeVar, cast
from urllib.parse import quote
from uuid import UUID

import anyio
import anyio.to_thread
import msgspec

from asyncclient import PersonRef, PostHogClient, PropertyFilter
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import in_order
from bulk.errors import Refused
from bulk.files.disk_sets import DiskIdSet, DiskStringSet
from bulk.posthog import person_reader
from bulk.posthog.person_reader import READ_SIZE, PersonReader
from bulk.posthog.person_reads import Present, ReadResult, Unread, to_ref
from bulk.posthog.property_query import UNSEEN, Discovery, by_query, choose
from bulk.selection.event_distinct_id import pick_distinct_id
from bulk.selection.id_files import Kind, Line, RefusedLine, read_file, read_stream, read_values
from bulk.selection.input_findings import Findings
from bulk.selection.selections import ByDistinctIds, ByEmails, ByFilter, ByPersonIds, FromInput, Selection

READ_AT_ONCE = READ_SIZE
MOST_OPEN_LINES = 10_000
"""Lines without a person that are kept for a second look, before it is taken."""
MOST_LOOKS = 3
"""Looks after the first one, before a line counts as unread."""
EMAILS_AT_ONCE = 50
EMAIL_BYTES_AT_ONCE = 2_000
"""Encoded characters of emails in one listing: its address must stay short enough for every proxy."""

Found = tuple[PersonRef, str | None]
"""A person and the distinct id that the target is known by."""

T = TypeVar("T")


class _Match(msgspec.Struct, frozen=True):
    """What a group's request found: for each line its persons; None where it is not known yet whether it has any."""

    lines: Sequence[Line]
    persons: Sequence[Sequence[Found] | None]

    def still_open(self) -> list[Line]:
        """The lines of which it is not known yet."""
        return [line for line, persons in zip(self.lines, self.persons, strict=True) if persons is None]


class Resolver:
    """Resolves one selection; used as a context manager, because what it remembers lies on disk.

    Args:
        client: for reading.
        selection: of persons.
        findings: collects what the review reports.
        page_size: persons per page of listings.
        concurrency: requests at once.
        holding: take only persons that have one of these properties, where a filter selects.
    """

    def __init__(
        self,
        client: PostHogClient,
        selection: Selection,
        findings: Findings,
        *,
        page_size: int,
        concurrency: int,
        holding: Sequence[str] = (),
    ) -> None:
        self._holding = holding
        self._client = client
        self._reader = PersonReader(client, StopGate(), readers=concurrency)
        self._selection = selection
        self._findings = findings
        self._page_size = page_size
        self._concurrency = concurrency
        self._lines = None if isinstance(selection, ByFilter) else read_lines(selection)
        self._looked_before = False
        self._persons = DiskIdSet()
        self._inputs = DiskStringSet()

    def __enter__(self) -> "Resolver":
        return self

    def __exit__(self, *_: object) -> None:
        self._persons.close()
        self._inputs.close()

    async def begin(self) -> None:
        """Read the input's first line, so that InputError and FileTrouble come before anything is asked."""
        if self._lines is not None:
            first = await anyio.to_thread.run_sync(self._next_lines, 1, abandon_on_cancel=True)
            self._lines = chain(first, self._lines)

    async def targets(self) -> AsyncIterator[list[Found]]:
        """Yield the targets, some at a time; a list may be empty while none are found."""
        if isinstance(self._selection, ByFilter):
            pages = self._held(self._selection) if self._holding else self._listed(self._selection)
        elif isinstance(self._selection, ByEmails):
            pages = self._by_lines(self._emails, email_groups)
        elif isinstance(self._selection, ByDistinctIds):
            pages = self._by_lines(self._distinct_ids, id_groups)
        else:
            pages = self._by_lines(self._person_ids, id_groups)
        async for found in pages:
            yield found

    async def _held(self, selection: ByFilter) -> AsyncIterator[list[Found]]:
        found = Discovery(by="listing", why="a filter selects", may_miss=UNSEEN)
        if selection.everyone:
            found = await choose(self._client, self._holding)
        self._findings.discovery = msgspec.to_builtins(found)
        if found.by == "query":
            async for holders in by_query(self._client, self._reader, self._holding):
                self._findings.gone += holders.gone
                self._findings.unread_persons += holders.unread
                yield self._listed_new([(ref, _known_by(ref)) for ref in holders.persons])
            return
        persons = self._client.persons.iter(
            properties=selection.properties, email=selection.email, page_size=self._page_size
        )
        gathered: list[Found] = []
        looked_at = 0
        async for person in persons:
            looked_at += 1
            if any(key in person.properties for key in self._holding):
                ref = to_ref(person)
                gathered.append((ref, _known_by(ref)))
            if looked_at == self._page_size:
                yield self._held_new(gathered, looked_at)
                gathered, looked_at = [], 0
        yield self._held_new(gathered, looked_at)

    def _held_new(self, holders: Sequence[Found], looked_at: int) -> list[Found]:
        without = looked_at - len(holders)
        self._findings.without += without
        self._findings.listed += without
        return self._listed_new(holders)

    async def _listed(self, selection: ByFilter) -> AsyncIterator[list[Found]]:
        refs = self._client.persons.iter_refs(
            properties=selection.properties, email=selection.email, page_size=self._page_size
        )
        gathered: list[Found] = []
        async for ref in refs:
            gathered.append((ref, _known_by(ref)))
            if len(gathered) == self._page_size:
                yield self._listed_new(gathered)
                gathered = []
        yield self._listed_new(gathered)

    def _listed_new(self, listed: Sequence[Found]) -> list[Found]:
        self._findings.listed += len(listed)
        new = self._persons.add_many(ref.uuid for ref, _ in listed)
        return [self._counted(found) for found, fresh in zip(listed, new, strict=True) if fresh]

    async def _by_lines(
        self,
        resolve: Callable[[Sequence[Line]], Awaitable[_Match]],
        groups: Callable[[Sequence[Line]], Iterator[Sequence[Line]]],
    ) -> AsyncIterator[list[Found]]:
        async def look(lines: Sequence[Line]) -> tuple[list[Found], list[Line]]:
            found: list[Found] = []
            still_open: list[Line] = []
            for match in await in_order(resolve, list(groups(lines)), self._concurrency):
                found += self._matched(match)
                still_open += match.still_open()
            return found, still_open

        at_once = READ_SIZE * self._concurrency
        open_lines: list[Line] = []
        while lines := await anyio.to_thread.run_sync(self._next_lines, at_once, abandon_on_cancel=True):
            found, still_open = await look(self._fresh(lines))
            yield found
            open_lines += still_open
            if len(open_lines) >= MOST_OPEN_LINES:
                yield await self._look_again(look, open_lines)
                open_lines = []
        yield await self._look_again(look, open_lines)

    async def _look_again(
        self, look: Callable[[Sequence[Line]], Awaitable[tuple[list[Found], list[Line]]]], lines: list[Line]
    ) -> list[Found]:
        """Look lines up until each is known to have a person or none, and note those that stay unknown."""
        found: list[Found] = []
        for _ in range(MOST_LOOKS):
            if not lines:
                break
            await anyio.sleep(person_reader.CONFIRM_AFTER_S)
            self._looked_before = True
            more, lines = await look(lines)
            self._looked_before = False
            found += more
        for line in lines:
            self._findings.unread.add(line.number)
        return found

    def _next_lines(self, count: int) -> list[Line | RefusedLine]:
        """In a thread of its own, since a pipe may keep it waiting."""
        assert self._lines is not None
        return [line for _, line in zip(range(count), self._lines, strict=False)]

    def _fresh(self, lines: Sequence[Line | RefusedLine]) -> list[Line]:
        usable: list[Line] = []
        for line in lines:
            self._findings.lines += 1
            if isinstance(line, RefusedLine):
                self._findings.refuse(line.number, line.reason)
            else:
                usable.append(line)
        fresh: list[Line] = []
        for line, new in zip(usable, self._inputs.add_many(line.value for line in usable), strict=True):
            if new:
                fresh.append(line)
            else:
                self._findings.duplicates.add(line.number)
        return fresh

    def _matched(self, match: _Match) -> list[Found]:
        """The new persons of a group; notes lines that name nobody, and lines that name nobody new."""
        new = iter(self._new([ref.uuid for persons in match.persons for ref, _ in persons or ()]))
        taken: list[Found] = []
        for line, persons in zip(match.lines, match.persons, strict=True):
            if persons is None:
                continue
            fresh = [self._counted(found) for found in persons if next(new)]
            taken += fresh
            if not persons:
                self._findings.unmatched.add(line.number)
            elif not fresh:
                self._findings.aliases.add(line.number)
        return taken

    def _new(self, uuids: Sequence[UUID]) -> Sequence[bool]:
        """Which of the persons that lines stand for have not been met before."""
        if isinstance(self._selection, ByPersonIds):
            return [True] * len(uuids)  # lines that differ are persons that differ
        return self._persons.add_many(uuids)

    def _counted(self, found: Found) -> Found:
        self._findings.person(len(found[0].distinct_ids))
        return found

    async def _distinct_ids(self, lines: Sequence[Line]) -> _Match:
        results = (await self._reader.fetch_by_distinct_id([line.value for line in lines])).results
        return _Match(lines, [_found(results[line.value], known_by=line.value) for line in lines])

    async def _person_ids(self, lines: Sequence[Line]) -> _Match:
        uuids = [UUID(line.value) for line in lines]
        results = (await self._reader.fetch_by_uuid(dict.fromkeys(uuids))).results
        return _Match(lines, [_found(results[uuid]) for uuid in uuids])

    async def _emails(self, lines: Sequence[Line]) -> _Match:
        condition = PropertyFilter("email", [line.value for line in lines], operator="exact")
        exact = {line.value: index for index, line in enumerate(lines)}
        folded = {line.value.casefold(): index for index, line in reversed(list(enumerate(lines)))}
        persons: list[list[Found]] = [[] for _ in lines]
        async for person in self._client.persons.iter(properties=[condition], page_size=self._page_size):
            email = person.properties.get("email")
            index = exact.get(email, folded.get(email.casefold())) if isinstance(email, str) else None
            if index is None:
                raise Refused(
                    "the server answered a search for emails with a person that has none of them",
                    "check that the key may read the property email, or select by distinct ids",
                )
            ref = to_ref(person)
            persons[index].append((ref, _known_by(ref)))
        return _Match(lines, [found if found or self._looked_before else None for found in persons])


def read_lines(selection: FromInput) -> Iterator[Line | RefusedLine]:
    """The lines of a selection's input; raises InputError and FileTrouble."""
    source, column, kind = selection.source, selection.column, _kind(selection)
    if isinstance(source, str | Path):
        return read_file(Path(source), kind, column=column)
    if hasattr(source, "read"):
        return read_stream(cast("BinaryIO", source), kind, column=column)
    return read_values(cast("Iterable[object]", source), kind)


def _kind(selection: FromInput) -> Kind:
    match selection:
        case ByDistinctIds():
            return Kind.SHARED_TOO if selection.allow_shared_ids else Kind.DISTINCT_ID
        case ByPersonIds():
            return Kind.PERSON_ID
        case ByEmails():
            return Kind.EMAIL


def id_groups(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Lines in groups that one batch read takes."""
    for start in range(0, len(lines), READ_SIZE):
        yield lines[start : start + READ_SIZE]


def email_groups(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Lines in groups that one listing takes."""
    group: list[Line] = []
    size = 0
    for line in lines:
        encoded = len(quote(line.value, safe="")) + len("%22%2C%22")
        if group and (len(group) == EMAILS_AT_ONCE or size + encoded > EMAIL_BYTES_AT_ONCE):
            yield group
            group, size = [], 0
        group.append(line)
        size += encoded
    if group:
        yield group


def _known_by(ref: PersonRef) -> str | None:
    """A distinct id by which a person that vanishes can be looked for later (promise 22)."""
    return pick_distinct_id(ref.distinct_ids) or next(iter(ref.distinct_ids), None)


def _found(result: ReadResult, *, known_by: str | None = None) -> list[Found] | None:
    """The person of a line; None where nothing is known of it yet."""
    match result:
        case Present(person):
            ref = to_ref(person)
            return [(ref, _known_by(ref) if known_by is None else known_by)]
        case Unread():
            return None
        case _:
            return []
