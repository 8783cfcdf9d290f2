"""When a request is due, and how many weekend purges come before that day."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.requests.due_dates import RequestsDue, as_of, due_counts, due_date, parse_received, purge_windows_left

DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1))
TIMES = st.builds(datetime.combine, DAYS, st.times(timezones=st.just(UTC)))


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-29", "2026-12-29"),
        ("2026-01-31", "2026-02-28"),
        ("2028-01-31", "2028-02-29"),
        ("2026-03-31", "2026-04-30"),
        ("2026-12-31", "2027-01-31"),
        ("2026-02-28", "2026-03-28"),
    ],
)
def test_a_request_is_due_a_month_after_its_receipt(received: str, due: str) -> None:
    assert due_date(date.fromisoformat(received)).isoformat() == due


@given(DAYS)
def test_it_is_due_in_the_next_month_on_the_same_day_or_on_the_last(received: date) -> None:
    due = due_date(received)
    assert (due.year * 12 + due.month) - (received.year * 12 + received.month) == 1
    assert due.day == received.day or (due.day < received.day and (due + timedelta(days=1)).day == 1)


@pytest.mark.slow
@given(DAYS, TIMES)
def test_the_purges_left_are_the_sundays_at_five_before_the_day(due: date, now: datetime) -> None:
    first = datetime(2000, 1, 2, 5, tzinfo=UTC)  # a Sunday
    weeks = range(110 * 53)
    expected = sum(
        now < at and at.date() < due for week in weeks if (at := first + timedelta(days=7 * week)).year < 2101
    ) if abs((due - now.date()).days) < 80 else None  # fmt: skip
    if expected is not None:
        # a purge that starts at this very moment is still ahead
        exact = now.weekday() == 6 and now.time() == first.time() and now.date() < due
        assert purge_windows_left(due, now=now) == expected + exact


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-29", "2026-11-29"),
        (" 2026-11-29 ", "2026-11-29"),
        ("2026-11-29T23:30:00-05:00", "2026-11-29"),
        ("2026-11-29 10:57", "2026-11-29"),
        ("20261129", None),
        ("2026-W48-7", None),
        ("29.11.2026", None),
        ("2026-02-30", None),
        ("2026-11-29T", None),
        ("", None),
    ],
)
def test_only_iso_days_and_times_are_days_of_receipt(text: str, day: str | None) -> None:
    found = parse_received(text)
    assert (found and found.isoformat()) == day


@given(st.text(max_size=30))
def test_no_text_fails_to_be_parsed(text: str) -> None:
    parse_received(text)


def test_counts_say_what_is_overdue_at_a_time() -> None:
    due = [(RequestsDue(due="2026-12-29", requests=3), 1), (RequestsDue(due="2026-12-01", requests=2), 0)]
    counts = due_counts(due, now=datetime(2026, 12, 2, tzinfo=UTC))
    assert [(one.due, one.requests, one.open_requests, one.is_overdue) for one in counts] == [
        ("2026-12-01", 2, 0, False),
        ("2026-12-29", 3, 1, False),
    ]
    assert [one.purge_windows_left for one in counts] == [0, 4]
    later = as_of(counts, datetime(2026, 12, 30, tzinfo=UTC))
    assert [one.is_overdue for one in later] == [False, True]
    assert not as_of(counts, datetime(2026, 12, 29, 23, 59, tzinfo=UTC))[1].is_overdue
