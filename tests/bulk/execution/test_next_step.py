from itertools import product

import pytest

from bulk.execution.next_step import Step, first_step, step_for
from bulk.journal.records import FORMAT, Change, JobOpened, StatesChanged
from bulk.journal.target_states import TargetStates
from bulk.states import FINAL_PERSON_STATES, Events, Person, Properties, Recordings


def opened(count: int) -> TargetStates:
    target_states = TargetStates()
    job = JobOpened(
        format=FORMAT,
        job="j",
        host="h",
        project=1,
        operation={"kind": "delete"},
        selection={},
        plan_digest="",
        count=count,
        planned_at="",
        at=1.0,
    )
    target_states.apply(job)
    return target_states


def step_of(
    person: Person,
    events: Events = Events.NOT_REQUESTED,
    recordings: Recordings = Recordings.NOT_REQUESTED,
    properties: Properties = Properties.NOT_REQUESTED,
) -> Step:
    target_states = opened(1)
    changes = (
        Change("person", person.name.lower(), "0"),
        Change("events", events.name.lower(), "0"),
        Change("recordings", recordings.name.lower(), "0"),
        Change("properties", properties.name.lower(), "0"),
    )
    target_states.apply(StatesChanged(at=1.0, source="person_reads", changes=changes))
    return step_for(target_states, 0)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"0-3": "not_started"}, (Step.DELETE, [0, 1, 2, 3])),
        ({"0-3": "deleted_confirmed"}, None),
        ({"0-1": "deleted_confirmed", "2-3": "not_started"}, (Step.DELETE, [2, 3])),
        ({"0,2-3": "not_started", "1": "unknown"}, (Step.READ_PERSONS, [1])),
    ],
)
def test_the_first_step_of_a_group_names_all_targets_that_need_it(
    states: dict[str, str], expected: tuple[Step, list[int]] | None
) -> None:
    target_states = opened(4)
    changes = tuple(Change("person", state, targets) for targets, state in states.items())
    target_states.apply(StatesChanged(at=1.0, source="person_reads", changes=changes))
    assert first_step(target_states, [0, 1, 2, 3]) == expected


@pytest.mark.parametrize("events", [e for e in Events if e not in (Events.NOT_REQUESTED, Events.QUEUED, Events.PURGED)])
@pytest.mark.parametrize("person", list(Person))
def test_no_person_is_deleted_before_its_events_are_known_to_be_queued(person: Person, events: Events) -> None:
    if events is not Events.UNVERIFIABLE:
        assert step_of(person, events) is not Step.DELETE


@pytest.mark.parametrize("recordings", [Recordings.NOT_STARTED, Recordings.UNKNOWN])
@pytest.mark.parametrize("person", list(Person))
def test_no_person_is_deleted_before_its_recordings_were_requested(person: Person, recordings: Recordings) -> None:
    assert step_of(person, Events.QUEUED, recordings) is not Step.DELETE


@pytest.mark.parametrize(
    "person", [p for p in Person if p in FINAL_PERSON_STATES or p in (Person.ACCEPTED, Person.HELD_BACK)]
)
@pytest.mark.parametrize("events", list(Events))
def test_final_accepted_and_held_back_targets_have_no_next_step(person: Person, events: Events) -> None:
    assert step_of(person, events) is Step.NOTHING


def test_the_order_is_queue_then_read_the_row_then_delete() -> None:
    assert step_of(Person.NOT_STARTED, Events.NOT_STARTED, Recordings.NOT_STARTED) is Step.QUEUE_BOTH
    assert step_of(Person.NOT_STARTED, Events.ACCEPTED, Recordings.REQUESTED) is Step.READ_ROWS
    assert step_of(Person.NOT_STARTED, Events.QUEUED, Recordings.REQUESTED) is Step.DELETE
    assert step_of(Person.TO_RETRY, Events.QUEUED, Recordings.REQUESTED) is Step.DELETE
    assert step_of(Person.UNKNOWN, Events.QUEUED, Recordings.REQUESTED) is Step.READ_PERSONS


def test_only_the_parts_that_are_left_are_queued() -> None:
    assert step_of(Person.NOT_STARTED, Events.NOT_STARTED, Recordings.REQUESTED) is Step.QUEUE_EVENTS
    assert step_of(Person.NOT_STARTED, Events.QUEUED, Recordings.UNKNOWN) is Step.QUEUE_RECORDINGS
    assert step_of(Person.NOT_STARTED) is Step.DELETE


@pytest.mark.parametrize("events", list(Events))
def test_a_person_to_keep_is_never_deleted(events: Events) -> None:
    for others in product(Recordings, Properties):
        assert step_of(Person.NOT_REQUESTED, events, *others) is not Step.DELETE, others


def test_properties_are_sent_until_accepted_and_again_if_not_applied() -> None:
    steps = {state: step_of(Person.NOT_REQUESTED, properties=state) for state in Properties}
    assert {state for state, step in steps.items() if step is Step.CHANGE} == {
        Properties.NOT_STARTED,
        Properties.TO_RETRY,
    }
    assert {state for state, step in steps.items() if step is Step.READ_PERSONS} == {Properties.UNKNOWN}
    assert set(steps.values()) == {Step.CHANGE, Step.READ_PERSONS, Step.NOTHING}


def test_events_of_a_kept_person_are_queued_and_read_back_only() -> None:
    assert step_of(Person.NOT_REQUESTED, Events.NOT_STARTED) is Step.QUEUE_EVENTS
    assert step_of(Person.NOT_REQUESTED, Events.ACCEPTED) is Step.READ_ROWS
    assert step_of(Person.NOT_REQUESTED, Events.QUEUED) is Step.NOTHING
    assert step_of(Person.NOT_REQUESTED, Events.HELD_BACK) is Step.NOTHING
    assert step_of(Person.NOT_REQUESTED, Events.FAILED) is Step.NOTHING
