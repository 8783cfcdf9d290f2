"""The closest name of a property that no target has."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.selection.lookups.property_counts import NAMES_MAX, SAMPLE_SIZE, PropertyCounts, closest_name


@pytest.mark.parametrize(
    ("key", "names", "closest"),
    [
        ("emial", ["email", "name"], "email"),
        ("EMAIL", ["email", "mail"], "email"),
        ("last_name", ["lastName", "first_name"], "lastName"),
        ("$Email", ["email", "$email"], "$email"),
        ("plan", ["plan"], None),
        ("plan", ["Plan", "PLAN"], "PLAN"),
        ("zzz", ["email"], None),
        ("email", [], None),
    ],
)
def test_the_closest_name_is_the_one_spelled_most_alike(key: str, names: list[str], closest: str | None) -> None:
    assert closest_name(key, names) == closest
    assert closest_name(key, reversed(names)) == closest


NAMES = st.text("abAB_", min_size=1, max_size=3)


@pytest.mark.slow
@given(st.lists(NAMES, min_size=1, max_size=3, unique=True), st.lists(st.frozensets(NAMES, max_size=4), max_size=8))
def test_the_counts_are_those_of_the_persons(keys: list[str], persons: list[frozenset[str]]) -> None:
    counts = PropertyCounts(keys)
    for number, names in enumerate(persons):
        counts.add(UUID(int=number), sorted(names))
    found = {one["key"]: one for one in counts.to_finding()}
    assert {key: one["count"] for key, one in found.items()} == {
        key: sum(key in names for names in persons) for key in keys
    }
    for key, one in found.items():
        assert one["closest"] is None or (one["count"] == 0 and one["closest"] != key)
        assert one["closest"] is None or any(one["closest"] in names for names in persons)


def test_names_and_sample_are_bounded() -> None:
    counts = PropertyCounts(["x"])
    for number in range(2 * NAMES_MAX):
        counts.add(UUID(int=number), [f"key-{number}"])
    assert len(counts.sample) == SAMPLE_SIZE
    assert counts.suggestions() == {"x": None}
    assert not counts.lacks_names
