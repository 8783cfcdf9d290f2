"""Every state that a target can reach in every kind of job, and the moves between them."""

from collections.abc import Iterator
from functools import cache

import pytest

from bulk.execution.next_step import Step, decide
from bulk.states import PENDING, STATES, Axis, Events
from bulk.targets.lost_events import rows_are_read
from bulk.targets.observations import LOST, Observation, TargetState
from bulk.targets.reasons import AxisStatus
from bulk.targets.state_machine import TargetMachine, state_after_request

Obs = Observation
ROWS = [o for o in Obs if o.name.startswith("ROW")]
UNREAD_OF = [o for o in Obs if o.name.startswith("UNREAD")]
AXES = (*Axis,)

KINDS: dict[str, tuple[TargetMachine, frozenset[Axis]]] = {
    "delete": (TargetMachine(Axis.PERSON), frozenset({Axis.PERSON})),
    "delete with events": (TargetMachine(Axis.PERSON), frozenset({Axis.PERSON, Axis.EVENTS})),
    "delete with recordings": (TargetMachine(Axis.PERSON), frozenset({Axis.PERSON, Axis.RECORDINGS})),
    "delete with both": (TargetMachine(Axis.PERSON), frozenset({Axis.PERSON, Axis.EVENTS, Axis.RECORDINGS})),
    "delete-events": (TargetMachine(Axis.EVENTS), frozenset({Axis.EVENTS})),
    "delete-recordings": (TargetMachine(Axis.RECORDINGS), frozenset({Axis.RECORDINGS})),
    "update": (TargetMachine(Axis.PROPERTIES), frozenset({Axis.PROPERTIES})),
    "unset": (TargetMachine(Axis.PROPERTIES, removes_only=True), frozenset({Axis.PROPERTIES})),
}
PRIMARY = {
    "delete-events": Axis.EVENTS,
    "delete-recordings": Axis.RECORDINGS,
    "update": Axis.PROPERTIES,
    "unset": Axis.PROPERTIES,
}
kinds = pytest.mark.parametrize("kind", KINDS)


def first(kind: str) -> TargetState:
    asked = KINDS[kind][1]
    return TargetState(
        *(AxisStatus(STATES[axis]["NOT_STARTED" if axis in asked else "NOT_REQUESTED"]) for axis in AXES)
    )


def is_pending(state: TargetState) -> bool:
    return any(status.state in PENDING for status in state)


def after_request(state: TargetState, axes: tuple[Axis, ...], *, accepted: bool) -> TargetState:
    changed = {axis.value: AxisStatus(state_after_request(axis, accepted=accepted)) for axis in axes}
    return state._replace(**changed)


def moves(kind: str, state: TargetState) -> Iterator[tuple[str, TargetState]]:
    """Yield every state that can come next, with what leads to it."""
    machine, asked = KINDS[kind]

    def to(*observations: Observation) -> tuple[str, TargetState]:
        return "+".join(o.name for o in observations), machine.steps(state, observations)

    yield to(Obs.RUN_STARTED)
    yield to(Obs.VERIFY_STARTED)
    due = decide(state)
    if due.name.startswith(("QUEUE", "CHANGE", "DELETE")):
        axes = tuple(axis for axis in due.value if isinstance(axis, Axis))
        for some in {axes, axes[:1]}:  # on an old server each part has a call of its own
            yield f"accepted {due.name}", after_request(state, some, accepted=True)
            yield f"unknown {due.name}", after_request(state, some, accepted=False)
        if due.name.startswith("QUEUE"):
            yield (
                "deleted instead of kept",
                machine.step(after_request(state, axes, accepted=False), Obs.DELETED_INSTEAD_OF_KEPT),
            )
        yield to(Obs.GAVE_UP)
        if Axis.EVENTS in asked:
            yield to(Obs.GAVE_UP_WITHOUT_ROW)
        yield to(Obs.REJECTED)
        if due is Step.CHANGE:
            yield to(Obs.EVENT_REFUSED)
            yield to(Obs.NO_DISTINCT_ID)
    yield to(Obs.PRESENT)
    if Axis.PROPERTIES in asked:
        yield to(Obs.PRESENT_AS_DESIRED)
        yield to(Obs.PRESENT_NOT_AS_DESIRED)
    for lost in LOST:
        if rows_are_read(state.events):
            yield from (to(lost, row) for row in ROWS)
        else:
            yield to(lost)
    yield from map(to, UNREAD_OF)
    if due is Step.READ_ROWS or state.events.state is Events.HELD_BACK or (due is Step.DELETE and Axis.EVENTS in asked):
        yield from map(to, ROWS)
    if state.events.state is Events.QUEUED:
        yield to(Obs.ROW_COVERS_COMPLETED)
    yield to(Obs.OVERDUE)
    yield to(Obs.OVERDUE_AGAIN)


@cache
def reachable(kind: str) -> dict[TargetState, dict[str, TargetState]]:
    """Return all reachable states of a kind of job, with the moves out of each."""
    found: dict[TargetState, dict[str, TargetState]] = {}
    todo = [first(kind)]
    while todo:
        state = todo.pop()
        if state not in found:
            found[state] = dict(moves(kind, state))
            todo += found[state].values()
    return found
