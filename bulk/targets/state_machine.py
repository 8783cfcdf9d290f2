"""The state machine of one target: `TargetMachine.step(state, observation)` returns its next state. Pure.

A target has a state on each of four axes, with a reason where the state does not explain itself (`reasons`). Each row
of the tables is a state, each column an observation; `-`, and a state without a row, mean no change:

    person      | request accepted  unknown | read there   read absent       merged  re-created | overdue, once more
    ------------+---------------------------+---------------------------------------------------+-------------------
    untouched   | accepted          unknown | -            gone_before [1]   merged  reappeared | -
    unknown     |                           | survived     gone_settled      merged  reappeared | -
    survived    | accepted          unknown | -            gone_settled      merged  reappeared | -
    accepted    |                           | accepted [3] gone              merged  reappeared | survived, contradicted
    held        |                           | -            gone_before [1]   merged  reappeared | -
    gone, gone_settled                      | contradicted -                 -       reappeared | -
    gone_before, vanished, merged, reappeared
                |                           | untouched    -                 merged  reappeared | -
    contradicted|                           | -            gone_settled      merged  reappeared | -
    not_asked   |                           | -            vanished [2]      merged  reappeared | -
    vanished, merged, reappeared of a person to keep
                |                           | not_asked    vanished          merged  reappeared | -

    [1] vanished, where anything had been sent for it   [2] deleted_unasked, where a call of this job deleted it
    [3] still there: from now on its absence is explained only while no other person has its distinct ID

    events      | row covers, pending  completed | older row, or unknown status | no row | server keeps no rows
    ------------+--------------------------------+------------------------------+--------+---------------------
    requested   | queued               purged    | held                         | again  | unverifiable
    unknown, held, again                         |                              |        |
                | queued               purged    | held                         | again  | again
    queued, purged, unverifiable: proof too old  |                              |        |
                | queued               purged    | held                         | again  | again
    of a person that is gone: requested, unknown, again, held                   |        |
                | queued               purged    | missed                       | missed | unverifiable, missed

    properties  | read as desired | read otherwise | person lost | overdue, once more
    ------------+-----------------+----------------+-------------+--------------------
    untouched   | done_before     | -              | missed [4]  | -
    unknown     | done_settled    | again          | missed      | -
    again       | done_settled    | -              | missed      | -
    requested   | done            | -              | missed      | again, contradicted
    done, done_settled, done_before
                | -               | contradicted   | -           | -
    contradicted| done            | -              | missed      | -
    gone, missed, not_sent
                | done_settled    | again          | -           | -

    [4] not_sent, where the person was merged or re-created; gone, where properties were to be removed

Giving up and being rejected fail every pending axis that is not held. A person that could not be read changes only the
reason on the primary axis, and the target waits for the next run. The start of a run tries again what
`reasons.TRIED_AGAIN_FROM` names, unless the person is lost.
"""

from collections.abc import Callable, Iterable
from typing import ClassVar

