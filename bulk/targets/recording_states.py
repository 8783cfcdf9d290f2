"""The state of a target's recordings after `verify` read them: the transitions, as a table. Pure.

Each row is a state and each column an observation; `-`, and a state that is not listed, mean "no change".

    recordings     | marked  | kept, in time | kept, overdue | none: ever, left, shown | cannot be read
    ---------------+---------+---------------+---------------+-------------------------+---------------
    requested      | deleted | requested [1] | still_there   | not_verifiable          | not_verifiable
    not_verifiable | deleted | requested [1] | still_there   | not_verifiable          | not_verifiable
    still_there    | deleted | -             | -             | not_verifiable          | -

    [1] not_marked_yet: the server deletes in the background, and does not say when it is done

No recording counts as deleted because a response does not show it: the server removes the rows of deleted recordings
after a while, and those of recordings that reached the end of their retention (contract 6.7, guarantee 21).
"""

from bulk.states import Recordings
from bulk.targets.observations import Observation, TargetState
from bulk.targets.reasons import AxisStatus, Reason

READ_BY_VERIFY = frozenset({Recordings.REQUESTED, Recordings.STILL_THERE, Recordings.NOT_VERIFIABLE})
"""States in which `verify` reads the recordings of a target."""

SETTLED = frozenset({Reason.NO_RECORDINGS, Reason.RECORDINGS_NOT_NOTED})
"""Reasons for `not_verifiable` that no later read changes."""

_NONE_SHOWN: dict[Observation, Reason] = {
    Observation.RECORDINGS_NONE_EVER: Reason.NO_RECORDINGS,
    Observation.RECORDINGS_NONE_LEFT: Reason.RECORDINGS_NOT_LEFT,
    Observation.RECORDINGS_NONE_SHOWN: Reason.RECORDINGS_NOT_SHOWN,
}
_UNREADABLE: dict[Observation, Reason] = {
    Observation.RECORDINGS_NOT_ALLOWED: Reason.NO_QUERY_SCOPE,
    Observation.RECORDINGS_NOT_MARKED_HERE: Reason.NO_RECORDING_MARKS,
    Observation.RECORDINGS_NOT_NOTED: Reason.RECORDINGS_NOT_NOTED,
}

RECORDING_READS = frozenset(
    {
        Observation.RECORDINGS_MARKED,
        Observation.RECORDINGS_KEPT,
        Observation.RECORDINGS_KEPT_OVERDUE,
        *_NONE_SHOWN,
        *_UNREADABLE,
    }
)
"""The observations of this table."""


def after_recordings_read(_machine: object, state: TargetState, observation: Observation) -> TargetState:
    """Return a target's state after its recordings were read, as a step of the state machine."""
    return state._replace(recordings=recordings_after(state.recordings, observation))


def recordings_after(before: AxisStatus, observation: Observation) -> AxisStatus:
    """Return the status of recordings after they were read."""
    if before.state not in READ_BY_VERIFY:
        return before
    match observation:
        case Observation.RECORDINGS_MARKED:
            return AxisStatus(Recordings.DELETED)
        case Observation.RECORDINGS_KEPT_OVERDUE:
            return AxisStatus(Recordings.STILL_THERE)
        case Observation.RECORDINGS_KEPT if before.state is not Recordings.STILL_THERE:
            return AxisStatus(Recordings.REQUESTED, Reason.NOT_MARKED_YET)
        case none if none in _NONE_SHOWN:
            return AxisStatus(Recordings.NOT_VERIFIABLE, _NONE_SHOWN[none])
        case why if why in _UNREADABLE and before.state is not Recordings.STILL_THERE:
            return AxisStatus(Recordings.NOT_VERIFIABLE, _UNREADABLE[why])
        case _:
            return before
