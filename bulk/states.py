"""The states of a target on its four axes: person, events, recordings, properties. Values and names only.

Every target has exactly one state per axis at any time, so the counts of each axis add up to the plan (guarantee 2).
The names, in lower case, are what journals and reports hold. The numbers are never written to a file, so their order
may change. The classes are no IntEnums: a person's 4 and an event's 4 must not be equal.
"""

from enum import Enum


class FastEnum(Enum):
    """An enumeration whose members hash by identity: `Enum` hashes their names in Python, millions of times a job."""

    __hash__ = object.__hash__


class Axis(FastEnum):
    """What a state is about."""

    PERSON = "person"
    EVENTS = "events"
    RECORDINGS = "recordings"
    PROPERTIES = "properties"


class Person(FastEnum):
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


class Events(FastEnum):
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


class Recordings(FastEnum):
    """The state of a target's recordings."""

    NOT_REQUESTED = 0
    NOT_STARTED = 1
    UNKNOWN = 2
    REQUESTED = 3
    TOO_LATE = 4
    SKIPPED = 5
    FAILED = 6
    DELETED = 7
    STILL_THERE = 8
    NOT_VERIFIABLE = 9


class Properties(FastEnum):
    """The state of a target's properties; all that the operation names share one."""

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
    """Return the axis that a state belongs to."""
    return next(axis for axis, kind in STATES.items() if isinstance(state, kind))


STATE_MEANINGS: dict[State, str] = {
    Person.NOT_STARTED: "nothing was sent for this person yet",
    Person.UNKNOWN: "the deletion was sent; its outcome is not known",
    Person.TO_RETRY: "the deletion was sent and the person still exists; it will be sent again",
    Person.ACCEPTED: "the server accepted the deletion; the person is not yet read back as gone",
    Person.DELETED_CONFIRMED: "the server accepted the deletion, and reading back confirms it",
    Person.FOUND_DELETED: "the deletion had no clear response; reading back shows that the person is gone",
    Person.ALREADY_DELETED: "gone before this job sent anything",
    Person.MERGED: "somebody else merged it into another person, which was left alone",
    Person.RECREATED: "re-created: the same UUID with another creation time; left alone",
    Person.HELD_BACK: "waits until an earlier deletion of its events is done, or until its status can be read",
    Person.CONTRADICTED: "the server accepted the deletion, but the person still exists",
    Person.FAILED: "not done; the table of reasons says why",
    Person.NOT_REQUESTED: "the operation keeps the person",
    Person.DISAPPEARED: "gone, but not by a known deletion of this job",
    Person.DELETED_UNEXPECTEDLY: "deleted by a request of this job that asked the server to keep it",
    Events.NOT_REQUESTED: "not part of the operation",
    Events.NOT_STARTED: "nothing was sent yet",
    Events.UNKNOWN: "the deletion was sent; its outcome is not known",
    Events.ACCEPTED: "PostHog accepted the deletion; it is not yet read back as queued",
    Events.QUEUED: "PostHog confirmed that the deletion is queued; it purges events at the weekend",
    Events.PURGED: "PostHog confirmed that the events are purged",
    Events.UNVERIFIABLE: "accepted by a server that cannot confirm that the deletion is queued",
    Events.HELD_BACK: "an earlier deletion, still queued, includes only the older events, or its status cannot be read",
    Events.TOO_LATE: "the person was gone before its events were queued",
    Events.SKIPPED: "not sent, because the person was merged or re-created",
    Events.FAILED: "not done; the table of reasons says why",
    Events.TO_RETRY: "the deletion was sent, but PostHog does not show it as queued; it will be sent again",
    Recordings.NOT_REQUESTED: "not part of the operation",
    Recordings.NOT_STARTED: "nothing was sent yet",
    Recordings.UNKNOWN: "the deletion was sent; its outcome is not known",
    Recordings.REQUESTED: "the deletion was requested; verify reads whether the recordings are deleted",
    Recordings.TOO_LATE: "the person was gone before the deletion of its recordings was requested",
    Recordings.SKIPPED: "not sent, because the person was merged or re-created",
    Recordings.FAILED: "not done; the table of reasons says why",
    Recordings.DELETED: "PostHog shows the recordings as deleted",
    Recordings.STILL_THERE: "the deletion was requested days ago, and PostHog still shows recordings that it kept",
    Recordings.NOT_VERIFIABLE: "the deletion was requested and cannot be verified; the table of reasons says why",
    Properties.NOT_REQUESTED: "not part of the operation",
    Properties.NOT_STARTED: "nothing was sent yet",
    Properties.UNKNOWN: "the change was sent; its outcome is not known",
    Properties.TO_RETRY: "the change was sent but does not show; it will be sent again",
    Properties.ACCEPTED: "the server accepted the change; it is not yet read back",
    Properties.CHANGED_CONFIRMED: "the server accepted the change, and reading back confirms it",
    Properties.FOUND_CHANGED: "reading back shows the change; whether this job made it is not clear",
    Properties.ALREADY_AS_DESIRED: "already had these values, or lacked these keys, before this job sent anything",
    Properties.GONE_WITH_PERSON: "gone with the person, which this job did not delete",
    Properties.TOO_LATE: "the person was gone before its properties were changed",
    Properties.SKIPPED: "not sent, because the person was merged or re-created",
    Properties.CONTRADICTED: "the server accepted the change, but reading back does not show it",
    Properties.FAILED: "not done; the table of reasons says why",
}
"""Each state in one phrase, as reports print it."""

