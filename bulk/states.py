"""What came of each target, on four axes: person, events, recordings, properties. Values and names only.

Every target has exactly one state on each axis at any time, so each axis adds up to the plan (promise 2).
States have small numbers because a job keeps one byte a target and axis; their names are what the
journal and the reports hold. A number is never written to a file, so their order may change. They are no
IntEnums: a person's 4 and an event's 4 must not be equal.
"""

from enum import Enum


class FastEnum(Enum):
    """An enumeration whose members hash by identity: `Enum` hashes their names in Python, millions of times a job."""

    __hash__ = object.__hash__


class Axis(FastEnum):
    """What a state speaks of."""

    PERSON = "person"
    EVENTS = "events"
    RECORDINGS = "recordings"
    PROPERTIES = "properties"


class Person(FastEnum):
    """The state of a target's person."""

    UNTOUCHED = 0
    UNKNOWN = 1
    SURVIVED = 2
    ACCEPTED = 3
    GONE = 4
    GONE_SETTLED = 5
    GONE_BEFORE = 6
    MERGED = 7
    REAPPEARED = 8
    HELD = 9
    CONTRADICTED = 10
    FAILED = 11
    NOT_ASKED = 12
    VANISHED = 13
    DELETED_UNASKED = 14


class Events(FastEnum):
    """The state of a target's events."""

    NOT_ASKED = 0
    UNTOUCHED = 1
    UNKNOWN = 2
    REQUESTED = 3
    QUEUED = 4
    PURGED = 5
    UNVERIFIABLE = 6
    HELD = 7
    MISSED = 8
    NOT_SENT = 9
    FAILED = 10
    AGAIN = 11


class Recordings(FastEnum):
    """The state of a target's recordings."""

    NOT_ASKED = 0
    UNTOUCHED = 1
    UNKNOWN = 2
    REQUESTED = 3
    MISSED = 4
    NOT_SENT = 5
    FAILED = 6


class Properties(FastEnum):
    """The state of a target's properties, all that are named together."""

    NOT_ASKED = 0
    UNTOUCHED = 1
    UNKNOWN = 2
    AGAIN = 3
    REQUESTED = 4
    DONE = 5
    DONE_SETTLED = 6
    DONE_BEFORE = 7
    GONE = 8
    MISSED = 9
    NOT_SENT = 10
    CONTRADICTED = 11
    FAILED = 12


State = Person | Events | Recordings | Properties

STATES: dict[Axis, type[Person] | type[Events] | type[Recordings] | type[Properties]] = {
    Axis.PERSON: Person,
    Axis.EVENTS: Events,
    Axis.RECORDINGS: Recordings,
    Axis.PROPERTIES: Properties,
}


def axis_of(state: State) -> Axis:
    """The axis that a state speaks of."""
    return next(axis for axis, kind in STATES.items() if isinstance(state, kind))


MEANING: dict[State, str] = {
    Person.UNTOUCHED: "not sent yet",
    Person.UNKNOWN: "sent, the answer is not known",
    Person.SURVIVED: "sent, still there when read, to be sent again",
    Person.ACCEPTED: "accepted by the server, not yet read back as gone",
    Person.GONE: "accepted by the server and read back as gone",
    Person.GONE_SETTLED: "sent, the answer was not clear, read back as gone",
    Person.GONE_BEFORE: "gone before this job asked for anything",
    Person.MERGED: "merged into another person by somebody else; that person is untouched",
    Person.REAPPEARED: "re-created: the same id with another creation time; left alone",
    Person.HELD: "held back until its events can be queued: an earlier deletion row is pending, or cannot be read",
    Person.CONTRADICTED: "accepted by the server, yet still there when read",
    Person.FAILED: "failed",
    Person.NOT_ASKED: "to be kept",
    Person.VANISHED: "gone, but not by a deletion that this job asked for",
    Person.DELETED_UNASKED: "deleted by a call of this job that was to keep it",
    Events.NOT_ASKED: "not asked for",
    Events.UNTOUCHED: "not sent yet",
    Events.UNKNOWN: "sent, the answer is not known",
    Events.REQUESTED: "accepted by the server, the deletion row not yet read back",
    Events.QUEUED: "deletion row read back, waiting for the server's purge",
    Events.PURGED: "deletion row read back as completed",
    Events.UNVERIFIABLE: "accepted by a server that has no deletion rows to read back",
    Events.HELD: "an earlier pending deletion row covers only part of the events, or a row cannot be read",
    Events.MISSED: "the person was gone before its events were queued",
    Events.NOT_SENT: "left alone, as the person was",
    Events.FAILED: "failed",
    Events.AGAIN: "sent, no deletion row when read, to be sent again",
    Recordings.NOT_ASKED: "not asked for",
    Recordings.UNTOUCHED: "not sent yet",
    Recordings.UNKNOWN: "sent, the answer is not known",
    Recordings.REQUESTED: "requested; the server offers nothing to verify it by",
    Recordings.MISSED: "the person was gone before its recordings were requested",
    Recordings.NOT_SENT: "left alone, as the person was",
    Recordings.FAILED: "failed",
    Properties.NOT_ASKED: "not asked for",
    Properties.UNTOUCHED: "not sent yet",
    Properties.UNKNOWN: "sent, the answer is not known",
    Properties.AGAIN: "sent, not as requested when read, to be sent again",
    Properties.REQUESTED: "accepted by the server, not yet read back as requested",
    Properties.DONE: "accepted by the server and read back as requested",
    Properties.DONE_SETTLED: "sent, the answer was not clear, read back as requested",
    Properties.DONE_BEFORE: "was as requested before this job sent anything",
    Properties.GONE: "gone with the person, who was not deleted by this job",
    Properties.MISSED: "the person was gone before its properties were as requested",
    Properties.NOT_SENT: "left alone, as the person was",
    Properties.CONTRADICTED: "accepted by the server, yet not as requested when read",
    Properties.FAILED: "failed",
}

