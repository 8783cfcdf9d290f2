"""Persons: the persons API (contract 6), put together from one class per kind of call."""

from asyncclient._resources.persons.changing import PersonChanges
from asyncclient._resources.persons.deleting import PersonDeletes
from asyncclient._resources.persons.history import PersonHistory
from asyncclient._resources.persons.lookups import PersonLookups
from asyncclient._resources.persons.reading import PersonReads
from asyncclient._transport.pipeline import RequestPipeline


class Persons(PersonReads, PersonLookups, PersonChanges, PersonDeletes, PersonHistory):
    """`client.persons`: all calls of the persons API."""

    def __init__(self, pipeline: RequestPipeline) -> None:
        self._pipeline = pipeline
