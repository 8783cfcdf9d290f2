"""Resolves a query to persons, each verified by the persons store. Reads only.

A query reads the analytics tables, which lag behind the store: a person that it names counts only if the store has it.
Its IDs come page by page in their order, so the same data gives the same plan. Other conditions of the selection are
collected first, as UUIDs on disk, and narrow what the query names.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TypeVar
from uuid import UUID

from asyncclient import BadRequest, PermissionDenied, PostHogClient, UnreadableRow
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped
from bulk.errors import InputError, Refused
from bulk.files.disk_sets import DiskIdSet
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Present, Unread
from bulk.posthog.rereads import read_until_known
from bulk.sanitize import plain
from bulk.selection.conditions.query_selections import PAGE_VALUE, ByActivity, ByQuery
from bulk.selection.filter_resolver import naming_conditions
from bulk.selection.input_findings import Findings
from bulk.selection.inputs.line_checks import looks_like_uuid
from bulk.selection.lookups.new_persons import record_new
from bulk.selection.placeholder_ids import is_placeholder
from bulk.selection.selected_person import SelectedPerson, selected
from bulk.selection.selections import ByFilter, QuerySelection

MAX_OPEN = 10_000
"""IDs that responses left out, before they are read again together."""
PERSON_COLUMNS = ("person_id", "id")
DISTINCT_ID_COLUMN = "distinct_id"
LAGS = "persons, properties and events of the last minutes, which queries do not show yet"
_EXAMPLE = "as in SELECT id AS person_id FROM persons WHERE ..."

K = TypeVar("K", UUID, str)


class QueryResolver:
    """Yields the persons that a query names and the store has, each once.

    Arguments:
        client: for reading.
        reader: reads the persons.
        gate: for waits between two reads.
        selection: the query, or the conditions from which it is made.
        findings: records what the query describes, and counts the persons it names.
        persons: remembers the persons that were yielded.
        page_size: persons per page of a listing.
        now: returns the time in epoch seconds, by the server's clock.
    """

    def __init__(
        self,
        client: PostHogClient,
        reader: PersonReader,
        gate: StopGate,
        selection: QuerySelection,
        findings: Findings,
        persons: DiskIdSet,
        *,
        page_size: int,
        now: Callable[[], float],
    ) -> None:
        self._client = client
        self._reader = reader
        self._gate = gate
        self._selection = selection
        self._findings = findings
        self._persons = persons
        self._page_size = page_size
        self._now = now
        self._sets: list[DiskIdSet] = []
        self._only_uuids = True
        self.as_of: datetime | None = None
        """The point in time that the query describes; None before `targets`."""

    async def targets(self) -> AsyncIterator[list[SelectedPerson]]:
        """Yield the persons, some at a time; a list may be empty.

        Raises:
            InputError: the server does not accept the query, or it has other columns than one of person IDs or
                distinct IDs.
            Refused: the query names a person ID that is not a UUID, or only UUIDs as distinct IDs that no person has.
        """
        selection = self._selection
        self.as_of = as_of = datetime.fromtimestamp(int(self._now()), UTC)
        self._findings.query = {"as_of": as_of.isoformat(), "lags": LAGS}
        with ExitStack() as sets:
            if isinstance(selection, ByActivity):
                ids = self._ids(selection.query(), self._activity_values(selection, as_of))
                by_person = True
            else:
                column = await column_of(self._client, selection)
                ids = self._own_ids(selection.page_query(column), dict(selection.values))
                by_person = column in PERSON_COLUMNS
                if selection.activity is not None:
                    activity = selection.activity
                    uuids = self._ids(activity.query(), self._activity_values(activity, as_of))
                    self._sets.append(await _collected(uuids, sets.enter_context(DiskIdSet())))
            if selection.properties or selection.email is not None:
                self._sets.append(await self._matching(selection, sets.enter_context(DiskIdSet())))
            found = (
                self._verified(ids, self._person_ids, self._read_by_uuid)
                if by_person
                else self._verified(ids, self._distinct_ids, self._read_by_distinct_id)
            )
            async for persons in found:
                yield persons
            if not by_person and self._only_uuids and self._findings.gone == self._findings.listed > 0:
                raise Refused(
                    "the column distinct_id of the query holds UUIDs, and no person has one of them as a distinct ID",
                    "if they are person IDs, name the column person_id, as in SELECT person_id FROM events",
                )

    def _activity_values(self, activity: ByActivity, as_of: datetime) -> dict[str, Any]:
        values = activity.query_values(as_of)
        if (since := values.get("inactive_since")) is not None:
            self._findings.query["inactive_since"] = datetime.fromtimestamp(since, UTC).isoformat()
        return values

    async def _ids(self, query: str, values: dict[str, Any]) -> AsyncIterator[list[str]]:
        with _naming_scope():
            async for page in self._client.query.iter_column(query, values, after=PAGE_VALUE):
                yield page

    async def _own_ids(self, query: str, values: dict[str, Any]) -> AsyncIterator[list[str]]:
        """Yield the pages of a query of the user's own."""
        with _naming_query():
            async for page in self._ids(query, values):
                yield page

    async def _matching(self, selection: QuerySelection, matching: DiskIdSet) -> DiskIdSet:
        """Return the persons that match the filters of a selection, from a listing."""
        chosen = ByFilter(properties=selection.properties, email=selection.email)

        def add_unreadable(row: UnreadableRow) -> None:
            if row.uuid is None:
                self._findings.add_unreadable(row)
            else:
                matching.add(row.uuid)  # the read of the store decides

        refs = self._client.persons.iter_refs(
            properties=chosen.properties,
            email=chosen.email,
            page_size=self._page_size,
            on_unreadable=add_unreadable,
        )
        with naming_conditions(self._client, chosen):
            async for ref in refs:
                matching.add(ref.uuid)
        return matching

    async def _verified(
        self,
        pages: AsyncIterator[list[str]],
        prepare: Callable[[list[str]], list[K]],
        read: Callable[[Sequence[K]], Awaitable[tuple[list[SelectedPerson], Sequence[K]]]],
    ) -> AsyncIterator[list[SelectedPerson]]:
        """Yield the persons of IDs that the store has.

        Arguments:
            pages: the IDs.
            prepare: returns those of a page that are to be read.
            read: returns the persons of IDs, and the IDs of which nothing is known yet.
        """
        open_ids: list[K] = []
        async for page in pages:
            self._findings.listed += len(page)
            for ids in grouped(prepare(page), READ_SIZE * 5):
                found, still_open = await read(ids)
                yield self._new(found)
                open_ids += still_open
                if len(open_ids) >= MAX_OPEN:
                    yield await self._read_again(open_ids, read)
                    open_ids = []
        yield await self._read_again(open_ids, read)

    async def _read_again(
        self,
        ids: Sequence[K],
        read: Callable[[Sequence[K]], Awaitable[tuple[list[SelectedPerson], Sequence[K]]]],
    ) -> list[SelectedPerson]:
        found, unread = await read_until_known(read, ids, self._gate)
        self._findings.unread_persons += len(unread)
        self._findings.read_error = self._reader.last_error
        return self._new(list(chain.from_iterable(found)))

    def _person_ids(self, page: list[str]) -> list[UUID]:
        return self._narrowed(list(map(_uuid, page)))

    async def _read_by_uuid(self, uuids: Sequence[UUID]) -> tuple[list[SelectedPerson], Sequence[UUID]]:
        results = (await self._reader.fetch_by_uuid(dict.fromkeys(uuids))).results
        found = [selected(each.person) for each in results.values() if isinstance(each, Present)]
        unread = [uuid for uuid, each in results.items() if isinstance(each, Unread)]
        self._findings.gone += len(results) - len(found) - len(unread)
        return found, unread

    def _distinct_ids(self, page: list[str]) -> list[str]:
        self._only_uuids = self._only_uuids and all(map(looks_like_uuid, page))
        if isinstance(self._selection, ByQuery) and self._selection.allow_shared_ids:
            return page
        usable = [each for each in page if not is_placeholder(each)]
        self._findings.placeholders += len(page) - len(usable)
        return usable

    async def _read_by_distinct_id(self, distinct_ids: Sequence[str]) -> tuple[list[SelectedPerson], Sequence[str]]:
        results = (await self._reader.fetch_by_distinct_id(distinct_ids)).results
        found = [selected(one.person, by=each) for each, one in results.items() if isinstance(one, Present)]
        unread = [each for each, one in results.items() if isinstance(one, Unread)]
        self._findings.gone += len(results) - len(found) - len(unread)
        allowed = set(self._narrowed([person.ref.uuid for person in found]))
        return [person for person in found if person.ref.uuid in allowed], unread

    def _narrowed(self, uuids: list[UUID]) -> list[UUID]:
        """Return the persons that meet the other conditions of the selection too."""
        for matching in self._sets:
            uuids = [uuid for uuid, is_in in zip(uuids, matching.has_many(uuids), strict=True) if is_in]
        return uuids

    def _new(self, found: Sequence[SelectedPerson]) -> list[SelectedPerson]:
        return record_new(found, self._persons, self._findings)


