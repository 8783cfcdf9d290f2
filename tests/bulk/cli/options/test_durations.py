"""Durations as an option takes them."""

import pytest

from bulk.cli.options.help_layout import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("90", 90.0),
        ("1.5", 1.5),
        ("90s", 90.0),
        ("15min", 900.0),
        ("15m", 900.0),
        ("15 min", 900.0),
        ("2h", 7200.0),
        ("2H", 7200.0),
        ("1h30min", 5400.0),
        ("1d", 86400.0),
        ("", None),
        ("min", None),
        ("1h30", None),
        ("-5", None),
        ("5x", None),
        ("1e3", None),
        ("٣s", None),
    ],
)
def test_a_duration_is_a_number_with_a_unit_or_seconds(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["366d", "99999999999h", "365d1s", "31536001"])
def test_a_duration_of_more_than_a_year_is_refused(text: str) -> None:
    assert parse_duration(text) is None


def test_a_year_is_the_longest_duration() -> None:
    assert parse_duration("365d") == 31536000.0
