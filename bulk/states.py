"""What came of each target, on four axes: person, events, recordings, properties. Values and names only.

Every target has exactly one state on each axis at any time, so each axis adds up to the plan (promise 2).
States have small numbers because a job keeps one byte a target and axis; their names are what the
journal and the reports hold. A number is never written to a file, so their order may change. They are no
IntEnums: a person's 4 and an event's 4 must not be equal.
"""

from enum import Enum


class Axis(Enum):
    """What a state speaks of."""

    PERSON = "person"
    EVENTS = "events"
    RECORDINGS = "recordings"
    PROPERTIES = "properties"


class Person(Enum):
    """The state of a target's person."""

    NOT_STARTED = 0
    UNKNOWN = 1
    TO_RETRY = 2
    ACCEPTED = 3
    DELETED_CONFIRMED = 4
    FOUND_DELETED = 5
    ALREADY_DELETED = 6
    MERGED = 7
    RECREATED = 8
    HELD_BACK = 9
    CONTRADICTED = 10
    FAILED = 11
    NOT_REQUESTED = 12
    DISAPPEARED = 13
    DELETED_UNEXPECTEDLY = 14


class Events(Enum):
    """The state of a target's events."""

    NOT_REQUESTED = 0
    NOT_STARTED = 1
    UNKNOWN = 2
    ACCEPTED = 3
    QUEUED = 4
    PURGED = 5
    UNVERIFIABLE = 6
    HELD_BACK = 7
    TOO_LATE = 8
    SKIPPED = 9
    FAILED = 10
    TO_RETRY = 11


class Recordings(Enum):
    """The state of a target's recordings."""

    NOT_REQUESTED = 0
    NOT_STARTED = 1
    UNKNOWN = 2
    REQUESTED = 3
    TOO_LATE = 4
    SKIPPED = 5
    FAILED = 6


class Properties(Enum):
    """The state of a target's properties, all that are named together."""

    NOT_REQUESTED = 0
    NOT_STARTED = 1
    UNKNOWN = 2
    TO_RETRY = 3
    ACCEPTED = 4
    CHANGED_CONFIRMED = 5
    FOUND_CHANGED = 6
    ALREADY_AS_DESIRED = 7
    GONE_WITH_PERSON = 8
    TOO_LATE = 9
    SKIPPED = 10
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


STATE_MEANINGS: dict[State, str] = {
    Person.NOT_STARTED: "not sent yet",
    Person.UNKNOWN: "sent, the answer is not known",
    Person.TO_RETRY: "sent, still there when read, to be sent again",
    Person.ACCEPTED: "accepted by the server, not yet read back as gone",
    Person.DELETED_CONFIRMED: "accepted by the server and read back as gone",
    Person.FOUND_DELETED: "sent, the answer was not clear, read back as gone",
    Person.ALREADY_DELETED: "gone before this job asked for anything",
    Person.MERGED: "merged into another person by somebody else; that person is untouched",
    Person.RECREATED: "re-created: the same id with another creation time; left alone",
    Person.HELD_BACK: "held back until its events can be queued: an earlier deletion row is pending, or cannot be read",
    Person.CONTRADICTED: "accepted by the server, yet still there when read",
    Person.FAILED: "failed",
    Person.NOT_REQUESTED: "to be kept",
    Person.DISAPPEARED: "gone, but not by a deletion that this job asked for",
    Person.DELETED_UNEXPECTEDLY: "deleted by a call of this job that was to keep it",
    Events.NOT_REQUESTED: "not asked for",
    Events.NOT_STARTED: "not sent yet",
    Events.UNKNOWN: "sent, the answer is not known",
    Events.ACCEPTED: "accepted by the server, the deletion row not yet read back",
    Events.QUEUED: "deletion row read back, waiting for the server's purge",
    Events.PURGED: "deletion row read back as completed",
    Events.UNVERIFIABLE: "accepted by a server that has no deletion rows to read back",
    Events.HELD_BACK: "an earlier pending deletion row covers only part of the events, or a row cannot be read",
    Events.TOO_LATE: "the person was gone before its events were queued",
    Events.SKIPPED: "left alone, as the person was",
    Events.FAILED: "failed",
    Events.TO_RETRY: "sent, no deletion row when read, to be sent again",
    Recordings.NOT_REQUESTED: "not asked for",
    Recordings.NOT_STARTED: "not sent yet",
    Recordings.UNKNOWN: "sent, the answer is not known",
    Recordings.REQUESTED: "requested; the server offers nothing to verify it by",
    Recordings.TOO_LATE: "the person was gone before its recordings were requested",
    Recordings.SKIPPED: "left alone, as the person was",
    Recordings.FAILED: "failed",
    Properties.NOT_REQUESTED: "not asked for",
    Properties.NOT_STARTED: "not sent yet",
    Properties.UNKNOWN: "sent, the answer is not known",
    Properties.TO_RETRY: "sent, not as requested when read, to be sent again",
    Properties.ACCEPTED: "accepted by the server, not yet read back as requested",
    Properties.CHANGED_CONFIRMED: "accepted by the server and read back as requested",
    Properties.FOUND_CHANGED: "sent, the answer was not clear, read back as requested",
    Properties.ALREADY_AS_DESIRED: "was as requested before this job sent anything",
    Properties.GONE_WITH_PERSON: "gone with the person, who was not deleted by this job",
    Properties.TOO_LATE: "the person was gone before its properties were as requested",
    Properties.SKIPPED: "left alone, as the person was",
    Properties.CONTRADICTED: "accepted by the server, yet not as requested when read",
    Properties.FAILED: "failed",
}

