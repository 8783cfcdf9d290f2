"""Resolves a selection to persons, each once: input lines in their order, filters page by page. Reads only."""

from collections.abc import AsyncIterator, Sequence

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.files.content_meter import InputContent
from bulk.files.disk_sets import DiskIdSet, DiskStringSet
from bulk.posthog.person_reader import PersonReader
from bulk.selection.filter_resolver import FilterResolver
from bulk.selection.input_findings import Findings
from bulk.selection.line_resolver import LineResolver
from bulk.selection.selected_person import SelectedPerson
from bulk.selection.selections import ByFilter, Selection


class Resolver:
    """Resolves one selection; a context manager, because it remembers persons and lines on disk.

    Arguments:
        client: for reading.
        selection: of persons.
        findings: collects the findings of the input check.
        gate: for waits between two reads.
        page_size: persons per page of a listing.
        concurrency: requests at once.
        having_keys: with a filter, select only persons that have one of these properties.
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
        having_keys: Sequence[str] = (),
    ) -> None:
        reader = PersonReader(client, gate, readers=concurrency)
        self._persons = DiskIdSet()
        self._inputs = DiskStringSet()
        self._resolver: FilterResolver | LineResolver
        if isinstance(selection, ByFilter):
            self._resolver = FilterResolver(
                client, reader, gate, selection, findings, self._persons, page_size=page_size, having_keys=having_keys
            )
        else:
            self._resolver = LineResolver(
                client,
                reader,
                gate,
                selection,
                findings,
                self._persons,
                self._inputs,
                page_size=page_size,
                concurrency=concurrency,
            )

    def __enter__(self) -> "Resolver":
        return self

    def __exit__(self, *_: object) -> None:
        self._persons.close()
        self._inputs.close()

    async def begin(self) -> None:
        """Read the first input line, so that InputError and FileTrouble are raised before any request."""
        if isinstance(self._resolver, LineResolver):
            await self._resolver.begin()

    @property
    def content(self) -> InputContent | None:
        """The content of the input, once all targets were yielded; None for a filter."""
        return self._resolver.content if isinstance(self._resolver, LineResolver) else None

    def targets(self) -> AsyncIterator[list[SelectedPerson]]:
        """Return an iterator over the persons, some at a time; a list may be empty."""
        return self._resolver.targets()
