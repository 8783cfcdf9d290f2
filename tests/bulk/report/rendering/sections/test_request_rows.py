"""What is due when, in words."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bulk.report.rendering.sections.request_rows import due_rows, due_table_rows, due_words
from bulk.requests.due_dates import LateRequests, RequestsDue, as_of, due_counts

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
TODAY = NOW.date()


def words(due: str, *, is_open: int = 1, today: date | None = TODAY) -> str:
    (one,) = due_counts([(RequestsDue(due=due, requests=2), is_open)], now=NOW)
    return due_words(one, today=today)


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        ("2026-12-07", "1 of 2 requests open, due in 7 days, 1 weekend purge before it"),
        ("2026-12-01", "1 of 2 requests open, due in 1 day, 0 weekend purges before it"),
        ("2026-11-30", "1 of 2 requests open, due today, 0 weekend purges before it"),
        ("2026-11-29", "1 of 2 requests open, OVERDUE by 1 day"),
        ("2026-02-28", "1 of 2 requests open, OVERDUE by 275 days"),
    ],
)
def test_the_days_until_a_request_is_due_are_counted_from_today(due: str, expected: str) -> None:
    assert words(due) == f"{due}: {expected}"


def test_requests_that_are_done_are_not_overdue() -> None:
    assert words("2026-02-28", is_open=0) == "2026-02-28: 2 requests, none open"


@pytest.mark.parametrize(
    ("requests", "late", "expected"),
    [
        (1, LateRequests(1, 15), "1 request, none open, done 15 days late"),
        (3, LateRequests(1, 1), "3 requests, none open, 1 done late, by 1 day"),
        (3, LateRequests(2, 15), "3 requests, none open, 2 done late, by up to 15 days"),
    ],
)
def test_requests_that_were_done_after_their_day_are_called_late(
    requests: int, late: LateRequests, expected: str
) -> None:
    counts = due_counts([(RequestsDue(due="2026-11-15", requests=requests), 0)], now=NOW, late={"2026-11-15": late})
    (one,) = as_of(counts, NOW + timedelta(days=100))
    assert due_words(one, today=TODAY) == f"2026-11-15: {expected}"
    ((_, _, _, state, done_late, _),) = due_table_rows(counts)
    assert state == "none open"
    assert done_late.startswith(f"{late.requests}, by ")


def test_of_many_days_without_open_requests_the_late_ones_are_counted() -> None:
    due = [(RequestsDue(due=f"2026-11-{day:02}", requests=1), 0) for day in range(1, 9)]
    late = {"2026-11-02": LateRequests(1, 3), "2026-11-05": LateRequests(1, 7)}
    ((_, text),) = due_rows(due_counts(due, now=NOW, late=late))
    assert text == "8 requests until 2026-11-08, none open, 2 done late, by up to 7 days"


def test_a_report_which_is_read_years_later_counts_no_days() -> None:
    assert words("2026-12-07", today=None) == "2026-12-07: 1 of 2 requests open, 1 weekend purge before it"
    assert words("2026-02-28", today=None) == "2026-02-28: 1 of 2 requests open, OVERDUE"


def test_of_many_days_the_first_ones_are_shown() -> None:
    due = [(RequestsDue(due=f"2026-12-{day:02}", requests=3), 1) for day in range(1, 9)]
    rows = list(due_rows(due_counts(due, now=NOW), today=TODAY))
    assert [title for title, _ in rows] == ["Due", "", "", "", "", ""]
    assert rows[0][1] == "2026-12-01: 1 of 3 requests open, due in 1 day, 0 weekend purges before it"
    assert rows[-1][1] == "3 more until 2026-12-08"


def table(days: int, *, first: str = "2026-11-26", open_days: int = 1_000) -> list[tuple[str, ...]]:
    """Return the rows of days that follow each other, two requests each, of which one is open on the first days."""
    start = date.fromisoformat(first)
    dates = [(start + timedelta(days=number)).isoformat() for number in range(days)]
    return [
        *due_table_rows(
            due_counts([(RequestsDue(due=day, requests=2), n < open_days) for n, day in enumerate(dates)], now=NOW)
        )
    ]


def test_a_dozen_due_days_have_a_row_each() -> None:
    rows = table(12)
    assert rows[0] == ("2026-11-26", "2", "1", "overdue by 4 days", "0", "0")
    assert rows[-1] == ("2026-12-07", "2", "1", "open", "0", "1")
    assert len(rows) == 12


def test_more_days_are_shown_by_week() -> None:
    rows = table(39, open_days=30)
    assert rows[:3] == [
        ("2026-11-26 to 2026-11-29", "8", "4", "4 overdue by up to 4 days", "0", "0"),
        ("2026-11-30 to 2026-12-06", "14", "7", "open", "0", "0"),
        ("2026-12-07 to 2026-12-13", "14", "7", "open", "0", "1"),
    ]
    assert rows[-1] == ("2026-12-28 to 2027-01-03", "14", "0", "none open", "0", "4")
    assert len(rows) == 6


def test_more_than_a_dozen_weeks_are_shown_by_month() -> None:
    rows = table(200)
    assert [row[0] for row in rows][:3] == [
        "2026-11-26 to 2026-11-30",
        "2026-12-01 to 2026-12-31",
        "2027-01-01 to 2027-01-31",
    ]
    assert rows[0][3] == "4 overdue by up to 4 days"
    assert rows[1][5] == "0 to 4"
    assert sum(int(row[1]) for row in rows) == 400
    assert len(rows) == 8
