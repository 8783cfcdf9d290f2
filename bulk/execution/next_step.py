"""The next step of a target, decided from its state alone: the order of an erasure is written here. Pure.

The safe order (contract 8, guarantee 19): queue the deletion of events and recordings while the person still exists,
read the deletion row back, and only then delete the person. If an earlier pending row covers the events only in part,
the person is held back. A person that the job keeps has no step left once its events and recordings are queued.
"""

from enum import Enum

from bulk.journal.target_states import TargetStates
from bulk.states import FINAL_PERSON_STATES, Axis, Events, Person, Properties, Recordings
from bulk.targets.observations import TargetState
from bulk.targets.reasons import UNREAD, Reason
from bulk.targets.recording_states import READ_BY_VERIFY
from bulk.targets.transitions import to_state

EVENTS_DONE = frozenset({Events.NOT_REQUESTED, Events.QUEUED, Events.PURGED, Events.UNVERIFIABLE})
RECORDINGS_DONE = READ_BY_VERIFY | {Recordings.NOT_REQUESTED, Recordings.DELETED}


class Step(Enum):
    """A step of a target, in the order of an erasure. The value of a step that sends is the axes it changes."""

    READ_PERSONS = ("read", "store")
    READ_ROWS = ("read", "rows")
    QUEUE_BOTH = (Axis.EVENTS, Axis.RECORDINGS)
    QUEUE_EVENTS = (Axis.EVENTS,)
    QUEUE_RECORDINGS = (Axis.RECORDINGS,)
    CHANGE = (Axis.PROPERTIES,)
    DELETE = (Axis.PERSON,)
    NOTHING = ()


CALLS = frozenset({Step.QUEUE_BOTH, Step.QUEUE_EVENTS, Step.QUEUE_RECORDINGS, Step.CHANGE, Step.DELETE})


def decide(state: TargetState) -> Step:
    """Return the next step of a target in this state.

    A target that could not be read waits for the next run, a held one until its deletion rows were read again.
    """
    person, events, recordings, properties = (standing.state for standing in state)
    if any(standing.reason in UNREAD for standing in state):
        return Step.NOTHING
    if person in FINAL_PERSON_STATES or person in (Person.ACCEPTED, Person.HELD_BACK):
        return Step.NOTHING
    maybe_deleted = state.person.reason is Reason.DELETED_INSTEAD_OF_KEPT
    if maybe_deleted or person is Person.UNKNOWN or properties is Properties.UNKNOWN:
        return Step.READ_PERSONS
    if events in (Events.ACCEPTED, Events.UNKNOWN):
        return Step.READ_ROWS
    queue_recordings = recordings in (Recordings.NOT_STARTED, Recordings.UNKNOWN)
    if events in (Events.NOT_STARTED, Events.TO_RETRY):
        return Step.QUEUE_BOTH if queue_recordings else Step.QUEUE_EVENTS
    if queue_recordings:
        return Step.QUEUE_RECORDINGS
    if properties in (Properties.NOT_STARTED, Properties.TO_RETRY):
        return Step.CHANGE
    safe = events in EVENTS_DONE and recordings in RECORDINGS_DONE
    return Step.DELETE if person is not Person.NOT_REQUESTED and safe else Step.NOTHING


_ORDER = tuple(Step)


class _Table(dict[tuple[int, int, int, int], int]):
    """The results of `decide` by the bytes of the target states, each computed once."""

    def __missing__(self, places: tuple[int, int, int, int]) -> int:
        self[places] = place = _ORDER.index(decide(to_state(places)))
        return place


_TABLE = _Table()


def step_for(target_states: TargetStates, number: int) -> Step:
    """Return the next step of one target."""
    persons, events, recordings, properties = target_states.codes
    return _ORDER[_TABLE[persons[number], events[number], recordings[number], properties[number]]]


def first_step(target_states: TargetStates, numbers: list[int]) -> tuple[Step, list[int]] | None:
    """Return the first step, by the order, that any of these targets needs, and all targets that need it."""
    common = target_states.common_codes(numbers)  # a group nearly always advances together
    if common is not None:
        step = _ORDER[_TABLE[common]]
        return None if step is Step.NOTHING else (step, [*numbers])
    codes = zip(*(map(of_axis.__getitem__, numbers) for of_axis in target_states.codes), strict=True)
    places = list(map(_TABLE.__getitem__, codes))
    first = min(places, default=_ORDER.index(Step.NOTHING))
    if _ORDER[first] is Step.NOTHING:
        return None
    return _ORDER[first], [n for n, place in zip(numbers, places, strict=True) if place == first]