FINAL_PERSON = frozenset(
    {
        Person.GONE,
        Person.GONE_SETTLED,
        Person.GONE_BEFORE,
        Person.MERGED,
        Person.REAPPEARED,
        Person.CONTRADICTED,
        Person.FAILED,
        Person.VANISHED,
        Person.DELETED_UNASKED,
    }
)
"""States after which nothing is sent for the target."""

UNSENT: dict[Axis, frozenset[State]] = {
    Axis.PERSON: frozenset({Person.UNTOUCHED, Person.UNKNOWN, Person.SURVIVED, Person.HELD}),
    Axis.EVENTS: frozenset({Events.UNTOUCHED, Events.UNKNOWN, Events.REQUESTED, Events.HELD, Events.AGAIN}),
    Axis.RECORDINGS: frozenset({Recordings.UNTOUCHED, Recordings.UNKNOWN}),
    Axis.PROPERTIES: frozenset({Properties.UNTOUCHED, Properties.UNKNOWN, Properties.AGAIN}),
}
"""States of an operation's own axis from which a run has something to do before it only waits."""

ACCEPTED: dict[Axis, State] = {
    Axis.PERSON: Person.ACCEPTED,
    Axis.EVENTS: Events.REQUESTED,
    Axis.RECORDINGS: Recordings.REQUESTED,
    Axis.PROPERTIES: Properties.REQUESTED,
}
"""What a success makes of a target."""

PROVEN: dict[Axis, frozenset[State]] = {
    Axis.PERSON: frozenset({Person.GONE, Person.GONE_SETTLED}),
    Axis.EVENTS: frozenset({Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE}),
    Axis.RECORDINGS: frozenset({Recordings.REQUESTED}),
    Axis.PROPERTIES: frozenset({Properties.DONE, Properties.DONE_SETTLED}),
}
"""States that this job brought about, as far as the server lets it be seen: what the canary has to reach."""

PENDING: frozenset[State] = frozenset(
    {
        Person.UNTOUCHED,
        Person.UNKNOWN,
        Person.SURVIVED,
        Person.ACCEPTED,
        Person.HELD,
        Events.UNTOUCHED,
        Events.UNKNOWN,
        Events.REQUESTED,
        Events.HELD,
        Events.AGAIN,
        Recordings.UNTOUCHED,
        Recordings.UNKNOWN,
        Properties.UNTOUCHED,
        Properties.UNKNOWN,
        Properties.AGAIN,
        Properties.REQUESTED,
    }
)
"""States that a later run of the same job can still change: exit code 75."""

BAD: frozenset[State] = frozenset(
    {
        Person.MERGED,
        Person.REAPPEARED,
        Person.CONTRADICTED,
        Person.FAILED,
        Person.DELETED_UNASKED,
        Events.MISSED,
        Events.NOT_SENT,
        Events.FAILED,
        Recordings.MISSED,
        Recordings.NOT_SENT,
        Recordings.FAILED,
        Properties.MISSED,
        Properties.NOT_SENT,
        Properties.CONTRADICTED,
        Properties.FAILED,
    }
)
"""States that are final and not what was asked for: exit code 1."""
