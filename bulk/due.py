"""What has to happen next to a target, from its states alone. Pure; the erasure order is written here.

The safe order (contract 8, promise 19): events and recordings are queued while the person still resolves, the
deletion row is read back, and only then is the person deleted. A person whose events are covered only in part by
an earlier pending row is held back.
"""

from enum import Enum

from bulk.ledger import Ledger
from bulk.outcomes import FINAL_PERSON, Axis, Events, Person, Recordings

EVENTS_DONE = frozenset({Events.NOT_ASKED, Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE})
RECORDINGS_DONE = frozenset({Recordings.NOT_ASKED, Recordings.REQUESTED})


class Due(Enum):
    """The next thing to do for a target. The values of the three calls are what a call may change."""

    NOTHING = ()
    READ_STORE = ("read", "store")
    READ_ROWS = ("read", "rows")
    QUEUE_BOTH = (Axis.EVENTS, Axis.RECORDINGS)
    QUEUE_EVENTS = (Axis.EVENTS,)
    QUEUE_RECORDINGS = (Axis.RECORDINGS,)
    DELETE = (Axis.PERSON,)


CALLS = frozenset({Due.QUEUE_BOTH, Due.QUEUE_EVENTS, Due.QUEUE_RECORDINGS, Due.DELETE})


def next_due(ledger: Ledger, number: int) -> Due:
    """What is due for a target. A held person is due for nothing until its rows were read again."""
    person, events, recordings = ledger.person(number), ledger.events(number), ledger.recordings(number)
    if person in FINAL_PERSON or person in (Person.ACCEPTED, Person.HELD):
        return Due.NOTHING
    if person is Person.UNKNOWN:
        return Due.READ_STORE
    if events in (Events.REQUESTED, Events.UNKNOWN):
        return Due.READ_ROWS
    queue_recordings = recordings not in RECORDINGS_DONE
    if events not in EVENTS_DONE:
        return Due.QUEUE_BOTH if queue_recordings else Due.QUEUE_EVENTS
    return Due.QUEUE_RECORDINGS if queue_recordings else Due.DELETE