_LABELS = {
    "deleted_confirmed": "deleted (confirmed by reading back)",
    "found_deleted": "found deleted after an unclear response",
    "changed_confirmed": "changed (confirmed by reading back)",
    "found_changed": "found changed after an unclear response",
}


def state_label(name: str) -> str:
    """Return a state's name in words for people, as a count of targets precedes it: "already deleted"."""
    return _LABELS.get(name, name.replace("_", " "))


FINAL_PERSON_STATES = frozenset(
    {
        Person.DELETED_CONFIRMED,
        Person.FOUND_DELETED,
        Person.ALREADY_DELETED,
        Person.MERGED,
        Person.RECREATED,
        Person.CONTRADICTED,
        Person.FAILED,
        Person.DISAPPEARED,
        Person.DELETED_UNEXPECTEDLY,
    }
)
"""States after which nothing is sent for the target."""

ACTIONABLE: dict[Axis, frozenset[State]] = {
    Axis.PERSON: frozenset({Person.NOT_STARTED, Person.UNKNOWN, Person.TO_RETRY, Person.HELD_BACK}),
    Axis.EVENTS: frozenset({Events.NOT_STARTED, Events.UNKNOWN, Events.ACCEPTED, Events.HELD_BACK, Events.TO_RETRY}),
    Axis.RECORDINGS: frozenset({Recordings.NOT_STARTED, Recordings.UNKNOWN}),
    Axis.PROPERTIES: frozenset({Properties.NOT_STARTED, Properties.UNKNOWN, Properties.TO_RETRY}),
}
"""States of an operation's own axis from which a run has something to do before it only waits."""

ACCEPTED: dict[Axis, State] = {
    Axis.PERSON: Person.ACCEPTED,
    Axis.EVENTS: Events.ACCEPTED,
    Axis.RECORDINGS: Recordings.REQUESTED,
    Axis.PROPERTIES: Properties.ACCEPTED,
}
"""What a success makes of a target."""

PROVEN: dict[Axis, frozenset[State]] = {
    Axis.PERSON: frozenset({Person.DELETED_CONFIRMED, Person.FOUND_DELETED}),
    Axis.EVENTS: frozenset({Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE}),
    Axis.RECORDINGS: frozenset({Recordings.REQUESTED}),
    Axis.PROPERTIES: frozenset({Properties.CHANGED_CONFIRMED, Properties.FOUND_CHANGED}),
}
"""States that this job brought about, as far as the server lets it be seen: what the test batch has to reach."""

PENDING: frozenset[State] = frozenset(
    {
        Person.NOT_STARTED,
        Person.UNKNOWN,
        Person.TO_RETRY,
        Person.ACCEPTED,
        Person.HELD_BACK,
        Events.NOT_STARTED,
        Events.UNKNOWN,
        Events.ACCEPTED,
        Events.HELD_BACK,
        Events.TO_RETRY,
        Recordings.NOT_STARTED,
        Recordings.UNKNOWN,
        Properties.NOT_STARTED,
        Properties.UNKNOWN,
        Properties.TO_RETRY,
        Properties.ACCEPTED,
    }
)
"""States that a later run of the same job can still change: exit code 75."""

NEEDS_ATTENTION: frozenset[State] = frozenset(
    {
        Person.MERGED,
        Person.RECREATED,
        Person.CONTRADICTED,
        Person.FAILED,
        Person.DELETED_UNEXPECTEDLY,
        Events.TOO_LATE,
        Events.SKIPPED,
        Events.FAILED,
        Recordings.TOO_LATE,
        Recordings.SKIPPED,
        Recordings.FAILED,
        Properties.TOO_LATE,
        Properties.SKIPPED,
        Properties.CONTRADICTED,
        Properties.FAILED,
    }
)
"""States that are final and not what was asked for: exit code 1."""
