"""The results of reading persons: present, absent, or unread with the reason. Values only.

A response that does not mention a person proves nothing: the server may be late, cut its response short, or read from
a replica that lags. So a read has three results, and only `Present` and `Absent` are facts.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

from asyncclient import Person, PersonRef, RawPerson

Known = PersonRef | Person | RawPerson
"""A person as read: its identity, and its properties or the server's own object where those were requested."""

SAME_INSTANT = timedelta(milliseconds=1)
"""Two creation times closer than this are the same: a listing and a read of one person differ in precision."""

K = TypeVar("K")


class Identified(Protocol):
    """What tells a person from one that was re-created under its UUID: a target of a plan, or an earlier read."""

    @property
    def uuid(self) -> UUID: ...

    @property
    def created_at(self) -> datetime: ...


def is_same(known: Identified, person: Known) -> bool:
    """Return whether a person that was read is the one that is known, and not a re-created one (guarantee 22)."""
    return person.uuid.int == known.uuid.int and abs(known.created_at - person.created_at) < SAME_INSTANT


class UnreadReason(Enum):
    """The reason why a read says nothing about a person."""

    LEFT_OUT = "one response did not mention the person; a second read decides"
    TIMED_OUT = "the server did not respond in time, even for this person alone"
    SERVER_ERROR = "the server failed, even for this person alone"
    INVALID_RESPONSE = "the response cannot be read, or lacks fields, even for this person alone"
    AMBIGUOUS_404 = "the server has batch reads and responded to one with 404"
    NOT_ATTEMPTED = "reads of other persons of the same batch failed too often"


class Present(msgspec.Struct, frozen=True, gc=False):
    """The store has the person.

    Arguments:
        person: exactly what the response held: a `Person` where properties were requested, a `RawPerson` where the
            server's own object was, otherwise a `PersonRef`.
    """

    person: Known


class Absent(msgspec.Struct, frozen=True, gc=False):
    """The store does not have the person: two reads confirm it, or the caller explained the absence.

    Arguments:
        owner: the other person that the distinct ID belongs to now, after a merge.
    """

    owner: Known | None = None


class Unread(msgspec.Struct, frozen=True, gc=False):
    """The read says nothing about the person: no decision may rest on it."""

    why: UnreadReason


ReadResult = Present | Absent | Unread

ABSENT = Absent()
LEFT_OUT = Unread(UnreadReason.LEFT_OUT)


class PersonReads(msgspec.Struct, Generic[K], frozen=True):
    """The results of reading some persons, by UUID or distinct ID.

    Arguments:
        results: one entry for every person in the request.
        asked_at: when the oldest request left, by `PostHogClient.boot_time`; infinity where none was needed.
    """

    results: Mapping[K, ReadResult]
    asked_at: float

    @property
    def present(self) -> dict[K, Known]:
        """The persons that the store has."""
        return {key: result.person for key, result in self.results.items() if isinstance(result, Present)}


def properties_of(person: Known) -> Mapping[str, Any]:
    """Return the properties of a person that were read; none where none were requested."""
    return person.properties if isinstance(person, Person) else {}


def to_ref(person: Known) -> PersonRef:
    """Return a person's identity alone."""
    if isinstance(person, PersonRef):
        return person
    if isinstance(person, RawPerson):
        return person.ref
    return PersonRef(uuid=person.uuid, created_at=person.created_at, distinct_ids=tuple(person.distinct_ids))
