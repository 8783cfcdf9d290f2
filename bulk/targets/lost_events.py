"""The state of a lost person's events after its deletion rows were read: the transitions, as a table. Pure.

Each column is a status before, each cell the state after it, or the reason of `too_late`; `-`, and a status that has no
column, mean "no change".

    read                 | accepted           | unknown, to_retry  | held_back          | too_late           | queued
                         |                    |                    |                    | no_deletion_row    |
                         |                    |                    |                    | unknown_row_status |
    ---------------------+--------------------+--------------------+--------------------+--------------------+-------
    row_covers_pending   | queued             | queued             | queued             | queued             | -
    row_covers_completed | purged             | purged             | purged             | purged             | purged
    row_older_pending    | partly_covered     | partly_covered     | partly_covered     | partly_covered     | -
    row_unknown_status   | unknown_row_status | unknown_row_status | unknown_row_status | unknown_row_status | -
    row_none             | no_deletion_row    | no_deletion_row    | partly_covered     | -                  | -
    rows_not_kept        | unverifiable       | outcome_unknown    | outcome_unknown    | -                  | -

That no row is shown counts after two reads (guarantee 11). `verify` reads again the rows of persons without one, and
those that could not be read or had an unknown status.
"""

from bulk.states import Events
from bulk.targets.observations import Observation
from bulk.targets.reasons import AxisStatus, Reason

ROWS_DECIDE = frozenset({Events.UNKNOWN, Events.ACCEPTED, Events.TO_RETRY, Events.HELD_BACK})
"""States of a lost person's events that the deletion rows still decide."""

_WITHOUT_ROW = AxisStatus(Events.TOO_LATE, Reason.NO_DELETION_ROW)
_UNKNOWN_ROW = AxisStatus(Events.TOO_LATE, Reason.UNKNOWN_ROW_STATUS)

_ROWS: dict[Observation, AxisStatus] = {
    Observation.ROW_COVERS_PENDING: AxisStatus(Events.QUEUED),
    Observation.ROW_COVERS_COMPLETED: AxisStatus(Events.PURGED),
    Observation.ROW_OLDER_PENDING: AxisStatus(Events.TOO_LATE, Reason.PARTLY_COVERED),
    Observation.ROW_UNKNOWN_STATUS: _UNKNOWN_ROW,
    Observation.ROW_NONE: _WITHOUT_ROW,
    Observation.ROWS_NOT_KEPT: AxisStatus(Events.TOO_LATE, Reason.OUTCOME_UNKNOWN),
}


def rows_are_read(events: AxisStatus) -> bool:
    """Return whether deletion rows are read for the events of a lost person: they decide, or may change the verdict."""
    return events.state in ROWS_DECIDE or events in (_WITHOUT_ROW, _UNKNOWN_ROW)


def lost_events_after(before: AxisStatus, observation: Observation) -> AxisStatus:
    """Return the status of a lost person's events after its deletion rows were read."""
    match before.state, observation:
        case Events.QUEUED, Observation.ROW_COVERS_COMPLETED:
            return AxisStatus(Events.PURGED)
        case Events.TOO_LATE, Observation.ROW_NONE | Observation.ROWS_NOT_KEPT:
            return before
        case Events.ACCEPTED, Observation.ROWS_NOT_KEPT:
            return AxisStatus(Events.UNVERIFIABLE)
        case Events.HELD_BACK, Observation.ROW_NONE:
            return AxisStatus(Events.TOO_LATE, Reason.PARTLY_COVERED)
        case _:
            return _ROWS[observation] if rows_are_read(before) else before
