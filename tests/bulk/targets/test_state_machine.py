"""Walks through every state that a target can reach, in every kind of job."""

from bulk.execution.next_step import EVENTS_DONE, RECORDINGS_DONE, Step, decide
from bulk.states import (
    FINAL_PERSON_STATES,
    NEEDS_ATTENTION,
    PENDING,
    STATES,
    Axis,
    Events,
    Person,
    Properties,
    Recordings,
    State,
)
from bulk.targets.lost_events import ROWS_DECIDE
from bulk.targets.observations import TargetState
from bulk.targets.reasons import (
    REASON_MEANINGS,
    RETRY_FROM,
    STATES_WITH_REASON,
    STATUS_CODES,
    STATUSES,
    UNREAD,
    AxisStatus,
    Reason,
)
from bulk.targets.state_machine import TargetMachine
from tests.bulk.targets.state_graph import AXES, KINDS, UNREAD_OF, Obs, after_request, is_pending, kinds, reachable

RESTS_ON: dict[State, str] = {
    Person.DELETED_CONFIRMED: "an accepted deletion, and a read without the person",
    Person.FOUND_DELETED: "a deletion of unknown outcome, and two reads without the person",
    Person.ALREADY_DELETED: "two reads without the person, before anything was sent for it",
    Person.MERGED: "a read of its distinct ID, which another person has",
    Person.RECREATED: "a read of its UUID with another creation time",
    Person.CONTRADICTED: "a read of the same person after a deletion",
    Person.FAILED: "the server's rejection of this person alone, or attempts used up",
    Person.DISAPPEARED: "two reads without the person",
    Person.DELETED_UNEXPECTEDLY: "the server's response, and two reads without the person",
    Person.NOT_REQUESTED: "the operation keeps persons",
    Events.NOT_REQUESTED: "the operation",
    Events.QUEUED: "a pending deletion row that is new enough",
    Events.PURGED: "a completed deletion row that is new enough",
    Events.UNVERIFIABLE: "an accepted request to a server that keeps no rows",
    Events.TOO_LATE: "two reads without the person, and two of its deletion rows if a request was sent",
    Events.SKIPPED: "the person that was merged or re-created",
    Events.FAILED: "as the person's",
    Recordings.NOT_REQUESTED: "the operation",
    Recordings.REQUESTED: "an accepted request",
    Recordings.TOO_LATE: "two reads without the person",
    Recordings.SKIPPED: "the person that was merged or re-created",
    Recordings.FAILED: "as the person's",
    Recordings.DELETED: "a read of its recordings, all of them marked as deleted",
    Recordings.STILL_THERE: "a read of its recordings, some of them not marked",
    Recordings.NOT_VERIFIABLE: "an accepted request, and a read that shows no recording or is not possible",
    Properties.NOT_REQUESTED: "the operation",
    Properties.CHANGED_CONFIRMED: "a read of the properties after an accepted change",
    Properties.FOUND_CHANGED: "a read of the properties after a change of unknown outcome, or of one that others undid",
    Properties.ALREADY_AS_DESIRED: "a read of the properties before anything was sent",
    Properties.GONE_WITH_PERSON: "two reads without the person that had them",
    Properties.TOO_LATE: "two reads without the person",
    Properties.SKIPPED: "the person that was merged or re-created",
    Properties.CONTRADICTED: "a read of the properties after an accepted change",
    Properties.FAILED: "as the person's",
}
"""The evidence for each final state: a read or a response, never a missing one."""

WAITS: dict[State, str] = {
    Person.ACCEPTED: "is read back until it is gone or overdue, and after the run's wait by the next run",
    Properties.ACCEPTED: "is read back until it is as desired or overdue, and after the run's wait by the next run",
    Person.HELD_BACK: "its rows are read again when the next run starts, until the older row is purged",
    Events.HELD_BACK: "as the person",
}
"""Pending states in which nothing is sent: what they wait for, and how the wait ends."""


@kinds
def test_a_journal_can_hold_every_reachable_status(kind: str) -> None:
    for state in reachable(kind):
        for axis, status in zip(AXES, state, strict=True):
            assert status in STATUS_CODES[axis], (kind, state)


