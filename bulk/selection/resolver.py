"""Resolves a selection to persons, each once: lines in their order, filters and queries page by page. Reads only."""

from collections.abc import AsyncIterator, Callable, Sequence

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.files.content_meter import InputContent
from bulk.files.disk_sets import DiskIdSet, DiskLineIndex, DiskStringSet
from bulk.posthog.person_reader import PersonReader
from bulk.selection.conditions.everyone_check import EveryoneCheck
from bulk.selection.conditions.query_resolver import QueryResolver
from bulk.selection.conditions.query_selections import ByActivity, ByQuery
from bulk.selection.filter_resolver import FilterResolver
from bulk.selection.input_findings import Findings
from bulk.selection.inputs.line_record import OnLine
from bulk.selection.line_resolver import LineResolver
from bulk.selection.lookups.property_counts import PropertyCounts
from bulk.selection.lookups.property_names import read_property_names
from bulk.selection.selected_person import SelectedPerson
from bulk.selection.selections import ByFilter, InputSelection, Selection
from bulk.selection.values.row_conflicts import RowConflicts
from bulk.selection.values.row_selection import ByRows


class Resolver:
    """Resolves one selection; a context manager, because it remembers persons and lines on disk.

    Arguments:
        client: for reading.
        selection: of persons.
        findings: collects the findings of the input check.
        gate: for waits between two reads.
        page_size: persons per page of a listing.
        concurrency: requests at once.
        now: returns the time in epoch seconds, by the server's clock.
        keys: the properties that the operation changes; the findings count the targets that have them.
        having_keys: with a filter, select only persons that have one of these properties.
        refuse_everyone: refuse conditions that select every person, unless the selection says `everyone`.
        raw: yield the persons of an input or a query with the server's own objects, for an export.
        on_line: called with the outcome of each line of an input.
    """

    def __init__(
        self,
        client: PostHogClient,
        selection: Selection,
        findings: Findings,
        gate: StopGate,
        *,
        page_size: int,
        concurrency: int,
        now: Callable[[], float],
        keys: Sequence[str] = (),
        having_keys: Sequence[str] = (),
        refuse_everyone: bool = False,
        raw: bool = False,
        on_line: OnLine | None = None,
    ) -> None:
        reader = PersonReader(client, gate, readers=concurrency, keys=keys, raw=raw)
        if keys:
            findings.properties = PropertyCounts(keys)
        self._client = client
        self._selection = selection
        self._findings = findings
        self._persons = DiskIdSet()
        self._inputs = DiskLineIndex()
        self._persons_of_lines = DiskLineIndex()
        self._not_covered = DiskStringSet()
        self._conflicts = RowConflicts() if isinstance(selection, ByRows) else None
        self._everyone_check: EveryoneCheck | None = None
        if refuse_everyone and not isinstance(selection, InputSelection) and not selection.everyone:
            self._everyone_check = EveryoneCheck(client, selection, page_size=page_size)
        self._resolver: FilterResolver | LineResolver | QueryResolver
        if isinstance(selection, ByFilter):
            self._resolver = FilterResolver(
                client, reader, gate, selection, findings, self._persons, page_size=page_size, having_keys=having_keys
            )
        elif isinstance(selection, ByActivity | ByQuery):
            self._resolver = QueryResolver(
                client, reader, gate, selection, findings, self._persons, page_size=page_size, now=now
            )
        else:
            self._resolver = LineResolver(
                client,
                reader,
                gate,
                selection,
                findings,
                self._persons_of_lines,
                self._inputs,
                self._not_covered,
                page_size=page_size,
                concurrency=concurrency,
                raw=raw,
                on_line=on_line,
                conflicts=self._conflicts,
            )

    def __enter__(self) -> "Resolver":
        return self

    def __exit__(self, *_: object) -> None:
        self._persons.close()
        self._inputs.close()
        self._persons_of_lines.close()
        self._not_covered.close()
        if self._conflicts is not None:
            self._conflicts.close()

    async def begin(self) -> bool:
        """Return whether an input has a line that can be used; InputError and FileTrouble come before any request."""
        return await self._resolver.begin() if isinstance(self._resolver, LineResolver) else True

    @property
    def content(self) -> InputContent | None:
        """The content of the input, once all targets were yielded; None for a filter or a query."""
        return self._resolver.content if isinstance(self._resolver, LineResolver) else None

    async def targets(self) -> AsyncIterator[list[SelectedPerson]]:
        """Yield the persons, some at a time; a list may be empty.

        Raises:
            Refused: the conditions select every person of the project, or rows give one person different values.
        """
        if self._everyone_check is not None:
            await self._everyone_check.begin()
        async for found in self._resolver.targets():
            yield found
        if self._conflicts is not None:
            self._conflicts.refuse()
        if self._everyone_check is not None:
            as_of = self._resolver.as_of if isinstance(self._resolver, QueryResolver) else None
            await self._everyone_check.check(self._persons, as_of=as_of)
        if self._findings.properties is not None:
            is_everyone = isinstance(self._selection, ByFilter) and self._selection.is_unfiltered
            await read_property_names(self._client, self._findings.properties, selects_everyone=is_everyone)
