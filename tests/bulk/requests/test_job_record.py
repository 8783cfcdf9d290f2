"""The record of who ordered a job: bounded, plain text and a real date."""

import pytest

from bulk.errors import InputError
from bulk.requests.job_record import TEXT_MAX, JobRecord


def test_a_record_without_anything_is_empty() -> None:
    assert JobRecord().is_empty
    assert not JobRecord(operator="Ann").is_empty


@pytest.mark.parametrize("name", ["operator", "reason", "approver", "reference"])
@pytest.mark.parametrize("text", ["", "  ", "a\x1b[2J", "a\nb", "\u202eabc", "x" * (TEXT_MAX + 1)])
def test_text_that_cannot_be_shown_is_refused(name: str, text: str) -> None:
    with pytest.raises(InputError, match=name):
        JobRecord(**{name: text})


def test_a_day_that_is_no_date_is_refused_with_an_example() -> None:
    with pytest.raises(InputError, match="received is 'yesterday', which is not a date: write it as in 2026-11-29"):
        JobRecord(received="yesterday")
