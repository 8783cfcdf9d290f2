"""The persons API (contract 6). Methods build a request, send it, and read the answer; each part has its own file."""

from asyncclient._resources.persons.changing import PersonChanges
from asyncclient._resources.persons.deleting import PersonDeletes
from asyncclient._resources.persons.history import PersonHistory
from asyncclient._resources.persons.lookups import PersonLookups
from asyncclient._resources.persons.reading import PersonReads
from asyncclient._transport.pipeline import RequestPipeline


class Persons(PersonReads, PersonLookups, PersonChanges, PersonDeletes, PersonHistory):
    """`client.persons`. Filters of the listings are ANDed; `search` is fuzzy: never select deletions by it."""

    def __init__(self, core: RequestPipeline) -> None:
        self._core = core
