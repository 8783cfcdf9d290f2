"""When a person that is read is the same as a target: by its UUID and its creation time."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from uuid import UUID

import pytest

from asyncclient import PersonRef
from bulk.plan.plan_file import Target
from bulk.posthog.person_reads import SAME_INSTANT, is_same

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def ref(number: int, *, created_at: datetime) -> PersonRef:
    return PersonRef(uuid=UUID(int=number + 1), created_at=created_at, distinct_ids=(f"user-{number}",))


@pytest.mark.parametrize(
    ("later", "number", "same"),
    [
        (timedelta(0), 0, True),
        (SAME_INSTANT - timedelta(microseconds=1), 0, True),
        (SAME_INSTANT, 0, False),
        (timedelta(microseconds=1) - SAME_INSTANT, 0, True),
        (-SAME_INSTANT, 0, False),
        (timedelta(0), 1, False),
    ],
)
def test_the_same_person_has_the_uuid_and_the_creation_time_of_the_plan(
    later: timedelta, number: int, *, same: bool
) -> None:
    target = Target(number=0, uuid=UUID(int=1), created_at=CREATED)
    assert is_same(target, ref(number, created_at=CREATED + later)) is same


@pytest.mark.parametrize("day", [date.min, date.max])
@pytest.mark.parametrize("hours", [-14, 0, 14])
def test_creation_times_at_the_ends_of_the_calendar_are_compared_like_any_other(day: date, hours: int) -> None:
    moment = time.min if day == date.min else time.max
    created_at = datetime.combine(day, moment, timezone(timedelta(hours=hours)))
    target = Target(number=0, uuid=UUID(int=1), created_at=created_at)
    assert is_same(target, ref(0, created_at=created_at))
    assert not is_same(target, ref(0, created_at=CREATED))
