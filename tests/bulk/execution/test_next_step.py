import pytest

from bulk.execution.next_step import Step, step_for
from bulk.journal.records import Change, JobOpened, Settled
from bulk.journal.target_states import TargetStates
from bulk.states import FINAL_PERSON, Events, Person, Properties, Recordings


def due(
    person: Person,
    events: Events = Events.NOT_ASKED,
    recordings: Recordings = Recordings.NOT_ASKED,
    properties: Properties = Properties.NOT_ASKED,
) -> Step:
    target_states = TargetStates()
    job = JobOpened(
        format=1,
        job="j",
        host="h",
        project=1,
        operation={"kind": "delete"},
        selection={},
        plan_digest="",
        count=1,
        planned_at="",
        at=1.0,
    )
    target_states.apply(job)
    changes = (
        Change("person", person.name.lower(), "0"),
        Change("events", events.name.lower(), "0"),
        Change("recordings", recordings.name.lower(), "0"),
        Change("properties", properties.name.lower(), "0"),
    )
    target_states.apply(Settled(at=1.0, source="store", changes=changes))
    return step_for(target_states, 0)


@pytest.mark.parametrize("events", [e for e in Events if e not in (Events.NOT_ASKED, Events.QUEUED, Events.PURGED)])
@pytest.mark.parametrize("person", list(Person))
def test_nobody_is_deleted_whose_events_are_not_known_to_be_queued(person: Person, events: Events) -> None:
    if events is not Events.UNVERIFIABLE:
        assert due(person, events) is not Step.DELETE


@pytest.mark.parametrize("recordings", [Recordings.UNTOUCHED, Recordings.UNKNOWN])
@pytest.mark.parametrize("person", list(Person))
def test_nobody_is_deleted_whose_recordings_were_not_requested(person: Person, recordings: Recordings) -> None:
    assert due(person, Events.QUEUED, recordings) is not Step.DELETE


@pytest.mark.parametrize("person", [p for p in Person if p in FINAL_PERSON or p in (Person.ACCEPTED, Person.HELD)])
@pytest.mark.parametrize("events", list(Events))
def test_nothing_is_due_for_the_final_the_accepted_and_the_held(person: Person, events: Events) -> None:
    assert due(person, events) is Step.NOTHING


def test_the_order_is_queue_then_read_the_row_then_delete() -> None:
    assert due(Person.UNTOUCHED, Events.UNTOUCHED, Recordings.UNTOUCHED) is Step.QUEUE_BOTH
    assert due(Person.UNTOUCHED, Events.REQUESTED, Recordings.REQUESTED) is Step.READ_ROWS
    assert due(Person.UNTOUCHED, Events.QUEUED, Recordings.REQUESTED) is Step.DELETE
    assert due(Person.SURVIVED, Events.QUEUED, Recordings.REQUESTED) is Step.DELETE
    assert due(Person.UNKNOWN, Events.QUEUED, Recordings.REQUESTED) is Step.READ_STORE


def test_only_what_is_left_is_queued() -> None:
    assert due(Person.UNTOUCHED, Events.UNTOUCHED, Recordings.REQUESTED) is Step.QUEUE_EVENTS
    assert due(Person.UNTOUCHED, Events.QUEUED, Recordings.UNKNOWN) is Step.QUEUE_RECORDINGS
    assert due(Person.UNTOUCHED) is Step.DELETE


@pytest.mark.parametrize("events", list(Events))
@pytest.mark.parametrize("recordings", list(Recordings))
@pytest.mark.parametrize("properties", list(Properties))
def test_who_is_to_be_kept_is_never_deleted(events: Events, recordings: Recordings, properties: Properties) -> None:
    assert due(Person.NOT_ASKED, events, recordings, properties) is not Step.DELETE


def test_properties_are_sent_until_they_are_accepted_and_again_when_they_were_not_applied() -> None:
    dues = {state: due(Person.NOT_ASKED, properties=state) for state in Properties}
    assert {state for state, what in dues.items() if what is Step.CHANGE} == {Properties.UNTOUCHED, Properties.AGAIN}
    assert {state for state, what in dues.items() if what is Step.READ_STORE} == {Properties.UNKNOWN}
    assert set(dues.values()) == {Step.CHANGE, Step.READ_STORE, Step.NOTHING}


def test_events_of_a_kept_person_are_queued_and_read_and_no_more() -> None:
    assert due(Person.NOT_ASKED, Events.UNTOUCHED) is Step.QUEUE_EVENTS
    assert due(Person.NOT_ASKED, Events.REQUESTED) is Step.READ_ROWS
    assert due(Person.NOT_ASKED, Events.QUEUED) is Step.NOTHING
    assert due(Person.NOT_ASKED, Events.HELD) is Step.NOTHING
    assert due(Person.NOT_ASKED, Events.FAILED) is Step.NOTHING
