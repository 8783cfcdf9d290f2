"""The results of reading persons: present, absent, or unread with the reason. Values only.

A read has one of three results, because an answer that does not mention a person proves nothing: the server may be
late, cut its answer short, or answer from a replica that lags. Only `Present` and `Absent` are facts.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

import msgspec

from asyncclient import Person, PersonRef

Known = PersonRef | Person
"""A person as it was read: its identity, and its properties where those matter."""

K = TypeVar("K")


class UnreadReason(Enum):
    """Why nothing is known of a person after a read."""

    LEFT_OUT = "one answer did not mention the person; a second read decides"
    TIMED_OUT = "the server did not answer in time, even for this person alone"
    SERVER_ERROR = "the server failed, even for this person alone"
    INVALID = "the answer cannot be read, or lacks fields, even for this person alone"
    NOT_FOUND_UNCLEAR = "the server answered a batch read that it knows with 404"
    NOT_TRIED = "reads of other persons of the same batch failed too often"


class Present(msgspec.Struct, frozen=True, gc=False):
    """The store has the person.

    Arguments:
        person: exactly what the answer held: a `Person` where properties were asked for, otherwise a `PersonRef`.
    """

    person: Known


class Absent(msgspec.Struct, frozen=True, gc=False):
    """The store does not have the person: two reads say so, or the caller explained its absence.

    Arguments:
        owner: the person that the distinct ID belongs to now, where that is another one: a merge.
    """

    owner: Known | None = None


class Unread(msgspec.Struct, frozen=True, gc=False):
    """Nothing is known of the person: no decision may rest on this read."""

    why: UnreadReason


ReadResult = Present | Absent | Unread

ABSENT = Absent()
LEFT_OUT = Unread(UnreadReason.LEFT_OUT)


class PersonReads(msgspec.Struct, Generic[K], frozen=True):
    """The results of reading some persons, by UUID or distinct ID.

    Arguments:
        results: one entry for every person that was asked for.
        asked_at: when the oldest of the requests left, by `PostHogClient.boot_time`; infinity where none was needed.
    """

    results: Mapping[K, ReadResult]
    asked_at: float

    @property
    def present(self) -> dict[K, Known]:
        """The persons that are there."""
        return {key: result.person for key, result in self.results.items() if isinstance(result, Present)}


def to_ref(person: Known) -> PersonRef:
    """A person's identity without its properties."""
    if isinstance(person, PersonRef):
        return person
    return PersonRef(uuid=person.uuid, created_at=person.created_at, distinct_ids=tuple(person.distinct_ids))
