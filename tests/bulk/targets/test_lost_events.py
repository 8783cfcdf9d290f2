"""The table of the events of lost persons is what `lost_events_after` does (guarantees 11 and 20)."""

from itertools import product

import pytest

from bulk.states import Axis, Events
from bulk.targets import lost_events
from bulk.targets.lost_events import ROWS_DECIDE, lost_events_after, rows_are_read
from bulk.targets.observations import Observation
from bulk.targets.reasons import STATUSES, AxisStatus, Reason

ROWS = [each for each in Observation if each.name.startswith("ROW")]


def drawn() -> dict[tuple[AxisStatus, Observation], AxisStatus]:
    """Return the table: the status after each status and observation that it names."""
    lines = [line for line in (lost_events.__doc__ or "").split("\n") if line.startswith("    ") and "|" in line]
    heads, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    named = zip(*(cells[1:] for cells in rows if not cells[0]), strict=True)
    columns = [
        (head, [Reason(each) for each in reasons if each] or [None])
        for head, reasons in zip(heads[1:], named, strict=True)
    ]
    found = {}
    for name, *cells in (cells for cells in rows if cells[0]):
        for (head, reasons), cell in zip(columns, cells, strict=True):
            for state, reason in product(head.split(", "), reasons):
                before = AxisStatus(Events[state.upper()], reason)
                found[before, Observation[name.upper()]] = before if cell == "-" else after(cell)
    return found


def after(cell: str) -> AxisStatus:
    if cell.upper() in Events.__members__:
        return AxisStatus(Events[cell.upper()])
    return AxisStatus(Events.TOO_LATE, Reason(cell))


def test_the_table_is_drawn_right() -> None:
    table = drawn()
    assert {observation for _, observation in table} == {*ROWS}
    for before in STATUSES[Axis.EVENTS]:
        listed = before if before.state is Events.TOO_LATE else AxisStatus(before.state)  # with any reason
        for observation in ROWS:
            expected = table.get((listed, observation), before)
            assert lost_events_after(before, observation) == expected, (before, observation)


@pytest.mark.parametrize("before", [each for each in STATUSES[Axis.EVENTS] if rows_are_read(each)], ids=str)
def test_every_status_whose_rows_are_read_ends_with_the_first_read(before: AxisStatus) -> None:
    assert all(lost_events_after(before, observation).state not in ROWS_DECIDE for observation in ROWS)