from bulk.states import (
    ACCEPTED,
    FINAL_PERSON,
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
from bulk.targets.observations import LOST, Observation, TargetState
from bulk.targets.reasons import UNREAD, Reason, Standing, tried_again, without_unread

ROWS_DECIDE = frozenset({Events.UNKNOWN, Events.REQUESTED, Events.AGAIN, Events.HELD})
"""States of a lost person's events in which the deletion rows decide what becomes of them."""

_SENT = frozenset({Properties.UNKNOWN, Properties.AGAIN, Properties.REQUESTED})
_DONE = frozenset({Properties.DONE, Properties.DONE_SETTLED, Properties.DONE_BEFORE})
_NOTHING_SENT = frozenset({Events.NOT_ASKED, Events.UNTOUCHED, Recordings.NOT_ASKED, Recordings.UNTOUCHED})
_AWAY = frozenset({Person.GONE_BEFORE, Person.VANISHED, Person.MERGED, Person.REAPPEARED})
_UNTOUCHED = frozenset({Person.UNTOUCHED, Events.UNTOUCHED, Recordings.UNTOUCHED, Properties.UNTOUCHED})

_ABSENT: dict[State, State] = {
    Person.UNKNOWN: Person.GONE_SETTLED,
    Person.SURVIVED: Person.GONE_SETTLED,
    Person.CONTRADICTED: Person.GONE_SETTLED,
    Person.ACCEPTED: Person.GONE,
}
_AS_DESIRED: dict[State, State] = {
    Properties.UNTOUCHED: Properties.DONE_BEFORE,
    Properties.UNKNOWN: Properties.DONE_SETTLED,
    Properties.AGAIN: Properties.DONE_SETTLED,
    Properties.REQUESTED: Properties.DONE,
    Properties.CONTRADICTED: Properties.DONE,
    Properties.GONE: Properties.DONE_SETTLED,
    Properties.MISSED: Properties.DONE_SETTLED,
    Properties.NOT_SENT: Properties.DONE_SETTLED,
}
_OTHERWISE: dict[State, Standing] = {
    Properties.UNKNOWN: Standing(Properties.AGAIN),
    Properties.GONE: Standing(Properties.AGAIN),
    Properties.MISSED: Standing(Properties.AGAIN),
    Properties.NOT_SENT: Standing(Properties.AGAIN),
    **{done: Standing(Properties.CONTRADICTED, Reason.CHANGED_SINCE) for done in _DONE},
}
_ROWS: dict[Observation, Standing] = {
    Observation.ROW_COVERS_PENDING: Standing(Events.QUEUED),
    Observation.ROW_COVERS_COMPLETED: Standing(Events.PURGED),
    Observation.ROW_OLDER_PENDING: Standing(Events.HELD),
    Observation.ROW_UNKNOWN_STATUS: Standing(Events.HELD, Reason.UNKNOWN_ROW_STATUS),
    Observation.ROW_NONE: Standing(Events.AGAIN),
    Observation.ROWS_NOT_KEPT: Standing(Events.AGAIN),
}
_ROWS_OF_LOST: dict[Observation, Standing] = {
    Observation.ROW_COVERS_PENDING: Standing(Events.QUEUED),
    Observation.ROW_COVERS_COMPLETED: Standing(Events.PURGED),
    Observation.ROW_OLDER_PENDING: Standing(Events.MISSED, Reason.COVERED_IN_PART),
    Observation.ROW_UNKNOWN_STATUS: Standing(Events.MISSED, Reason.UNKNOWN_ROW_STATUS),
    Observation.ROW_NONE: Standing(Events.MISSED, Reason.NO_DELETION_ROW),
    Observation.ROWS_NOT_KEPT: Standing(Events.MISSED, Reason.ANSWER_UNKNOWN),
}
_OVERDUE: dict[tuple[Observation, State], Standing] = {
    (Observation.OVERDUE, Person.ACCEPTED): Standing(Person.SURVIVED),
    (Observation.OVERDUE_AGAIN, Person.ACCEPTED): Standing(Person.CONTRADICTED, Reason.ACCEPTED_BUT_THERE),
    (Observation.OVERDUE, Properties.REQUESTED): Standing(Properties.AGAIN),
    (Observation.OVERDUE_AGAIN, Properties.REQUESTED): Standing(Properties.CONTRADICTED, Reason.ACCEPTED_NOT_APPLIED),
}
_UNREAD: dict[Observation, Reason] = {Observation[reason.name]: reason for reason in UNREAD}


def answered(axis: Axis, *, accepted: bool) -> State:
    """The state of an axis after a request that changes it: accepted, or unknown where the answer does not tell."""
    return ACCEPTED[axis] if accepted else STATES[axis]["UNKNOWN"]


class TargetMachine:
    """The state machine of the targets of one job.

    Arguments:
        primary: the axis whose end is the end of the job.
        removes_only: the properties are to be removed, so that they are gone with their person.
    """

    def __init__(self, primary: Axis, *, removes_only: bool = False) -> None:
        self._primary = primary
        self._keeps = primary is not Axis.PERSON
        self._removes_only = removes_only

    def step(self, state: TargetState, observation: Observation) -> TargetState:
        """The state after an observation."""
        return self._STEPS[observation](self, state, observation)

    def steps(self, state: TargetState, observations: Iterable[Observation]) -> TargetState:
        """The state after one observation after the other."""
        for observation in observations:
            state = self.step(state, observation)
        return state

    def _started(self, state: TargetState, observation: Observation) -> TargetState:
        read_again = TargetState(*(without_unread(each) for each in state))
        if state.person.state is Person.ACCEPTED and state.person.reason in UNREAD:  # it may have been there
            read_again = read_again._replace(person=Standing(Person.ACCEPTED, Reason.STILL_THERE))
        if observation is Observation.VERIFY_STARTED:
            return read_again
        person = tried_again(read_again.person)
        if person.state in FINAL_PERSON:
            return read_again
        if state.person.reason is Reason.THERE_AGAIN:  # no row covers what came in since it was gone
            return state._replace(
                person=person, events=_reset(state.events, *Events), recordings=_reset(state.recordings, *Recordings)
            )
        return TargetState(*(tried_again(each) for each in read_again))

    def _deleted_instead(self, state: TargetState, _: Observation) -> TargetState:
        kept = state.person.state is Person.NOT_ASKED
        now = Person.NOT_ASKED if kept else Person.UNKNOWN
        return state._replace(person=Standing(now, Reason.DELETED_INSTEAD_OF_KEPT))

    def _failed(self, state: TargetState, observation: Observation) -> TargetState:
        def failed(each: Standing) -> Standing:
            if each.state not in PENDING or each.state in (Person.HELD, Events.HELD):
                return each
            return Standing(STATES[axis_of(each.state)]["FAILED"], _why_failed(each.state, observation))

        return TargetState(*(failed(each) for each in state))

    def _overdue(self, state: TargetState, observation: Observation) -> TargetState:
        def overdue(each: Standing) -> Standing:
            return each if each.reason in UNREAD else _OVERDUE.get((observation, each.state), each)

        return state._replace(person=overdue(state.person), properties=overdue(state.properties))

    def _present(self, state: TargetState, observation: Observation) -> TargetState:
        state = TargetState(*(without_unread(each) for each in state))
        person = state.person
        match person.state:
            case Person.UNKNOWN:
                person = Standing(Person.SURVIVED)
            case Person.ACCEPTED:
                person = Standing(Person.ACCEPTED, Reason.STILL_THERE)
            case Person.NOT_ASKED:
                person = Standing(Person.NOT_ASKED)
            case Person.GONE | Person.GONE_SETTLED:
                person = Standing(Person.CONTRADICTED, Reason.THERE_AGAIN)
            case away if away in _AWAY:
                person = Standing(Person.NOT_ASKED if self._keeps else Person.UNTOUCHED)
        state = state._replace(person=person)
        if person.state in FINAL_PERSON:
            return state
        return state._replace(
            events=_reset(state.events, Events.MISSED, Events.NOT_SENT),
            recordings=_reset(state.recordings, Recordings.MISSED, Recordings.NOT_SENT),
            properties=_as_read(state.properties, observation),
        )

    def _lost(self, state: TargetState, observation: Observation) -> TargetState:
        if state.person.state is Person.FAILED:
            return state
        state = TargetState(*(without_unread(each) for each in state))
        absent = observation is Observation.ABSENT
        gone = Standing(Properties.GONE if absent and self._removes_only else Properties.MISSED)
        events, recordings, properties = state.events, state.recordings, state.properties
        if events.state is Events.UNTOUCHED:
            events = Standing(Events.MISSED if absent else Events.NOT_SENT)
        match recordings.state:
            case Recordings.UNTOUCHED:
                recordings = Standing(Recordings.MISSED if absent else Recordings.NOT_SENT)
            case Recordings.UNKNOWN:
                recordings = Standing(Recordings.MISSED, Reason.ANSWER_UNKNOWN)
        match properties.state:
            case Properties.UNTOUCHED if not absent:
                properties = Standing(Properties.NOT_SENT)
            case Properties.UNTOUCHED | Properties.CONTRADICTED:
                properties = gone
            case sent if sent in _SENT:
                properties = gone
        return TargetState(_lost_person(state, observation), events, recordings, properties)

    def _row(self, state: TargetState, observation: Observation) -> TargetState:
        events, person = state.events.state, state.person
        if person.state in FINAL_PERSON:
            return state._replace(events=_row_of_lost(state.events, observation))
        now = _ROWS[observation]
        if observation is Observation.ROWS_NOT_KEPT and events is Events.REQUESTED:
            now = Standing(Events.UNVERIFIABLE)
        if now.state is Events.HELD and person.state in (Person.UNTOUCHED, Person.HELD):
            person = Standing(Person.HELD, now.reason)
        elif person.state is Person.HELD:
            person = Standing(Person.UNTOUCHED)
        return state._replace(person=person, events=now)

    def _unread(self, state: TargetState, observation: Observation) -> TargetState:
        field = self._primary.value
        standing: Standing = getattr(state, field)
        if standing.state not in PENDING:
            return state
        return state._replace(**{field: Standing(standing.state, _UNREAD[observation])})

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
        Observation.PRESENT_OTHERWISE: _present,
        **dict.fromkeys(LOST, _lost),
        **dict.fromkeys(_ROWS, _row),
        **dict.fromkeys(_UNREAD, _unread),
    }


