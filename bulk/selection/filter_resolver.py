"""Resolves filters to persons, with listings and, for properties of every person, a query. Reads only."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import msgspec

from asyncclient import BadRequest, PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.errors import InputError
from bulk.files.disk_sets import DiskIdSet
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.property_query import (
    MAX_OPEN,
    UNREADABLE,
    Discovery,
    choose_discovery,
    iter_queried_persons,
    read_stored,
)
from bulk.sanitize import plain
from bulk.selection.input_findings import Findings
from bulk.selection.lookups.new_persons import record_new
from bulk.selection.selected_person import SelectedPerson, selected
from bulk.selection.selections import ByFilter


class FilterResolver:
    """Yields the persons that match a filter, each once, page by page.

    Arguments:
        client: for reading.
        reader: reads the persons that a query returns.
        gate: for waits between two reads.
        selection: the filter.
        findings: counts the persons that were listed.
        persons: remembers the persons that match the filter.
        page_size: persons per page of a listing.
        having_keys: select only persons that have one of these properties.
    """

    def __init__(
        self,
        client: PostHogClient,
        reader: PersonReader,
        gate: StopGate,
        selection: ByFilter,
        findings: Findings,
        persons: DiskIdSet,
        *,
        page_size: int,
        having_keys: Sequence[str] = (),
    ) -> None:
        self._client = client
        self._reader = reader
        self._gate = gate
        self._selection = selection
        self._findings = findings
        self._persons = persons
        self._page_size = page_size
        self._having_keys = having_keys

    async def targets(self) -> AsyncIterator[list[SelectedPerson]]:
        """Yield the persons, a page at a time; a list may be empty."""
        if not self._having_keys:
            pages = self._list_all()
        elif await self._uses_query():
            pages = self._query()
        else:
            pages = self._list_having_keys()
        with naming_conditions(self._client, self._selection):
            async for found in pages:
                yield found

    async def _uses_query(self) -> bool:
        """Choose how persons with the properties are found, and record it in the findings."""
        discovery = Discovery(by="listing", why="a query does not apply the filters", may_miss=UNREADABLE)
        if self._selection.is_unfiltered:
            discovery = await choose_discovery(self._client, self._having_keys)
        self._findings.discovery = msgspec.to_builtins(discovery)
        return discovery.by == "query"

    async def _list_all(self) -> AsyncIterator[list[SelectedPerson]]:
        persons = self._client.persons
        listing = persons.iter_refs if self._findings.properties is None else persons.iter
        page: list[SelectedPerson] = []
        async for person in listing(
            properties=self._selection.properties,
            email=self._selection.email,
            page_size=self._page_size,
            on_unreadable=self._findings.add_unreadable,
        ):
            page.append(selected(person))
            if len(page) == self._page_size:
                yield self._new(page)
                page = []
        yield self._new(page)

    async def _query(self) -> AsyncIterator[list[SelectedPerson]]:
        async for found in iter_queried_persons(self._client, self._reader, self._having_keys, self._gate):
            self._findings.gone += found.gone
            self._findings.unread_persons += found.unread
            self._findings.read_error = self._reader.last_error
            yield self._new(list(map(selected, found.persons)))

    async def _list_having_keys(self) -> AsyncIterator[list[SelectedPerson]]:
        persons = self._client.persons.iter(
            properties=self._selection.properties,
            email=self._selection.email,
            page_size=self._page_size,
            on_unreadable=self._findings.add_unreadable,
        )
        page: list[SelectedPerson] = []
        bare: list[UUID] = []
        checked = 0
        async for person in persons:
            if not person.properties:
                bare.append(person.uuid)
                if len(bare) == MAX_OPEN:
                    yield await self._read_bare(bare)
                    bare = []
                continue
            checked += 1
            if any(key in person.properties for key in self._having_keys):
                page.append(selected(person))
            else:
                self._persons.add(person.uuid)  # it matches the filter all the same
                if self._findings.properties is not None:
                    self._findings.properties.add_names(person.properties)
            if checked == self._page_size:
                yield self._new(page, without=checked - len(page))
                page, checked = [], 0
        yield self._new(page, without=checked - len(page))
        yield await self._read_bare(bare)

    async def _read_bare(self, uuids: Sequence[UUID]) -> list[SelectedPerson]:
        """Read persons that the listing shows without any property, and return the new ones that have one of them.

        Such a row may lack what the person has (guarantee 11).
        """
        stored = await read_stored(self._reader, uuids, self._gate)
        having = [
            person for person in map(selected, stored.persons) if not set(person.keys).isdisjoint(self._having_keys)
        ]
        self._findings.unread_persons += stored.unread
        found = self._new(having, without=len(uuids) - len(having) - stored.unread)
        self._persons.add_many(uuids)
        return found

    def _new(self, page: Sequence[SelectedPerson], *, without: int = 0) -> list[SelectedPerson]:
        """Return the persons of a page that were not yielded before, and count them.

        Arguments:
            without: persons of the page that have none of the properties.
        """
        self._findings.without += without
        self._findings.listed += len(page) + without
        return record_new(page, self._persons, self._findings)


@contextmanager
def naming_conditions(client: PostHogClient, selection: ByFilter) -> Iterator[None]:
    """Turn the error about conditions that the server does not accept into one that names them as its cause.

    Arguments:
        client: set to the project.
        selection: the conditions.

    Raises:
        InputError: the server refuses a condition, or has no such cohort; the message has no values.
    """
    try:
        yield
    except BadRequest as error:
        if not selection.properties:
            raise
        why = plain(error.detail or error.code or error.status, limit=500).rstrip(".")
        cohorts = [str(condition.value) for condition in selection.properties if condition.type == "cohort"]
        if cohorts and "cohort" in why.lower():
            cohort = f"cohort {' or '.join(cohorts)} in project {client.project_id}"
            raise InputError(f"no {cohort}: check the number and the project") from error
        named = ", ".join(plain(f"{each.key} {each.operator}", limit=100) for each in selection.properties)
        is_one = len(selection.properties) == 1
        raise InputError(
            f"the server does not accept the {'condition' if is_one else 'conditions'} {named}: {why}; correct "
            f"{'it' if is_one else 'them'}"
        ) from error
