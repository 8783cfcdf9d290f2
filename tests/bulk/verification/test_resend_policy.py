"""When an accepted change is overdue, and whether it is sent again."""

import pytest

from bulk.states import Axis
from bulk.verification.resend_policy import (
    GIVE_UP,
    MAX_SENDS,
    RESEND,
    RESEND_AFTER_S,
    RESEND_QUEUED_AFTER_S,
    ResendPolicy,
)


@pytest.mark.parametrize(("queued", "after_s"), [(False, RESEND_AFTER_S), (True, RESEND_QUEUED_AFTER_S)])
def test_a_change_is_overdue_some_time_after_the_last_one_was_accepted(*, queued: bool, after_s: float) -> None:
    policy = ResendPolicy(Axis.PERSON)
    assert not policy.is_overdue(1000.0 + after_s, 1000.0, queued=queued)
    assert policy.is_overdue(1000.1 + after_s, 1000.0, queued=queued)


def test_a_change_is_not_overdue_while_others_still_take_effect() -> None:
    policy = ResendPolicy(Axis.PERSON)
    policy.note_left(30, 1000.0)
    policy.note_left(20, 1050.0)
    policy.note_left(20, 1100.0)
    assert not policy.is_overdue(1050.0 + RESEND_AFTER_S, 1000.0, queued=False)
    assert policy.is_overdue(1050.1 + RESEND_AFTER_S, 1000.0, queued=False)


def test_changes_of_properties_get_twice_the_time_after_each_resend() -> None:
    persons, properties = ResendPolicy(Axis.PERSON), ResendPolicy(Axis.PROPERTIES)
    for policy in (persons, properties):
        policy.note_resent()
    late = 1000.0 + 1.5 * RESEND_AFTER_S
    assert persons.is_overdue(late, 1000.0, queued=False)
    assert not properties.is_overdue(late, 1000.0, queued=False)


@pytest.mark.parametrize("axis", [Axis.EVENTS, Axis.RECORDINGS])
def test_events_and_recordings_are_never_overdue(axis: Axis) -> None:
    assert not ResendPolicy(axis).is_overdue(1e9, 0.0, queued=False)


@pytest.mark.parametrize("axis", MAX_SENDS)
def test_a_target_is_sent_again_until_its_attempts_are_used_up(axis: Axis) -> None:
    policy = ResendPolicy(axis)
    assert policy.decide(MAX_SENDS[axis] - 1) is RESEND
    assert policy.decide(MAX_SENDS[axis]) is GIVE_UP