def _reset(standing: Standing, *states: State) -> Standing:
    """Untouched again where the standing is in one of these states, and its axis is a part of the job."""
    kind = STATES[axis_of(standing.state)]
    return Standing(kind["UNTOUCHED"]) if standing.state in states and standing.state.name != "NOT_ASKED" else standing


def _why_failed(state: State, observation: Observation) -> Reason:
    match observation:
        case Observation.GAVE_UP_WITHOUT_ROW if state in _UNTOUCHED or state is Events.AGAIN:
            return Reason.NO_DELETION_ROW
        case Observation.GAVE_UP | Observation.GAVE_UP_WITHOUT_ROW:
            return Reason.NEVER_ACCEPTED if state in _UNTOUCHED else Reason.ATTEMPTS_USED
        case _:
            return Reason[observation.name]


def _as_read(properties: Standing, observation: Observation) -> Standing:
    if observation is Observation.PRESENT_AS_DESIRED and properties.state in _AS_DESIRED:
        return Standing(_AS_DESIRED[properties.state])
    if observation is Observation.PRESENT_OTHERWISE:
        return _OTHERWISE.get(properties.state, properties)
    return properties


def _lost_person(state: TargetState, observation: Observation) -> Standing:
    person, since = state.person, _since(state)
    if observation is Observation.MERGED:
        return Standing(Person.MERGED, since)
    if observation is Observation.RECREATED:
        return Standing(Person.REAPPEARED, since)
    deleted = Reason.DELETED_INSTEAD_OF_KEPT
    match person.state:
        case Person.NOT_ASKED if person.reason is deleted:
            return Standing(Person.DELETED_UNASKED, deleted)
        case Person.NOT_ASKED:
            return Standing(Person.VANISHED, since)
        case Person.UNTOUCHED | Person.HELD:
            sent = {state.events.state, state.recordings.state} - _NOTHING_SENT
            return Standing(Person.VANISHED if sent else Person.GONE_BEFORE)
        case asked if asked in _ABSENT:
            return Standing(_ABSENT[asked], deleted if person.reason is deleted else None)
        case _:
            return person


def _since(state: TargetState) -> Reason | None:
    """Whether the person was lost after it was sent a change, which may take effect late, or after that was done."""
    properties = state.properties.state
    if properties in _SENT or state.person.reason is Reason.SINCE_SENT:
        return Reason.SINCE_SENT
    return Reason.SINCE_DONE if properties in _DONE else None


def _row_of_lost(events: Standing, observation: Observation) -> Standing:
    if events.state is Events.QUEUED and observation is Observation.ROW_COVERS_COMPLETED:
        return Standing(Events.PURGED)
    if events.state not in ROWS_DECIDE:
        return events
    if observation is Observation.ROWS_NOT_KEPT and events.state is Events.REQUESTED:
        return Standing(Events.UNVERIFIABLE)
    if observation is Observation.ROW_NONE and events.state is Events.HELD:
        return Standing(Events.MISSED, Reason.COVERED_IN_PART)
    return _ROWS_OF_LOST[observation]
