"""The state machine of one target: `TargetMachine.step(state, observation)` returns its next state. Pure.

A target has a state on each of four axes, with a reason where the state does not explain itself (`reasons`). In the
tables, each row is a state and each column an observation; `-`, and a state without a row, mean "no change".

    person             | request: accepted  unknown | read: present      absent               merged   re-created
    -------------------+----------------------------+----------------------------------------------------------
    not_started        | accepted           unknown | -                  already_deleted [1]  merged   recreated
    unknown            |                            | to_retry           found_deleted        merged   recreated
    to_retry           | accepted           unknown | -                  found_deleted        merged   recreated
    accepted [4]       |                            | accepted [3]       deleted_confirmed    merged   recreated
    held_back          |                            | -                  already_deleted [1]  merged   recreated
    deleted_confirmed, found_deleted                | contradicted       -                    -        recreated
    already_deleted, disappeared, merged            | not_started        -                    merged   recreated
    recreated                                       | not_started        disappeared          merged   recreated
    contradicted       |                            | -                  found_deleted        merged   recreated
    if the operation keeps the person:              |
    not_requested      |                            | -                  disappeared [2]      merged   recreated
    disappeared, deleted_unexpectedly, merged       | not_requested      -                    merged   recreated
    recreated                                       | not_requested      disappeared          merged   recreated

    [1] disappeared, if anything was sent for the person   [2] deleted_unexpectedly, if this job's request deleted it
    [3] still_present: its absence is from now on explained only while no other person has its distinct ID
    [4] to_retry or contradicted, when the deletion is overdue

    events             | row covers: pending  completed | row too old, or of unknown status | no row   | rows not kept
    -------------------+--------------------------------+-----------------------------------+----------+--------------
    accepted           | queued               purged    | held_back                         | to_retry | unverifiable
    unknown, held_back, to_retry; queued, purged, unverifiable if the proof is too old        |          |
                       | queued               purged    | held_back                         | to_retry | to_retry
    properties         | read: as desired   not as desired | person lost  | overdue
    -------------------+-----------------------------------+--------------+-----------------------
    not_started        | already_as_desired -              | too_late [5] | -
    unknown            | found_changed      to_retry       | too_late     | -
    to_retry           | found_changed      -              | too_late     | -
    accepted           | changed_confirmed  -              | too_late     | to_retry, contradicted
    changed_confirmed, found_changed, already_as_desired  |              |
                       | -                  contradicted   | -            | -
    contradicted       | changed_confirmed [6]  -          | too_late     | -
    gone_with_person, too_late, skipped                   |              |
                       | found_changed      to_retry [7]   | -            | -

    [5] skipped, if the person was merged or re-created; gone_with_person, if the operation removes properties
    [6] found_changed, if the change was read as made, and as undone afterwards
    [7] also, if the read shows the person but does not decide about its properties

Exhausted attempts and a rejection fail every pending axis that is not held back. A person that could not be read
changes only the reason on the primary axis, and the target waits for the next run. The start of a run continues from
the states that `reasons.RETRY_FROM` names, unless the person is lost. A person that was there again after its deletion
(`reappeared`) is read first: its events and recordings start again only if that run reads it as present too. The events
of a lost person are in `lost_events`, and recordings in `recording_states`.
"""

from collections.abc import Callable, Iterable
from typing import ClassVar

from bulk.states import (
    ACCEPTED,
    FINAL_PERSON_STATES,
    PENDING,
    STATES,
    Axis,
    Events,
    Person,
    Properties,
    Recordings,
    State,
    axis_of,
)
from bulk.targets.lost_events import lost_events_after
from bulk.targets.observations import LOST, Observation, TargetState
from bulk.targets.reasons import UNREAD, AxisStatus, Reason, status_to_retry, without_unread
from bulk.targets.recording_states import RECORDING_READS, after_recordings_read

_SENT = frozenset({Properties.UNKNOWN, Properties.TO_RETRY, Properties.ACCEPTED})
_DONE = frozenset({Properties.CHANGED_CONFIRMED, Properties.FOUND_CHANGED, Properties.ALREADY_AS_DESIRED})
_LOST_PROPERTIES = frozenset({Properties.GONE_WITH_PERSON, Properties.TOO_LATE, Properties.SKIPPED})
_NOTHING_SENT = frozenset({Events.NOT_REQUESTED, Events.NOT_STARTED, Recordings.NOT_REQUESTED, Recordings.NOT_STARTED})
_DELETED = frozenset({Person.DELETED_CONFIRMED, Person.FOUND_DELETED})
_LOST_STATES = frozenset(
    {Person.ALREADY_DELETED, Person.DISAPPEARED, Person.DELETED_UNEXPECTEDLY, Person.MERGED, Person.RECREATED}
)
_NOT_SENT_IN_TIME: tuple[State, ...] = (Events.TOO_LATE, Events.SKIPPED, Recordings.TOO_LATE, Recordings.SKIPPED)
_NOT_STARTED = frozenset({Person.NOT_STARTED, Events.NOT_STARTED, Recordings.NOT_STARTED, Properties.NOT_STARTED})

