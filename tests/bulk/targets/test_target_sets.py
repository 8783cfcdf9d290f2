"""Sets of targets as byte arrays agree with Python's sets of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.targets.target_sets import in_both, in_either, marked, numbers_of

codes = st.lists(st.integers(0, 255), max_size=40)
some_numbers = st.sets(st.integers(0, 19))


def members(numbers: set[int]) -> bytearray:
    return bytearray(number in numbers for number in range(20))


@pytest.mark.parametrize(
    ("held", "selected", "expected"),
    [
        ([], {1}, []),
        ([3, 1, 3, 0], set(), []),
        ([3, 1, 3, 0], {3}, [0, 2]),
        ([3, 1, 3, 0], {0, 1}, [1, 3]),
        ([255, 0], {255}, [0]),
        ([0, 0], {0}, [0, 1]),
    ],
)
def test_a_set_holds_the_targets_with_one_of_the_codes(
    held: list[int], selected: set[int], expected: list[int]
) -> None:
    assert list(numbers_of(marked(bytearray(held), selected))) == expected


@given(codes, st.sets(st.integers(0, 255)))
def test_every_target_with_such_a_code_is_in_the_set_and_no_other(held: list[int], selected: set[int]) -> None:
    expected = [number for number, code in enumerate(held) if code in selected]
    assert list(numbers_of(marked(bytearray(held), selected))) == expected


@pytest.mark.slow
@given(some_numbers, some_numbers)
def test_intersection_and_union_are_those_of_sets(one: set[int], other: set[int]) -> None:
    assert list(numbers_of(in_both(members(one), members(other)))) == sorted(one & other)
    assert list(numbers_of(in_either(members(one), members(other)))) == sorted(one | other)


def test_sets_without_targets_have_no_intersection_and_no_union() -> None:
    assert in_both(bytearray(), bytearray()) == in_either(bytearray(), bytearray()) == bytearray()
