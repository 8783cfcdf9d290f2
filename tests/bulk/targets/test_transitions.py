"""Status codes stand for statuses, and a transition over codes is one of the state machine."""

from collections.abc import Iterable

import pytest

from bulk.states import STATES, Axis, Events, Person, Properties, Recordings
from bulk.targets.observations import Observation, TargetState
from bulk.targets.reasons import STATUSES, AxisStatus, Reason
from bulk.targets.state_machine import TargetMachine
from bulk.targets.transitions import JOURNAL_CODES, STATES_BY_CODE, Transitions, to_codes, to_state

ACCEPTED = TargetState(
    AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT),
    AxisStatus(Events.QUEUED),
    AxisStatus(Recordings.NOT_REQUESTED),
    AxisStatus(Properties.NOT_REQUESTED),
)


class CountingMachine(TargetMachine):
    """A state machine that counts how often it is asked."""

    asked = 0

    def steps(self, state: TargetState, observations: Iterable[Observation]) -> TargetState:
        self.asked += 1
        return super().steps(state, observations)


@pytest.mark.parametrize("axis", Axis)
def test_each_status_has_its_own_code(axis: Axis) -> None:
    states = [ACCEPTED._replace(**{axis.value: status}) for status in STATUSES[axis]]
    codes = [to_codes(state) for state in states]
    assert len(set(codes)) == len(states)
    assert [to_state(each) for each in codes] == states
    assert all(0 <= code <= 255 for each in codes for code in each)


@pytest.mark.parametrize("axis", Axis)
def test_a_journal_names_every_status_by_axis_state_and_reason(axis: Axis) -> None:
    for code, status in enumerate(STATUSES[axis]):
        reason = None if status.reason is None else status.reason.value
        assert JOURNAL_CODES[axis.value, status.state.name.lower(), reason] == code
    assert len(JOURNAL_CODES) == sum(map(len, STATUSES.values()))


@pytest.mark.parametrize("axis", Axis)
def test_each_code_leads_to_the_state_of_its_status(axis: Axis) -> None:
    states, places = STATES_BY_CODE[axis.value]
    assert [states[place] for place in places] == [status.state for status in STATUSES[axis]]
    assert set(states) == set(STATES[axis])


@pytest.mark.parametrize(
    ("observations", "person"),
    [
        ((Observation.ABSENT,), AxisStatus(Person.DELETED_CONFIRMED)),
        ((Observation.PRESENT,), AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT)),
        ((Observation.PRESENT, Observation.OVERDUE), AxisStatus(Person.TO_RETRY)),
        ((), AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT)),
    ],
)
def test_a_transition_is_that_of_the_state_machine(observations: tuple[Observation, ...], person: AxisStatus) -> None:
    after = to_state(Transitions(TargetMachine(Axis.PERSON))[to_codes(ACCEPTED), observations])
    assert after == TargetMachine(Axis.PERSON).steps(ACCEPTED, observations)
    assert after.person == person


def test_a_transition_is_computed_once() -> None:
    machine = CountingMachine(Axis.PERSON)
    transitions = Transitions(machine)
    first = transitions[to_codes(ACCEPTED), (Observation.ABSENT,)]
    assert transitions[to_codes(ACCEPTED), (Observation.ABSENT,)] == first
    assert machine.asked == 1
