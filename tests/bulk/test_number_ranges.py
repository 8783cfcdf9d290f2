import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.number_ranges import expand, format_ranges, parse_ranges


@pytest.mark.slow
@given(st.sets(st.integers(min_value=0, max_value=500)))
def test_numbers_survive_the_round_trip(numbers: set[int]) -> None:
    assert expand(format_ranges(sorted(numbers))) == sorted(numbers)


def test_consecutive_numbers_are_joined() -> None:
    assert format_ranges([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"
    assert format_ranges([3, 4, 5]) == "3-5"
    assert format_ranges([3]) == "3"
    assert format_ranges([]) == ""


@pytest.mark.parametrize("text", ["3-1", "5,5", "5,4", "1-3,3", "a", "1-", "-1", ","])
def test_text_that_is_not_an_ascending_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        list(parse_ranges(text))
