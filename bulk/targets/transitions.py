"""The state machine over status codes, one byte per target and axis; each transition is computed once and kept."""

from collections.abc import Sequence

from bulk.states import STATES, Axis, State
from bulk.targets.observations import Observation, TargetState
from bulk.targets.reasons import STATUS_CODES, STATUSES
from bulk.targets.state_machine import TargetMachine

StatusCodes = tuple[int, int, int, int]
"""The codes of a target's four statuses, in the order of `Axis`."""

JOURNAL_CODES = {
    (axis.value, each.state.name.lower(), None if each.reason is None else each.reason.value): code
    for axis in Axis
    for code, each in enumerate(STATUSES[axis])
}
"""Status codes by the names of axis, state and reason in a journal."""

STATES_BY_CODE: dict[str, tuple[tuple[State, ...], list[int]]] = {
    axis.value: (tuple(STATES[axis]), [each.state.value for each in STATUSES[axis]]) for axis in Axis
}
"""The states of each axis, and the number of the state at each code."""


class Transitions(dict[tuple[StatusCodes, tuple[Observation, ...]], StatusCodes]):
    """Maps a target's codes and the observations to its codes after them; computed on first use."""

    def __init__(self, machine: TargetMachine) -> None:
        super().__init__()
        self._machine = machine

    def __missing__(self, key: tuple[StatusCodes, tuple[Observation, ...]]) -> StatusCodes:
        codes, observations = key
        after = self[key] = to_codes(self._machine.steps(to_state(codes), observations))
        return after


def to_state(codes: Sequence[int]) -> TargetState:
    """Return the target state with these codes."""
    return TargetState(*(STATUSES[axis][code] for axis, code in zip(Axis, codes, strict=True)))


def to_codes(state: TargetState) -> StatusCodes:
    """Return the codes of a target state."""
    person, events, recordings, properties = (STATUS_CODES[axis][each] for axis, each in zip(Axis, state, strict=True))
    return person, events, recordings, properties