@kinds
def test_every_pending_state_has_a_next_step_or_a_bounded_wait(kind: str) -> None:
    machine, _ = KINDS[kind]
    for state in filter(is_pending, reachable(kind)):
        if decide(state) is not Step.NOTHING:
            continue
        waits = [s for s in state if s.state in WAITS or s.reason in UNREAD]
        assert waits, state
        for status in waits:
            if status.reason in UNREAD:  # its end: the next run reads again
                again = machine.step(state, Obs.RUN_STARTED)
                assert decide(again) is not Step.NOTHING or any(s.state in WAITS for s in again), state


@kinds
def test_every_pending_state_can_end(kind: str) -> None:
    graph = reachable(kind)
    ends = {state for state in graph if not is_pending(state)}
    while more := {state for state, out in graph.items() if state not in ends and ends & {*out.values()}}:
        ends |= more
    assert ends == {*graph}


@kinds
def test_with_a_healthy_server_every_state_ends_within_one_run(kind: str) -> None:
    """From any state, a run whose reads and requests succeed leaves nothing pending."""
    machine, asked = KINDS[kind]
    for state in reachable(kind):
        for there in (True, False):
            assert not is_pending(one_run(machine, asked, state, there=there)), (state, there)


def one_run(machine: TargetMachine, asked: frozenset[Axis], state: TargetState, *, there: bool) -> TargetState:
    """Return the state of a target after a run in which all rows are fresh and all accepted requests take effect."""
    state = machine.step(state, Obs.RUN_STARTED)
    changed = False
    for _ in range(12):
        if there:
            read = Obs.PRESENT_AS_DESIRED if changed else Obs.PRESENT_NOT_AS_DESIRED
            seen = [read if Axis.PROPERTIES in asked else Obs.PRESENT]
        else:
            seen = [Obs.ABSENT, *([Obs.ROW_COVERS_PENDING] if state.events.state in ROWS_DECIDE else [])]
        held = state.events.state is Events.HELD_BACK
        due = decide(state)
        if due is Step.NOTHING and not held and not any(s.state in WAITS for s in state):
            return state
        if not there or due is Step.READ_PERSONS:
            state = machine.steps(state, seen)
        elif due is Step.READ_ROWS or held:
            state = machine.step(state, Obs.ROW_COVERS_PENDING)
        elif due is Step.NOTHING:
            state = machine.steps(state, [*seen, Obs.OVERDUE])
        else:
            state = after_request(state, tuple(a for a in due.value if isinstance(a, Axis)), accepted=True)
            there, changed = there and due is not Step.DELETE, changed or due is Step.CHANGE
    return state


@kinds
def test_every_final_state_has_its_evidence(kind: str) -> None:
    for state in reachable(kind):
        for status in state:
            assert status.state in PENDING or RESTS_ON[status.state], status


@kinds
def test_no_person_is_deleted_before_its_events_are_known_to_be_queued(kind: str) -> None:
    for state in reachable(kind):
        if decide(state) is Step.DELETE:
            assert state.events.state in EVENTS_DONE
            assert state.recordings.state in RECORDINGS_DONE


@kinds
def test_nothing_is_sent_for_a_person_that_is_lost_or_could_not_be_read(kind: str) -> None:
    for state in reachable(kind):
        if state.person.state in FINAL_PERSON_STATES or any(s.reason in UNREAD for s in state):
            assert decide(state) is Step.NOTHING


@kinds
def test_a_lost_person_has_nothing_pending(kind: str) -> None:
    lost = {
        Person.DELETED_CONFIRMED,
        Person.FOUND_DELETED,
        Person.ALREADY_DELETED,
        Person.DISAPPEARED,
        Person.MERGED,
        Person.RECREATED,
    }
    for state in reachable(kind):
        if state.person.state in lost | {Person.DELETED_UNEXPECTEDLY}:
            assert not is_pending(state), state


