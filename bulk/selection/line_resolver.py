"""Resolves input lines to persons, and records the outcome of every line (guarantee 33). Reads only.

Groups of lines are looked up concurrently, and their persons are yielded in the order of the input. A line that no
response matches is looked up again some seconds later before it counts as unmatched; its persons then come last. Memory
use does not grow with the input.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any
from uuid import UUID

import msgspec

from asyncclient import BadRequest, PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import in_order
from bulk.errors import Refused
from bulk.files.content_meter import ContentMeter, InputContent
from bulk.files.disk_sets import DiskLineIndex, DiskStringSet
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.rereads import read_until_known
from bulk.selection.input_findings import KEPT_MAX, WIDER_MAX, Findings, nobody
from bulk.selection.input_lines import (
    MAX_OPEN_LINES,
    comparison_of,
    email_groups,
    id_groups,
    kind_of,
    kind_of_line,
    next_lines,
    read_lines,
)
from bulk.selection.inputs.causes import likely_cause
from bulk.selection.inputs.line_checks import Kind, Line, Reason, RefusedLine
from bulk.selection.inputs.line_outcome import Outcome
from bulk.selection.inputs.line_record import TOLD_BY_TARGETS, LineRecord, OnLine
from bulk.selection.inputs.request_rows import RefusedRequest, RequestLine
from bulk.selection.lookups.distinct_id_counts import count_distinct_ids
from bulk.selection.lookups.email_lookup import EmailLookup
from bulk.selection.lookups.line_match import LineMatch, change_of, in_line_order, persons_of
from bulk.selection.lookups.repeated_lines import RepeatedLines
from bulk.selection.lookups.wider_match import wider_match
from bulk.selection.selected_person import SelectedPerson
from bulk.selection.selections import ByPersonIds, ByRequests, InputSelection
from bulk.selection.values.row_conflicts import RowConflicts


class LineResolver:
    """Yields the persons of input lines, each once.

    Arguments:
        client: for listings.
        reader: reads persons by ID.
        gate: for waits between two reads.
        selection: the input.
        findings: records the outcome of every line.
        persons: remembers the persons of the lines, and the first line of each.
        inputs: remembers the values of the lines, and the first line of each.
        not_covered: remembers those that no target covers.
        page_size: persons per page of a listing.
        concurrency: requests at once.
        raw: keep the server's own objects, for an export; what only a review shows is then not counted.
        on_line: called once with the outcome of each line, except for lines that repeat others with the same ID, and
            selected ones that the entry of their target tells (`TOLD_BY_TARGETS`).
        conflicts: compares the values of rows; None where lines have no values.
    """

    def __init__(
        self,
        client: PostHogClient,
        reader: PersonReader,
        gate: StopGate,
        selection: InputSelection,
        findings: Findings,
        persons: DiskLineIndex,
        inputs: DiskLineIndex,
        not_covered: DiskStringSet,
        *,
        page_size: int,
        concurrency: int,
        raw: bool = False,
        on_line: OnLine | None = None,
        conflicts: RowConflicts | None = None,
    ) -> None:
        self._client = client
        self._conflicts = conflicts
        self._on_line = on_line
        self._tells_selected = on_line is not None and kind_of(selection) not in TOLD_BY_TARGETS
        self._reader = reader
        self._gate = gate
        self._selection = selection
        self._findings = findings
        self._persons = persons
        self._inputs = inputs
        self._not_covered = not_covered
        self._repeated = RepeatedLines()
        self._page_size = page_size
        self._concurrency = concurrency
        self._raw = raw
        self._emails = EmailLookup(client, reader, page_size=page_size, raw=raw)
        self._meter = ContentMeter()
        self._lines = read_lines(selection, self._meter)
        self._is_second_lookup = False
        self._unmatched: list[Line] = []
        self._with_many_ids: list[tuple[dict[str, Any], SelectedPerson]] = []

    async def begin(self) -> bool:
        """Read up to the first line that can be used, and return whether there is one.

        So InputError and FileTrouble are raised, and an input without such a line is known, before any request.
        """
        first = await next_lines(self._lines, 1, self._gate.sleeps)
        # those of requests are told to the receipts, which do not exist yet
        while first and not self._is_mixed and all(isinstance(line, RefusedLine) for line in first):
            self._usable_new(first)
            first = await next_lines(self._lines, READ_SIZE, self._gate.sleeps)
        self._lines = chain(first, self._lines)
        return bool(first)

    @property
    def content(self) -> InputContent:
        """The content of the input, once all targets were yielded."""
        return self._meter.content()

    async def targets(self) -> AsyncIterator[list[SelectedPerson]]:
        """Yield the persons, some at a time; a list may be empty."""
        lines_at_once = READ_SIZE * self._concurrency
        open_lines: list[Line] = []
        while lines := await next_lines(self._lines, lines_at_once, self._gate.sleeps):
            found, still_open = await self._look_up(self._usable_new(lines))
            yield found
            open_lines += still_open
            if len(open_lines) >= MAX_OPEN_LINES:
                yield await self._look_up_again(open_lines)
                open_lines = []
        yield await self._look_up_again(open_lines)
        for number, first in self._repeated.among(self._not_covered):
            self._findings.add_repeated_not_covered(number, first)
        if not self._raw:
            await count_distinct_ids(self._client, self._with_many_ids, concurrency=self._concurrency)

    async def _look_up(self, lines: Sequence[Line]) -> tuple[list[SelectedPerson], list[Line]]:
        """Return the new persons of lines, and the lines whose outcome is not known yet."""
        matches = []
        for kind, of_kind in self._by_kind(lines):
            groups, resolve = self._groups(kind, of_kind)
            matches += await in_order(resolve, groups, self._concurrency)
        found: list[SelectedPerson] = []
        open_lines: list[Line] = []
        for match in matches if len(matches) < 2 or not self._is_mixed else [in_line_order(matches)]:
            found += self._record(match)
            open_lines += match.open_lines()
        return found, open_lines

    @property
    def _is_mixed(self) -> bool:
        return isinstance(self._selection, ByRequests)

    def _by_kind(self, lines: Sequence[Line]) -> Iterator[tuple[Kind, Sequence[Line]]]:
        """Yield the lines of each kind; only requests have several."""
        if not self._is_mixed:
            yield kind_of(self._selection), lines
            return
        by_kind: dict[Kind, list[Line]] = {}
        for line in lines:
            by_kind.setdefault(kind_of_line(line, self._selection), []).append(line)
        yield from by_kind.items()

    def _groups(
        self, kind: Kind, lines: Sequence[Line]
    ) -> tuple[list[Sequence[Line]], Callable[[Sequence[Line]], Awaitable[LineMatch]]]:
        match kind:
            case Kind.EMAIL:
                return list(email_groups(lines)), self._by_email
            case Kind.PERSON_ID:
                return list(id_groups(lines)), self._by_uuid
            case _:
                return list(id_groups(lines)), self._by_distinct_id

    async def _look_up_again(self, lines: list[Line]) -> list[SelectedPerson]:
        """Look lines up until each is known to have a person or none, and record those that stay unknown."""
        self._is_second_lookup = True
        found, unread = await read_until_known(self._look_up, lines, self._gate)
        self._is_second_lookup = False
        self._findings.read_error = self._emails.last_error
        for line in unread:
            self._findings.unread.add(line.number)
            self._not_covered.add(line.key)
            self._emit(line, "unread")
        if not self._raw:
            await self._count_wider_matches()
        return list(chain.from_iterable(found))

    async def _count_wider_matches(self) -> None:
        """Count what lines without a person would match if they were compared more widely; none of it is selected."""
        unmatched, self._unmatched = self._unmatched[: WIDER_MAX - self._findings.wider_checked], []
        for kind, lines in self._by_kind(unmatched):
            await self._count_wider_matches_of(kind, lines)

    async def _count_wider_matches_of(self, kind: Kind, unmatched: Sequence[Line]) -> None:
        match = comparison_of(self._selection)
        wider = wider_match(self._client, self._reader, kind, match, page_size=self._page_size)
        if wider is None or not unmatched:
            return
        groups = list(wider.groups(unmatched))
        try:
            counts = await in_order(wider.count, groups, self._concurrency)
        except (Refused, BadRequest):
            return  # the plan does not depend on it
        if self._findings.wider_by != "emails":  # of requests with several kinds of IDs, emails have more to tell
            self._findings.wider_by = wider.name
        self._findings.wider_checked += len(unmatched)
        for line, persons in zip(chain.from_iterable(groups), chain.from_iterable(counts), strict=True):
            if persons:
                self._findings.add_wider_match(line.number, persons)

    def _usable_new(self, lines: Sequence[Line | RefusedLine]) -> list[Line]:
        """Return the lines to look up, and record those that are blank, refused or repeated."""
        self._findings.lines += len(lines)
        usable = [line for line in lines if not isinstance(line, RefusedLine)]
        if len(usable) < len(lines):
            self._refuse([line for line in lines if isinstance(line, RefusedLine)])
        if self._conflicts is not None:
            self._conflicts.add_lines(usable)
        numbers = [line.number for line in usable]
        if isinstance(self._selection, ByPersonIds):
            firsts = self._inputs.add_uuid_texts([line.value for line in usable], numbers)
        else:
            firsts = self._inputs.add_many([line.key for line in usable], numbers)
        if firsts == numbers:
            return usable
        new: list[Line] = []
        for line, first in zip(usable, firsts, strict=True):
            if first == line.number:
                new.append(line)
            else:
                self._findings.add_repeated(line.number, first)
                self._repeated.add(line.number, first, line.key)
                if isinstance(line, RequestLine):
                    self._emit(line, "repeated")
        return new

    def _refuse(self, lines: Sequence[RefusedLine]) -> None:
        """Record lines that are blank or cannot be used."""
        for line in lines:
            if line.reason is Reason.BLANK:
                self._findings.blank.add(line.number)
                continue
            self._findings.refuse(line)
            if isinstance(line, RefusedRequest):
                self._emit(line, "refused")

    def _record(self, match: LineMatch) -> list[SelectedPerson]:
        """Return the new persons of a group, and record the lines without a person or without a new one."""
        firsts = iter(self._add(match))
        leave_out, counts_properties = self._findings.leave_out, self._findings.properties is not None
        found: list[SelectedPerson] = []
        for line, persons in zip(match.lines, match.persons, strict=True):
            if persons is None:
                continue
            if self._conflicts is not None:
                self._conflicts.add_persons(line, persons)
            named = list(islice(firsts, len(persons)))
            kept = persons
            if named != [line.number] or leave_out is not nobody:
                new = (person for person, first in zip(persons, named, strict=True) if first == line.number)
                kept = [person for person in new if not leave_out(person.ref.uuid)]
            for person in kept:
                finding = self._findings.add_target(len(person.ref.distinct_ids), line=line.number)
                if counts_properties:
                    self._findings.count_properties(person.ref.uuid, person.keys)
                if finding is not None and person.known_by is not None and len(self._with_many_ids) < KEPT_MAX:
                    self._with_many_ids.append((finding, person))
            found += kept
            if len(kept) == len(persons) == 1:
                if self._tells_selected:
                    self._emit(line, "selected", new=1)
                continue
            old = () if len(kept) == len(persons) else tuple(self._selected_before(persons, kept))
            if len(persons) > 1:
                self._findings.add_several_persons(line.number, len(persons), len(kept))
            if not persons:
                cause = likely_cause(line.value, kind_of_line(line, self._selection))
                self._findings.add_unmatched(line.number, cause)
                self._unmatched.append(line)
                self._not_covered.add(line.key)
                self._emit(line, "unmatched")
            elif not kept and all(self._findings.is_protected(person.ref.uuid) for person in persons):
                self._findings.protected_lines.add(line.number)
                self._not_covered.add(line.key)
                self._emit(line, "protected")
            elif not kept:
                first = next(first for person, first in zip(persons, named, strict=True) if person.ref.uuid in old)
                self._findings.add_alias(line.number, first)
                self._emit(line, "already_selected", persons=old)
            else:
                self._emit(line, "selected", new=len(kept), persons=old)
        return found

    def _selected_before(self, persons: Sequence[SelectedPerson], kept: Sequence[SelectedPerson]) -> Iterator[UUID]:
        """Yield the persons of a line that are targets of earlier lines."""
        new = {person.ref.uuid for person in kept}
        for person in persons:
            if person.ref.uuid not in new and not self._findings.is_protected(person.ref.uuid):
                yield person.ref.uuid

    def _emit(
        self, line: Line | RefusedLine, outcome: Outcome, *, new: int = 0, persons: tuple[UUID, ...] = ()
    ) -> None:
        """Tell the outcome of a line; the targets that were added last are its new ones."""
        if self._on_line is None:
            return
        kind = kind_of_line(line, self._selection) if isinstance(line, Line) else None
        last = self._findings.targets
        self._on_line(LineRecord(line=line, kind=kind, outcome=outcome, targets=(last - new, last), persons=persons))

    def _add(self, match: LineMatch) -> list[int]:
        """Return for each person of a group the number of the first line that names it."""
        lines = zip(match.lines, match.persons, strict=True)
        numbers = [line.number for line, persons in lines for _ in persons or ()]
        if isinstance(self._selection, ByPersonIds):
            return numbers  # different lines are different persons
        uuids = [person.ref.uuid for persons in match.persons for person in persons or ()]
        return self._persons.add_uuids(uuids, numbers)

    async def _by_distinct_id(self, lines: Sequence[Line]) -> LineMatch:
        results = (await self._reader.fetch_by_distinct_id([line.value for line in lines])).results
        return LineMatch(lines, [persons_of(results[line.value], line, by=line.value) for line in lines])

    async def _by_uuid(self, lines: Sequence[Line]) -> LineMatch:
        uuids = msgspec.convert([line.value for line in lines], list[UUID])  # faster than the constructor
        results = (await self._reader.fetch_by_uuid(dict.fromkeys(uuids))).results
        return LineMatch(lines, [persons_of(results[uuid], line) for uuid, line in zip(uuids, lines, strict=True)])

    async def _by_email(self, lines: Sequence[Line]) -> LineMatch:
        match = comparison_of(self._selection)
        found, unread = await self._emails.persons([line.value for line in lines], match)
        is_known = [self._is_second_lookup and not each for each in unread]
        of_line = [
            [msgspec.structs.replace(person, line=line.number, change=change_of(line)) for person in persons]
            for line, persons in zip(lines, found, strict=True)
        ]
        return LineMatch(
            lines, [each if each or known else None for each, known in zip(of_line, is_known, strict=True)]
        )
