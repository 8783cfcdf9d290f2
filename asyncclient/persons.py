"""The persons API (contract 6). Methods build a request, send it, and read the answer; each part has its own file."""

from asyncclient._core import Core
from asyncclient._person_changes import PersonChanges
from asyncclient._person_deletes import PersonDeletes
from asyncclient._person_history import PersonHistory
from asyncclient._person_lookups import PersonLookups
from asyncclient._person_reads import PersonReads


class Persons(PersonReads, PersonLookups, PersonChanges, PersonDeletes, PersonHistory):
    """`client.persons`. Filters of the listings are ANDed; `search` is fuzzy: never select deletions by it."""

    def __init__(self, core: Core) -> None:
        self._core = core