@kinds
def test_one_response_without_a_person_changes_no_state(kind: str) -> None:
    """A failed read changes no state. A person that a run was to read again stays as the read before showed it."""
    for state, out in reachable(kind).items():
        for observation in UNREAD_OF:
            if state.person == AxisStatus(Person.UNKNOWN, Reason.REAPPEARED):
                assert state == KINDS[kind][0].step(out[observation.name], Obs.RUN_STARTED)
                continue
            assert [s.state for s in out[observation.name]] == [s.state for s in state]


@kinds
def test_already_deleted_is_only_for_persons_for_which_nothing_was_sent(kind: str) -> None:
    graph = reachable(kind)
    sent: set[TargetState] = set()
    todo = [after for state, out in graph.items() for move, after in out.items() if move.startswith(("acc", "unk"))]
    while todo:
        state = todo.pop()
        if state not in sent:
            sent.add(state)
            todo += (after for move, after in graph[state].items() if "START" not in move and "PRESENT" not in move)
    assert Person.ALREADY_DELETED not in {state.person.state for state in sent}


@kinds
def test_events_are_proven_by_deletion_rows_only(kind: str) -> None:
    for state, out in reachable(kind).items():
        for move, after in out.items():
            if after.events.state in (Events.QUEUED, Events.PURGED) and after.events != state.events:
                assert "ROW_COVERS" in move, (state, move)


@kinds
def test_only_a_sent_deletion_can_make_a_person_deleted(kind: str) -> None:
    for state, out in reachable(kind).items():
        for move, after in out.items():
            if after.person.state in (Person.DELETED_CONFIRMED, Person.FOUND_DELETED) and after.person != state.person:
                assert "ABSENT" in move
                assert state.person.state in (
                    Person.ACCEPTED,
                    Person.UNKNOWN,
                    Person.TO_RETRY,
                    Person.CONTRADICTED,
                ), (state, move)


@kinds
def test_a_run_tries_everything_again_that_the_server_did_not_reject(kind: str) -> None:
    machine, _ = KINDS[kind]
    for state in reachable(kind):
        again = machine.step(state, Obs.RUN_STARTED)
        for before, after in zip(state, again, strict=True):
            if before.reason not in RETRY_FROM and before.reason not in UNREAD:
                assert after == before
        if state.person.reason in RETRY_FROM:
            assert is_pending(again)


def test_events_of_a_reappeared_person_are_queued_again_once_the_run_has_read_it_too() -> None:
    machine = KINDS["delete with both"][0]
    gone = TargetState(
        AxisStatus(Person.DELETED_CONFIRMED),
        AxisStatus(Events.QUEUED),
        AxisStatus(Recordings.REQUESTED),
        AxisStatus(Properties.NOT_REQUESTED),
    )
    to_read = machine.steps(gone, [Obs.PRESENT, Obs.RUN_STARTED])
    assert decide(to_read) is Step.READ_PERSONS
    assert machine.step(to_read, Obs.ABSENT) == gone._replace(person=AxisStatus(Person.FOUND_DELETED))
    again = machine.step(to_read, Obs.PRESENT)
    assert (again.person.state, again.events.state, again.recordings.state) == (
        Person.TO_RETRY,
        Events.NOT_STARTED,
        Recordings.NOT_STARTED,
    )
    assert decide(again) is Step.QUEUE_BOTH


def test_every_reason_has_a_meaning_states_and_a_retry_state_of_its_axis() -> None:
    assert REASON_MEANINGS.keys() == STATES_WITH_REASON.keys() == {*Reason}
    for reason, states in RETRY_FROM.items():
        for axis, state in states.items():
            assert state in STATES[axis]
            assert state in PENDING
        given = {
            axis
            for axis in Axis
            for state in STATES_WITH_REASON[reason]
            if state in STATES[axis] and state not in PENDING
        }
        assert {axis for axis in given if axis in states} == {*states}


def test_every_state_is_pending_or_final_and_those_that_need_attention_are_final() -> None:
    states = [state for axis in Axis for state in STATES[axis]]
    assert {state for state in states if state not in PENDING} == RESTS_ON.keys()
    assert not NEEDS_ATTENTION & PENDING
    assert all(len(statuses) < 256 for statuses in STATUSES.values())
