"""What has to happen next to a target, from its states alone. Pure; the erasure order is written here.

The safe order (contract 8, promise 19): events and recordings are queued while the person still resolves, the
deletion row is read back, and only then is the person deleted. A person whose events are covered only in part by
an earlier pending row is held back. A person that is to be kept is due for nothing more when its parts are done.
"""

from collections.abc import Sequence
from enum import Enum

from bulk.ledger import Ledger
from bulk.outcomes import FINAL_PERSON, Axis, Events, Person, Properties, Recordings

EVENTS_DONE = frozenset({Events.NOT_ASKED, Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE})
RECORDINGS_DONE = frozenset({Recordings.NOT_ASKED, Recordings.REQUESTED})


class Due(Enum):
    """The next thing to do for a target, in the order of the erasure. A call's value is what it may change."""

    READ_STORE = ("read", "store")
    READ_ROWS = ("read", "rows")
    QUEUE_BOTH = (Axis.EVENTS, Axis.RECORDINGS)
    QUEUE_EVENTS = (Axis.EVENTS,)
    QUEUE_RECORDINGS = (Axis.RECORDINGS,)
    CHANGE = (Axis.PROPERTIES,)
    DELETE = (Axis.PERSON,)
    NOTHING = ()


CALLS = frozenset({Due.QUEUE_BOTH, Due.QUEUE_EVENTS, Due.QUEUE_RECORDINGS, Due.CHANGE, Due.DELETE})


def decide(person: Person, events: Events, recordings: Recordings, properties: Properties) -> Due:
    """What is due in these states. A held person is due for nothing until its rows were read again."""
    if person in FINAL_PERSON or person in (Person.ACCEPTED, Person.HELD):
        return Due.NOTHING
    if person is Person.UNKNOWN or properties is Properties.UNKNOWN:
        return Due.READ_STORE
    if events in (Events.REQUESTED, Events.UNKNOWN):
        return Due.READ_ROWS
    queue_recordings = recordings in (Recordings.UNTOUCHED, Recordings.UNKNOWN)
    if events is Events.UNTOUCHED:
        return Due.QUEUE_BOTH if queue_recordings else Due.QUEUE_EVENTS
    if queue_recordings:
        return Due.QUEUE_RECORDINGS
    if properties in (Properties.UNTOUCHED, Properties.AGAIN):
        return Due.CHANGE
    safe = events in EVENTS_DONE and recordings in RECORDINGS_DONE
    return Due.DELETE if person is not Person.NOT_ASKED and safe else Due.NOTHING


_ORDER = tuple(Due)
_TABLE = {
    (person.value, events.value, recordings.value, properties.value): _ORDER.index(
        decide(person, events, recordings, properties)
    )
    for person in Person
    for events in Events
    for recordings in Recordings
    for properties in Properties
}
"""`decide` by the ledger's bytes, as places in the order: it is looked up for every target again and again."""


def next_due(ledger: Ledger, number: int) -> Due:
    """What is due for one target."""
    return decide(ledger.person(number), ledger.events(number), ledger.recordings(number), ledger.properties(number))


def first_due(ledger: Ledger, numbers: Sequence[int]) -> tuple[Due, list[int]] | None:
    """The first thing in the order that is due for any of these targets, with all that it is due for."""
    persons, events, recordings, properties = (ledger.states[axis] for axis in Axis)
    places = [_TABLE[persons[n], events[n], recordings[n], properties[n]] for n in numbers]
    first = min(places, default=_ORDER.index(Due.NOTHING))
    if _ORDER[first] is Due.NOTHING:
        return None
    return _ORDER[first], [n for n, place in zip(numbers, places, strict=True) if place == first]
