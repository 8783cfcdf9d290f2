"""How numbers, durations and times are written for people."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bulk.formatting import count_of, format_count, format_duration, format_time


def test_thousands_are_separated_by_a_comma() -> None:
    assert [format_count(number) for number in (0, 999, 2473, 1_000_000)] == ["0", "999", "2,473", "1,000,000"]


def test_a_noun_is_in_the_plural_unless_there_is_one() -> None:
    assert [count_of(number, "person") for number in (0, 1, 2473)] == ["0 persons", "1 person", "2,473 persons"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "unknown"),
        (float("inf"), "unknown"),
        (-1, "0 s"),
        (0, "0 s"),
        (0.01, "0.1 s"),
        (0.42, "0.4 s"),
        (59.6, "1 min"),
        (60, "1 min"),
        (65, "1 min 5 s"),
        (3600, "1 h"),
        (12000, "3 h 20 min"),
        (187200, "2 d 4 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float | None, shown: str) -> None:
    assert format_duration(seconds) == shown


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        (datetime(2026, 11, 29, 10, 57, 31, tzinfo=UTC), "2026-11-29 10:57 UTC"),
        (datetime(2026, 11, 29, 12, 57, tzinfo=timezone(timedelta(hours=2))), "2026-11-29 10:57 UTC"),
        ("2026-11-29T10:57:12.096Z", "2026-11-29 10:57 UTC"),
        ("2026-11-29T10:57:12+00:00", "2026-11-29 10:57 UTC"),
        ("2026-11-29T10:57:12", "2026-11-29T10:57:12"),
        ("yesterday", "yesterday"),
        (None, "unknown"),
    ],
)
def test_a_time_is_shown_in_utc_to_the_minute(when: str | datetime | None, shown: str) -> None:
    assert format_time(when) == shown
