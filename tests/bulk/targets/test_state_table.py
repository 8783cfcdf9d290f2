"""The tables that are drawn above the state machine are what it does."""

import re
from itertools import zip_longest

from bulk.states import STATES, Axis, Person, Properties, State
from bulk.targets import state_machine
from bulk.targets.observations import Observation, TargetState
from bulk.targets.reasons import AxisStatus
from bulk.targets.state_machine import TargetMachine, state_after_request

Obs = Observation
PERSON_READS = (Obs.PRESENT, Obs.ABSENT, Obs.MERGED, Obs.RECREATED)
PROPERTIES_READS = (Obs.PRESENT_AS_DESIRED, Obs.PRESENT_NOT_AS_DESIRED, Obs.ABSENT, Obs.OVERDUE, Obs.OVERDUE_AGAIN)
ROWS = (
    (Obs.ROW_COVERS_PENDING,),
    (Obs.ROW_COVERS_COMPLETED,),
    (Obs.ROW_OLDER_PENDING, Obs.ROW_UNKNOWN_STATUS),
    (Obs.ROW_NONE,),
    (Obs.ROWS_NOT_KEPT,),
)


def drawn(axis: Axis) -> list[list[str]]:
    """Return the rows of a table, each as its cells between the bars, without the marks of notes.

    Where the names of the states fill a line, the other cells are on the next one.
    """
    rows: list[list[str]] = []
    table = ""
    for line in (state_machine.__doc__ or "").split("\n"):
        cells = [cell.strip() for cell in re.sub(r" \[\d\]", "", line).split("|")]
        if not line.startswith("    ") or len(cells) == 1 or "-+-" in line:
            continue
        if cells[0] in ("person", "events", "properties"):
            table = cells[0]
        elif table == axis.value and cells[0]:
            rows.append(cells if any(cells[1:]) else cells[:1])
        elif table == axis.value:
            joined = zip_longest(rows[-1][1:], cells[1:], fillvalue="")
            rows[-1][1:] = [f"{above} {below}".strip() for above, below in joined]
    return rows


def states(axis: Axis, names: str) -> list[State]:
    return [
        STATES[axis][name.upper()] for name in re.findall(r"\w+", names) if name.upper() in STATES[axis].__members__
    ]


def at(state: State, axis: Axis, person: State = Person.NOT_STARTED) -> TargetState:
    """Return a target in a state on one axis, for which nothing else was requested."""
    others = TargetState(*(AxisStatus(STATES[each]["NOT_REQUESTED"]) for each in Axis))
    return others._replace(person=AxisStatus(person))._replace(**{axis.value: AxisStatus(state)})


def name_after(drawn_name: str, before: State) -> str:
    return before.name.lower() if drawn_name == "-" else drawn_name


def test_the_table_of_persons_is_drawn_right() -> None:
    machine, drawn_states = TargetMachine(Axis.PERSON), dict[TargetMachine, dict[State, list[str]]]()
    for names, *cells in drawn(Axis.PERSON):
        if names.startswith("if the operation keeps"):
            machine = TargetMachine(Axis.EVENTS)
            continue
        *requests, reads = cells
        for state in states(Axis.PERSON, names):
            for accepted, after in zip((True, False), "".join(requests).split(), strict=False):
                assert state_after_request(Axis.PERSON, accepted=accepted).name.lower() == after
            drawn_states.setdefault(machine, {})[state] = reads.split()
    assert len(drawn_states) == 2
    for machine, rows in drawn_states.items():
        for state in (*rows, Person.FAILED):
            for read, after in zip(PERSON_READS, rows.get(state, "----"), strict=True):
                found = machine.step(at(state, Axis.PERSON), read).person.state
                assert found.name.lower() == name_after(after, state), (state, read)


def test_the_table_of_events_is_drawn_right() -> None:
    machine, checked = TargetMachine(Axis.PERSON), set[State]()
    for names, *cells in drawn(Axis.EVENTS):
        columns = [*cells[0].split(), *cells[1:]]
        for state in states(Axis.EVENTS, names):
            for rows, after in zip(ROWS, columns, strict=True):
                for row in rows:
                    found = machine.step(at(state, Axis.EVENTS), row).events.state
                    assert found.name.lower() in name_after(after, state).split(", "), (state, row)
            checked.add(state)
    assert len(checked) == 7


def test_the_table_of_properties_is_drawn_right() -> None:
    machine, rows = TargetMachine(Axis.PROPERTIES), dict[State, list[str]]()
    for names, reads, lost, overdue in drawn(Axis.PROPERTIES):
        again = overdue.split(", ")
        for state in states(Axis.PROPERTIES, names):
            rows[state] = [*reads.split(), lost, again[0], again[-1]]
    assert len(rows) == 11
    for state in Properties:
        for read, after in zip(PROPERTIES_READS, rows.get(state, "-----"), strict=True):
            found = machine.step(at(state, Axis.PROPERTIES, Person.NOT_REQUESTED), read).properties.state
            assert found.name.lower() == name_after(after, state), (state, read)