_ABSENT: dict[State, State] = {
    Person.UNKNOWN: Person.FOUND_DELETED,
    Person.TO_RETRY: Person.FOUND_DELETED,
    Person.CONTRADICTED: Person.FOUND_DELETED,
    Person.ACCEPTED: Person.DELETED_CONFIRMED,
}
_AS_DESIRED: dict[State, State] = {
    Properties.NOT_STARTED: Properties.ALREADY_AS_DESIRED,
    Properties.UNKNOWN: Properties.FOUND_CHANGED,
    Properties.TO_RETRY: Properties.FOUND_CHANGED,
    Properties.ACCEPTED: Properties.CHANGED_CONFIRMED,
    Properties.CONTRADICTED: Properties.CHANGED_CONFIRMED,
    Properties.GONE_WITH_PERSON: Properties.FOUND_CHANGED,
    Properties.TOO_LATE: Properties.FOUND_CHANGED,
    Properties.SKIPPED: Properties.FOUND_CHANGED,
}
_NOT_AS_DESIRED: dict[State, AxisStatus] = {
    Properties.UNKNOWN: AxisStatus(Properties.TO_RETRY),
    Properties.GONE_WITH_PERSON: AxisStatus(Properties.TO_RETRY),
    Properties.TOO_LATE: AxisStatus(Properties.TO_RETRY),
    Properties.SKIPPED: AxisStatus(Properties.TO_RETRY),
    **{done: AxisStatus(Properties.CONTRADICTED, Reason.CHANGED_AFTERWARDS) for done in _DONE},
}
_ROWS: dict[Observation, AxisStatus] = {
    Observation.ROW_COVERS_PENDING: AxisStatus(Events.QUEUED),
    Observation.ROW_COVERS_COMPLETED: AxisStatus(Events.PURGED),
    Observation.ROW_OLDER_PENDING: AxisStatus(Events.HELD_BACK),
    Observation.ROW_UNKNOWN_STATUS: AxisStatus(Events.HELD_BACK, Reason.UNKNOWN_ROW_STATUS),
    Observation.ROW_NONE: AxisStatus(Events.TO_RETRY),
    Observation.ROWS_NOT_KEPT: AxisStatus(Events.TO_RETRY),
}
_OVERDUE: dict[tuple[Observation, State], AxisStatus] = {
    (Observation.OVERDUE, Person.ACCEPTED): AxisStatus(Person.TO_RETRY),
    (Observation.OVERDUE_AGAIN, Person.ACCEPTED): AxisStatus(Person.CONTRADICTED, Reason.ACCEPTED_NOT_DELETED),
    (Observation.OVERDUE, Properties.ACCEPTED): AxisStatus(Properties.TO_RETRY),
    (Observation.OVERDUE_AGAIN, Properties.ACCEPTED): AxisStatus(Properties.CONTRADICTED, Reason.ACCEPTED_NOT_APPLIED),
}
_UNREAD: dict[Observation, Reason] = {Observation[reason.name]: reason for reason in UNREAD}


def state_after_request(axis: Axis, *, accepted: bool) -> State:
    """Return the state of an axis after a request that changes it: accepted, or unknown if the response was unclear."""
    return ACCEPTED[axis] if accepted else STATES[axis]["UNKNOWN"]


