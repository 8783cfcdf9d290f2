"""What has to happen next to a target, from its state alone. Pure; the erasure order is written here.

The safe order (contract 8, promise 19): events and recordings are queued while the person still resolves, the
deletion row is read back, and only then is the person deleted. A person whose events are covered only in part by
an earlier pending row is held back. A person that is to be kept is due for nothing more when its parts are done.
"""

from collections.abc import Sequence
from enum import Enum

from bulk.journal.target_states import TargetStates
from bulk.states import FINAL_PERSON, Axis, Events, Person, Properties, Recordings
from bulk.targets.observations import TargetState
from bulk.targets.reasons import UNREAD, Reason
from bulk.targets.transitions import to_state

EVENTS_DONE = frozenset({Events.NOT_ASKED, Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE})
RECORDINGS_DONE = frozenset({Recordings.NOT_ASKED, Recordings.REQUESTED})


class Step(Enum):
    """The next thing to do for a target, in the order of the erasure. A call's value is what it may change."""

    READ_STORE = ("read", "store")
    READ_ROWS = ("read", "rows")
    QUEUE_BOTH = (Axis.EVENTS, Axis.RECORDINGS)
    QUEUE_EVENTS = (Axis.EVENTS,)
    QUEUE_RECORDINGS = (Axis.RECORDINGS,)
    CHANGE = (Axis.PROPERTIES,)
    DELETE = (Axis.PERSON,)
    NOTHING = ()


CALLS = frozenset({Step.QUEUE_BOTH, Step.QUEUE_EVENTS, Step.QUEUE_RECORDINGS, Step.CHANGE, Step.DELETE})


def decide(state: TargetState) -> Step:
    """What is due in this state.

    Who could not be read waits for the next run; a held person is due for nothing until its rows were read again.
    """
    person, events, recordings, properties = (standing.state for standing in state)
    if any(standing.reason in UNREAD for standing in state):
        return Step.NOTHING
    if person in FINAL_PERSON or person in (Person.ACCEPTED, Person.HELD):
        return Step.NOTHING
    unclear = state.person.reason is Reason.DELETED_INSTEAD_OF_KEPT
    if unclear or person is Person.UNKNOWN or properties is Properties.UNKNOWN:
        return Step.READ_STORE
    if events in (Events.REQUESTED, Events.UNKNOWN):
        return Step.READ_ROWS
    queue_recordings = recordings in (Recordings.UNTOUCHED, Recordings.UNKNOWN)
    if events in (Events.UNTOUCHED, Events.AGAIN):
        return Step.QUEUE_BOTH if queue_recordings else Step.QUEUE_EVENTS
    if queue_recordings:
        return Step.QUEUE_RECORDINGS
    if properties in (Properties.UNTOUCHED, Properties.AGAIN):
        return Step.CHANGE
    safe = events in EVENTS_DONE and recordings in RECORDINGS_DONE
    return Step.DELETE if person is not Person.NOT_ASKED and safe else Step.NOTHING


_ORDER = tuple(Step)


class _Table(dict[tuple[int, int, int, int], int]):
    """`decide` by the ledger's bytes, as places in the order: it is looked up for every target again and again."""

    def __missing__(self, places: tuple[int, int, int, int]) -> int:
        self[places] = place = _ORDER.index(decide(to_state(places)))
        return place


_TABLE = _Table()


def step_for(target_states: TargetStates, number: int) -> Step:
    """What is due for one target."""
    persons, events, recordings, properties = target_states.places
    return _ORDER[_TABLE[persons[number], events[number], recordings[number], properties[number]]]


def first_step(target_states: TargetStates, numbers: Sequence[int]) -> tuple[Step, list[int]] | None:
    """The first thing in the order that is due for any of these targets, with all that it is due for."""
    persons, events, recordings, properties = target_states.places
    places = [_TABLE[persons[n], events[n], recordings[n], properties[n]] for n in numbers]
    first = min(places, default=_ORDER.index(Step.NOTHING))
    if _ORDER[first] is Step.NOTHING:
        return None
    return _ORDER[first], [n for n, place in zip(numbers, places, strict=True) if place == first]
