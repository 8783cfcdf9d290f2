"""The state machine over bytes, one per target and axis, as a job keeps them; each transition is computed once."""

from collections.abc import Sequence

from bulk.states import STATES, Axis, State
from bulk.targets.observations import Observation, TargetState
from bulk.targets.reasons import PLACES, STANDINGS
from bulk.targets.state_machine import TargetMachine

Places = tuple[int, int, int, int]
"""A target's standings by their places in `STANDINGS`, one per axis."""

JOURNAL_PLACES = {
    (axis.value, each.state.name.lower(), None if each.reason is None else each.reason.value): place
    for axis in Axis
    for place, each in enumerate(STANDINGS[axis])
}
"""The places by what the journal calls axis, state and reason."""

STATES_AT: dict[str, tuple[tuple[State, ...], list[int]]] = {
    axis.value: (tuple(STATES[axis]), [each.state.value for each in STANDINGS[axis]]) for axis in Axis
}
"""The states of each axis, and the number of the state at each place."""


class Transitions(dict[tuple[Places, tuple[Observation, ...]], Places]):
    """A target's places after some observations, by its places before and the observations."""

    def __init__(self, machine: TargetMachine) -> None:
        super().__init__()
        self._machine = machine

    def __missing__(self, key: tuple[Places, tuple[Observation, ...]]) -> Places:
        places, observations = key
        after = self[key] = to_places(self._machine.steps(to_state(places), observations))
        return after


def to_state(places: Sequence[int]) -> TargetState:
    """The state that these places stand for."""
    return TargetState(*(STANDINGS[axis][place] for axis, place in zip(Axis, places, strict=True)))


def to_places(state: TargetState) -> Places:
    """The places of a state."""
    person, events, recordings, properties = (PLACES[axis][each] for axis, each in zip(Axis, state, strict=True))
    return person, events, recordings, properties