class TargetMachine:
    """The state machine of the targets of one job.

    Arguments:
        primary: the axis that the operation is about.
        removes_only: the operation removes properties, so that they are gone with their person.
    """

    def __init__(self, primary: Axis, *, removes_only: bool = False) -> None:
        self._primary = primary
        self._keeps = primary is not Axis.PERSON
        self._removes_only = removes_only

    def step(self, state: TargetState, observation: Observation) -> TargetState:
        """Return the state after one observation."""
        return self._STEPS[observation](self, state, observation)

    def steps(self, state: TargetState, observations: Iterable[Observation]) -> TargetState:
        """Return the state after several observations, applied in order."""
        for observation in observations:
            state = self.step(state, observation)
        return state

    def _started(self, state: TargetState, observation: Observation) -> TargetState:
        read_again = TargetState(*(without_unread(each) for each in state))
        if state.person.state is Person.ACCEPTED and state.person.reason in UNREAD:
            read_again = read_again._replace(person=AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT))
        if observation is Observation.VERIFY_STARTED:
            return read_again
        person = status_to_retry(read_again.person)
        if person.state in FINAL_PERSON_STATES:
            return read_again
        if state.person.reason is Reason.REAPPEARED:  # the response that showed it may have been late: read it first
            return state._replace(person=AxisStatus(Person.UNKNOWN, Reason.REAPPEARED))
        return TargetState(*(status_to_retry(each) for each in read_again))

    def _deleted_instead(self, state: TargetState, _: Observation) -> TargetState:
        kept = state.person.state is Person.NOT_REQUESTED
        now = Person.NOT_REQUESTED if kept else Person.UNKNOWN
        return state._replace(person=AxisStatus(now, Reason.DELETED_INSTEAD_OF_KEPT))

    def _failed(self, state: TargetState, observation: Observation) -> TargetState:
        def failed(each: AxisStatus) -> AxisStatus:
            if each.state not in PENDING or each.state in (Person.HELD_BACK, Events.HELD_BACK):
                return each
            return AxisStatus(STATES[axis_of(each.state)]["FAILED"], _failure_reason(each.state, observation))

        return TargetState(*(failed(each) for each in state))

    def _overdue(self, state: TargetState, observation: Observation) -> TargetState:
        def overdue(each: AxisStatus) -> AxisStatus:
            return each if each.reason in UNREAD else _OVERDUE.get((observation, each.state), each)

        return state._replace(person=overdue(state.person), properties=overdue(state.properties))

    def _present(self, state: TargetState, observation: Observation) -> TargetState:
        state = TargetState(*(without_unread(each) for each in state))
        person, begin_anew = state.person, _NOT_SENT_IN_TIME
        match person.state:
            case Person.UNKNOWN if person.reason is Reason.REAPPEARED:
                # no deletion row covers events captured after it was gone
                person, begin_anew = AxisStatus(Person.TO_RETRY), (*Events, *Recordings)
            case Person.UNKNOWN:
                person = AxisStatus(Person.TO_RETRY)
            case Person.ACCEPTED:
                person = AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT)
            case Person.NOT_REQUESTED:
                person = AxisStatus(Person.NOT_REQUESTED)
            case deleted if deleted in _DELETED:
                person = AxisStatus(Person.CONTRADICTED, Reason.REAPPEARED)
            case lost if lost in _LOST_STATES:
                person = AxisStatus(Person.NOT_REQUESTED if self._keeps else Person.NOT_STARTED)
        state = state._replace(person=person)
        if person.state in FINAL_PERSON_STATES:
            return state
        return state._replace(
            events=_reset(state.events, *begin_anew),
            recordings=_reset(state.recordings, *begin_anew),
            properties=_as_read(state.properties, observation),
        )

    def _lost(self, state: TargetState, observation: Observation) -> TargetState:
        if state.person.state is Person.FAILED:
            return state
        state = TargetState(*(without_unread(each) for each in state))
        absent = observation is Observation.ABSENT
        gone = AxisStatus(Properties.GONE_WITH_PERSON if absent and self._removes_only else Properties.TOO_LATE)
        events, recordings, properties = state.events, state.recordings, state.properties
        if events.state is Events.NOT_STARTED:
            events = AxisStatus(Events.TOO_LATE if absent else Events.SKIPPED)
        match recordings.state:
            case Recordings.NOT_STARTED:
                recordings = AxisStatus(Recordings.TOO_LATE if absent else Recordings.SKIPPED)
            case Recordings.UNKNOWN:
                recordings = AxisStatus(Recordings.TOO_LATE, Reason.OUTCOME_UNKNOWN)
        match properties.state:
            case Properties.NOT_STARTED if not absent:
                properties = AxisStatus(Properties.SKIPPED)
            case Properties.NOT_STARTED | Properties.CONTRADICTED:
                properties = gone
            case sent if sent in _SENT:
                properties = gone
        return TargetState(_lost_person(state, observation), events, recordings, properties)

    def _row(self, state: TargetState, observation: Observation) -> TargetState:
        events, person = state.events.state, state.person
        if person.state in FINAL_PERSON_STATES:
            return state._replace(events=lost_events_after(state.events, observation))
        now = _ROWS[observation]
        if observation is Observation.ROWS_NOT_KEPT and events is Events.ACCEPTED:
            now = AxisStatus(Events.UNVERIFIABLE)
        if now.state is Events.HELD_BACK and person.state in (Person.NOT_STARTED, Person.HELD_BACK):
            person = AxisStatus(Person.HELD_BACK, now.reason)
        elif person.state is Person.HELD_BACK:
            person = AxisStatus(Person.NOT_STARTED)
        return state._replace(person=person, events=now)

    def _unread(self, state: TargetState, observation: Observation) -> TargetState:
        field = self._primary.value
        status: AxisStatus = getattr(state, field)
        if status.state not in PENDING:
            return state
        if status.reason is Reason.REAPPEARED:  # what the last read showed still holds
            return state._replace(person=AxisStatus(Person.CONTRADICTED, Reason.REAPPEARED))
        return state._replace(**{field: AxisStatus(status.state, _UNREAD[observation])})

    _STEPS: ClassVar[dict[Observation, Callable[["TargetMachine", TargetState, Observation], TargetState]]] = {
        Observation.RUN_STARTED: _started,
        Observation.VERIFY_STARTED: _started,
        Observation.DELETED_INSTEAD_OF_KEPT: _deleted_instead,
        Observation.GAVE_UP: _failed,
        Observation.GAVE_UP_WITHOUT_ROW: _failed,
        Observation.REJECTED: _failed,
        Observation.EVENT_REFUSED: _failed,
        Observation.NO_DISTINCT_ID: _failed,
        Observation.OVERDUE: _overdue,
        Observation.OVERDUE_AGAIN: _overdue,
        Observation.PRESENT: _present,
        Observation.PRESENT_AS_DESIRED: _present,
        Observation.PRESENT_NOT_AS_DESIRED: _present,
        **dict.fromkeys(LOST, _lost),
        **dict.fromkeys(_ROWS, _row),
        **dict.fromkeys(_UNREAD, _unread),
        **dict.fromkeys(RECORDING_READS, after_recordings_read),
    }


