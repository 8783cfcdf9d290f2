"""Which statuses there are, how they are told, and which of them a later run tries again."""

import pytest

from bulk.states import PENDING, STATES, Axis, Events, Person, Properties, Recordings, State
from bulk.targets.reasons import (
    EXHAUSTED,
    REASON_MEANINGS,
    RETRY_FROM,
    STATES_WITH_REASON,
    STATUS_CODES,
    STATUSES,
    UNREAD,
    AxisStatus,
    Reason,
    short_meaning,
    status_to_retry,
    without_unread,
)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_meaning_and_explains_a_state(reason: Reason) -> None:
    assert REASON_MEANINGS[reason]
    assert STATES_WITH_REASON[reason]
    assert reason.value == reason.name.lower()


@pytest.mark.parametrize("reason", Reason)
def test_a_short_meaning_is_one_clause(reason: Reason) -> None:
    meaning = short_meaning(reason.value)
    assert REASON_MEANINGS[reason].startswith(meaning)
    assert ";" not in meaning


def test_an_error_label_of_the_server_is_its_own_meaning() -> None:
    assert short_meaning("bad_request:400") == "bad_request:400"


@pytest.mark.parametrize("axis", Axis)
def test_statuses_without_a_reason_come_first_in_the_order_of_the_states(axis: Axis) -> None:
    states: list[State] = list(STATES[axis])
    assert [status.state for status in STATUSES[axis][: len(states)]] == states
    assert all(status.reason is None for status in STATUSES[axis][: len(states)])
    assert all(status.reason is not None for status in STATUSES[axis][len(states) :])


@pytest.mark.parametrize("axis", Axis)
def test_every_status_has_a_code_of_one_byte(axis: Axis) -> None:
    assert [STATUS_CODES[axis][status] for status in STATUSES[axis]] == list(range(len(STATUSES[axis])))
    assert len(STATUSES[axis]) <= 256


@pytest.mark.parametrize("reason", RETRY_FROM)
def test_a_later_run_continues_from_a_pending_state_of_the_same_axis(reason: Reason) -> None:
    for axis, state in RETRY_FROM[reason].items():
        assert isinstance(state, STATES[axis])
        assert state in PENDING


def test_every_reason_of_attempts_that_all_failed_is_tried_again() -> None:
    assert RETRY_FROM.keys() >= EXHAUSTED


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (AxisStatus(Person.UNKNOWN, Reason.UNREAD_TIMED_OUT), AxisStatus(Person.UNKNOWN)),
        (AxisStatus(Events.QUEUED, None), AxisStatus(Events.QUEUED)),
        (AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT), AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT)),
    ],
)
def test_a_read_that_succeeds_removes_only_the_reason_of_the_failed_one(
    status: AxisStatus, expected: AxisStatus
) -> None:
    assert without_unread(status) == expected
    assert (status.reason in UNREAD) is (status != expected)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (AxisStatus(Person.FAILED, Reason.ATTEMPTS_EXHAUSTED), AxisStatus(Person.UNKNOWN)),
        (AxisStatus(Recordings.FAILED, Reason.NEVER_ACCEPTED), AxisStatus(Recordings.NOT_STARTED)),
        (AxisStatus(Events.FAILED, Reason.NO_DELETION_ROW), AxisStatus(Events.TO_RETRY)),
        (AxisStatus(Person.CONTRADICTED, Reason.REAPPEARED), AxisStatus(Person.UNKNOWN)),
        (AxisStatus(Properties.CONTRADICTED, Reason.ACCEPTED_NOT_APPLIED), AxisStatus(Properties.TO_RETRY)),
        (
            AxisStatus(Properties.CONTRADICTED, Reason.CHANGED_AFTERWARDS),
            AxisStatus(Properties.CONTRADICTED, Reason.CHANGED_AFTERWARDS),
        ),
        (AxisStatus(Person.FAILED, Reason.REJECTED), AxisStatus(Person.FAILED, Reason.REJECTED)),
        (AxisStatus(Events.TOO_LATE, Reason.PARTLY_COVERED), AxisStatus(Events.TOO_LATE, Reason.PARTLY_COVERED)),
        (AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT), AxisStatus(Person.ACCEPTED, Reason.STILL_PRESENT)),
        (AxisStatus(Person.DELETED_CONFIRMED), AxisStatus(Person.DELETED_CONFIRMED)),
    ],
)
def test_a_later_run_tries_again_what_may_succeed_then(status: AxisStatus, expected: AxisStatus) -> None:
    assert status_to_retry(status) == expected