async def column_of(client: PostHogClient, selection: ByQuery) -> str:
    """Return the name of a query's only column.

    Raises:
        InputError: the server does not accept the query, or it has other columns.
    """
    probe = f"SELECT * FROM (\n{selection.text}\n) LIMIT 1"  # noqa: S608 - a query of the user's own
    with _naming_query(), _naming_scope():
        columns = (await client.query.hogql(probe, selection.values)).columns or ()
    if len(columns) == 1 and columns[0] in (*PERSON_COLUMNS, DISTINCT_ID_COLUMN):
        return columns[0]
    names = ", ".join(repr(plain(name, limit=60)) for name in columns) or "unknown"
    raise InputError(
        f"the columns of the query are {names}: select one column, person_id or distinct_id, {_EXAMPLE}"
        if len(columns) != 1
        else f"the column of the query is named {names}: name it person_id or distinct_id, {_EXAMPLE}"
    )


@contextmanager
def _naming_query() -> Iterator[None]:
    """Turn the error about a query that the server does not accept into one that names the query as its cause."""
    try:
        yield
    except BadRequest as error:
        why = plain(error.detail or error.code or error.status, limit=500).rstrip(".")
        raise InputError(
            f"the server does not accept the query (--hogql): {why}; correct the query, which you can try in PostHog's "
            "SQL editor"
        ) from error


@contextmanager
def _naming_scope() -> Iterator[None]:
    """Add to the error about a key that may not query which options of a selection need a query."""
    try:
        yield
    except PermissionDenied as error:
        error.add_note(
            "--created-before, --created-after, --identified, --anonymous, --inactive-since and --hogql select persons "
            "by a query, for which the key needs the scope query:read."
        )
        raise


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Refused(
            "the query names a person ID that is not a UUID",
            "select persons.id or events.person_id, or name the column distinct_id if it holds distinct IDs",
        ) from None


async def _collected(pages: AsyncIterator[list[str]], uuids: DiskIdSet) -> DiskIdSet:
    async for page in pages:
        uuids.add_many(map(_uuid, page))
    return uuids