def _reset(status: AxisStatus, *states: State) -> AxisStatus:
    """Return not_started for a status in one of these states, if the operation requested its axis."""
    kind = STATES[axis_of(status.state)]
    return (
        AxisStatus(kind["NOT_STARTED"]) if status.state in states and status.state.name != "NOT_REQUESTED" else status
    )


def _failure_reason(state: State, observation: Observation) -> Reason:
    match observation:
        case Observation.GAVE_UP_WITHOUT_ROW if state in _NOT_STARTED or state is Events.TO_RETRY:
            return Reason.NO_DELETION_ROW
        case Observation.GAVE_UP | Observation.GAVE_UP_WITHOUT_ROW:
            return Reason.NEVER_ACCEPTED if state in _NOT_STARTED else Reason.ATTEMPTS_EXHAUSTED
        case _:
            return Reason[observation.name]


def _as_read(properties: AxisStatus, observation: Observation) -> AxisStatus:
    if observation is Observation.PRESENT_AS_DESIRED and properties.reason is Reason.CHANGED_AFTERWARDS:
        return AxisStatus(Properties.FOUND_CHANGED)
    if observation is Observation.PRESENT_AS_DESIRED and properties.state in _AS_DESIRED:
        return AxisStatus(_AS_DESIRED[properties.state])
    if observation is Observation.PRESENT_NOT_AS_DESIRED or properties.state in _LOST_PROPERTIES:
        return _NOT_AS_DESIRED.get(properties.state, properties)
    return properties


def _lost_person(state: TargetState, observation: Observation) -> AxisStatus:
    person, reason = state.person, _loss_reason(state)
    if observation is Observation.MERGED and person.state in _DELETED:  # another person got its distinct ID afterwards
        return person
    if observation is Observation.MERGED:
        return AxisStatus(Person.MERGED, reason)
    if observation is Observation.RECREATED:
        return AxisStatus(Person.RECREATED, reason)
    deleted = Reason.DELETED_INSTEAD_OF_KEPT
    match person.state:
        case Person.NOT_REQUESTED if person.reason is deleted:
            return AxisStatus(Person.DELETED_UNEXPECTEDLY, deleted)
        case Person.NOT_REQUESTED | Person.RECREATED:  # the new person is gone as well, by somebody else
            return AxisStatus(Person.DISAPPEARED, reason)
        case Person.NOT_STARTED | Person.HELD_BACK:
            sent = {state.events.state, state.recordings.state} - _NOTHING_SENT
            return AxisStatus(Person.DISAPPEARED if sent else Person.ALREADY_DELETED)
        case requested if requested in _ABSENT:
            return AxisStatus(_ABSENT[requested], deleted if person.reason is deleted else None)
        case _:
            return person


def _loss_reason(state: TargetState) -> Reason | None:
    """Return when the person was lost: after a change was sent, which may apply late, or after it was read back."""
    properties = state.properties.state
    if properties in _SENT or state.person.reason is Reason.LOST_AFTER_CHANGE_SENT:
        return Reason.LOST_AFTER_CHANGE_SENT
    return Reason.LOST_AFTER_PROPERTIES_READ if properties in _DONE else None
