"""Asks about a few persons, by themselves, whether they meet the conditions of a selection. Reads only.

A page of many persons may leave one out by mistake, so another response decides (guarantee 11).
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

from asyncclient import PersonRef, PostHogClient, UnreadableRow
from bulk.selection.conditions.query_resolver import DISTINCT_ID_COLUMN, column_of
from bulk.selection.conditions.query_selections import AMONG_VALUE, PAGE_VALUE, ByActivity, ByQuery
from bulk.selection.event_distinct_id import pick_distinct_id
from bulk.selection.placeholder_ids import is_placeholder
from bulk.selection.selections import ByFilter, QuerySelection

MAX_DISTINCT_IDS = 100
"""Distinct IDs of a person that a query is asked about, so that the request stays small."""


class PersonLookup:
    """Looks up which persons a selection selects.

    Arguments:
        client: for reading.
        selection: the conditions.
        as_of: the point in time that a query describes; None for filters.
    """

    def __init__(self, client: PostHogClient, selection: ByFilter | QuerySelection, *, as_of: datetime | None) -> None:
        self._client = client
        self._selection = selection
        self._as_of = as_of

    async def selects_all(self, refs: Sequence[PersonRef]) -> bool:
        """Return whether each of these persons meets the conditions.

        Raises:
            PostHogError: there is no response, or it reports an error.
        """
        selection = self._selection
        if isinstance(selection, ByQuery) and not await self._query_names(selection, refs):
            return False
        activity = selection.activity if isinstance(selection, ByQuery) else selection
        if isinstance(activity, ByActivity) and not await self._are_active(activity, refs):
            return False
        if selection.properties or selection.email is not None:
            for ref in refs:
                if not await self._meets_filters(ref):
                    return False
        return True

    async def _query_names(self, selection: ByQuery, refs: Sequence[PersonRef]) -> bool:
        column = await column_of(self._client, selection)
        ids_of = [self._ids(ref, column, placeholders=selection.allow_shared_ids) for ref in refs]
        if not all(ids_of):
            return False  # no query names a person that has no ID
        among = [each for ids in ids_of for each in ids]
        pages = self._rows(selection.page_query(column, among=True), {**selection.values, AMONG_VALUE: among})
        named = {each async for page in pages for each in page}
        return all(not named.isdisjoint(ids) for ids in ids_of)

    def _ids(self, ref: PersonRef, column: str, *, placeholders: bool) -> list[str]:
        if column != DISTINCT_ID_COLUMN:
            return [str(ref.uuid)]
        return [each for each in ref.distinct_ids if placeholders or not is_placeholder(each)][:MAX_DISTINCT_IDS]

    async def _are_active(self, activity: ByActivity, refs: Sequence[PersonRef]) -> bool:
        assert self._as_of is not None
        among = [str(ref.uuid) for ref in refs]
        pages = self._rows(activity.query(among=True), {**activity.query_values(self._as_of), AMONG_VALUE: among})
        return {UUID(each) async for page in pages for each in page} >= {ref.uuid for ref in refs}

    def _rows(self, query: str, values: dict[str, object]) -> AsyncIterator[list[str]]:
        return self._client.query.iter_column(query, values, after=PAGE_VALUE)

    async def _meets_filters(self, ref: PersonRef) -> bool:
        """Return whether the list shows that a person meets the filters."""
        distinct_id = pick_distinct_id(ref.distinct_ids)
        if distinct_id is None:
            return False
        found = self._client.persons.iter_refs(
            distinct_id=distinct_id,
            email=self._selection.email,
            properties=self._selection.properties,
            on_unreadable=_ignore,
        )
        return ref.uuid in {each.uuid async for each in found}


def _ignore(_: UnreadableRow) -> None:
    """Ignore a row that cannot be read: it does not show that its person meets the filters."""