_LABELS = {
    "deleted_confirmed": "deleted (confirmed by reading back)",
    "found_deleted": "found deleted after an unclear response",
    "changed_confirmed": "changed (confirmed by reading back)",
    "found_changed": "found changed after an unclear response",
    "queued": "queued for deletion by PostHog",
    "purged": "purged by PostHog",
    "requested": "requested to be deleted",
    "unknown": "with unknown outcome",
    "held_back": "waiting for an earlier deletion of their events",
    "already_as_desired": "needed no change",
}


_ENDINGS = {
    "finished": "finished",
    "stopped": "stopped",
    "interrupted": "interrupted",
    "NotFinished": "interrupted",
    "BreakerOpened": "stopped: too many failures",
    "PropertyHidden": "stopped: PostHog hides a property from the user of the key",
    "KeptPersonsDeleted": "stopped: the server deleted persons that it was asked to keep",
    "Refused": "refused by a safety check",
    "AuthenticationFailed": "stopped: the server refused the key",
    "TokenRefused": "stopped: the ingestion host refused the project token",
    "PermissionDenied": "stopped: the key lacks a permission",
    "RouteNotFound": "stopped: the server does not have the project or the route",
    "UnexpectedRedirect": "stopped: the server redirected the request",
    "WriteFailed": "stopped: a file could not be written",
}
"""How a run ended in words, by the reason in the journal: a word, or the name of the exception that ended it."""


def ending_label(reason: str) -> str:
    """Return how a run ended, for people.

    Arguments:
        reason: the reason in the journal.
    """
    return _ENDINGS.get(reason, "stopped by an error")


def state_label(name: str) -> str:
    """Return a state's name in words for people, to be used after a count: "4 already deleted"."""
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
"""States after which nothing more is sent for the target."""

ACTIONABLE: dict[Axis, frozenset[State]] = {
    Axis.PERSON: frozenset({Person.NOT_STARTED, Person.UNKNOWN, Person.TO_RETRY, Person.HELD_BACK}),
    Axis.EVENTS: frozenset({Events.NOT_STARTED, Events.UNKNOWN, Events.ACCEPTED, Events.HELD_BACK, Events.TO_RETRY}),
    Axis.RECORDINGS: frozenset({Recordings.NOT_STARTED, Recordings.UNKNOWN}),
    Axis.PROPERTIES: frozenset({Properties.NOT_STARTED, Properties.UNKNOWN, Properties.TO_RETRY}),
}
"""States, on the axis that an operation is about, in which a run still has something to send or read."""

ACCEPTED: dict[Axis, State] = {
    Axis.PERSON: Person.ACCEPTED,
    Axis.EVENTS: Events.ACCEPTED,
    Axis.RECORDINGS: Recordings.REQUESTED,
    Axis.PROPERTIES: Properties.ACCEPTED,
}
"""The state that a successful response gives to a target."""

PROVEN: dict[Axis, frozenset[State]] = {
    Axis.PERSON: frozenset({Person.DELETED_CONFIRMED, Person.FOUND_DELETED}),
    Axis.EVENTS: frozenset({Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE}),
    Axis.RECORDINGS: frozenset({Recordings.REQUESTED, Recordings.DELETED, Recordings.NOT_VERIFIABLE}),
    Axis.PROPERTIES: frozenset({Properties.CHANGED_CONFIRMED, Properties.FOUND_CHANGED}),
}
"""States that prove the work of this job, as far as the server lets it be verified; the test batch has to reach one."""

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
        Recordings.STILL_THERE,
        Properties.TOO_LATE,
        Properties.SKIPPED,
        Properties.CONTRADICTED,
        Properties.FAILED,
    }
)
"""Final states that differ from what was requested: exit code 1."""
