"""Refuses conditions that select every person of the project without saying so (guarantee 32). Reads only.

Two things give such a mistake away: a negative condition on a property that the server does not know, which every
person meets, and a result that leaves no person out. Whether it does is read from a listing of all persons, which ends
once a few persons are outside the result; for most selections that is one page. Where no more are outside than a
response may have left out by mistake, they are looked up by themselves (guarantee 11).
"""

from contextlib import aclosing
from datetime import datetime

from asyncclient import NEGATIVE_OPERATORS, PersonRef, PostHogClient, UnreadableRow
from bulk.errors import Refused
from bulk.files.disk_sets import DiskIdSet
from bulk.formatting import count_of
from bulk.sanitize import plain
from bulk.selection.conditions.person_lookup import PersonLookup
from bulk.selection.lookups.property_names import is_known_property
from bulk.selection.selections import ByFilter, QuerySelection

MAX_LOOKED_UP = 10
"""Persons outside a result that are looked up by themselves; if there are more, they are outside."""
FIRST_ROWS = 20
"""Rows of which the newest is taken: a merged person keeps its place and shows an older time (contract 6.1)."""

_FIX = "or add --everyone (everyone=True) if the selection may be every person"


class EveryoneCheck:
    """Checks one selection by conditions, before and after it is resolved.

    Arguments:
        client: for reading.
        selection: the conditions, without `everyone`.
        page_size: persons per page of a listing.
    """

    def __init__(self, client: PostHogClient, selection: ByFilter | QuerySelection, *, page_size: int) -> None:
        self._client = client
        self._selection = selection
        self._page_size = page_size
        self._newest: datetime | None = None

    async def begin(self) -> None:
        """Check the properties of negative conditions, and note when the newest person was created.

        Raises:
            Refused: the server knows no person with such a property.
        """
        conditions = [each for each in self._selection.properties if each.type == "person"]
        negative = [each for each in conditions if each.operator in NEGATIVE_OPERATORS]
        for key in dict.fromkeys(each.key for each in negative):
            if not await is_known_property(self._client, key):
                raise Refused(
                    f"the server knows no person with the property {plain(key, limit=60)!r}, so every person meets a "
                    "negative condition on it",
                    f"correct the property's name, {_FIX}",
                )
        newest: list[datetime] = []
        refs = self._client.persons.iter_refs(page_size=FIRST_ROWS, on_unreadable=_ignore)
        async with aclosing(refs):
            async for ref in refs:
                newest.append(ref.created_at)
                if len(newest) == FIRST_ROWS:
                    break
        self._newest = max(newest, default=None)

    async def check(self, matched: DiskIdSet, *, as_of: datetime | None) -> None:
        """Check that a person is outside the result; persons that were created since `begin` do not count.

        Arguments:
            matched: the persons that meet the conditions.
            as_of: the point in time that a query describes; None for filters.

        Raises:
            Refused: there is none.
        """
        if not len(matched) or self._newest is None:
            return
        outside: list[PersonRef] = []
        async with aclosing(self._client.persons.iter_refs(page_size=self._page_size, on_unreadable=_ignore)) as refs:
            async for ref in refs:
                if ref.created_at <= self._newest and not matched.has_many((ref.uuid,))[0]:
                    outside.append(ref)
                    if len(outside) > MAX_LOOKED_UP:
                        return
        if outside and not await PersonLookup(self._client, self._selection, as_of=as_of).selects_all(outside):
            return
        raise Refused(
            f"the selection is every person of the project: {count_of(len(matched), 'person')}",
            f"correct the conditions, {_FIX}",
        )


def _ignore(_: UnreadableRow) -> None:
    """Ignore a row that cannot be read: its person is no proof that the selection leaves anyone out."""
