"""The revert of one person: it ends at what the person had, or the person is left as it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.property_checks import DesiredProperties, equal
from bulk.undo.revert_decision import LeaveReason, decide_revert, effect

KEYS = st.sampled_from("abcd")
VALUES = st.none() | st.booleans() | st.integers(0, 2) | st.text("xy", max_size=1)
PROPERTIES = st.dictionaries(KEYS, VALUES, max_size=4)


@st.composite
def changes(draw: st.DrawFn) -> DesiredProperties:
    values = draw(PROPERTIES)
    if draw(st.booleans()):
        return DesiredProperties(once=values or {"a": 1})
    absent = tuple(key for key in "abcd" if key not in values and draw(st.booleans()))
    return DesiredProperties(values=values, absent=absent if values or absent else ("a",))


def applied(change: DesiredProperties, person: dict[str, Any]) -> dict[str, Any]:
    """Return a person after the server applied a change."""
    kept = {key: value for key, value in person.items() if key not in change.absent}
    return {**change.once, **kept, **change.values}


@pytest.mark.slow
@given(changes(), PROPERTIES)
def test_a_change_and_its_revert_leave_a_person_as_it_was(change: DesiredProperties, person: dict[str, Any]) -> None:
    had = {key: value for key, value in person.items() if key in change.keys}
    changed = applied(change, person)
    back = decide_revert(had, change, changed)
    if back is LeaveReason.AS_BEFORE:
        assert equal(changed, person)
    else:
        assert isinstance(back, DesiredProperties)
        assert equal(applied(back, changed), person)
        assert set(back.keys) <= set(change.keys)


@pytest.mark.slow
@given(changes(), PROPERTIES, PROPERTIES)
def test_a_person_with_a_value_neither_of_before_nor_of_the_job_is_left_as_it_is(
    change: DesiredProperties, person: dict[str, Any], now: dict[str, Any]
) -> None:
    had = {key: value for key, value in person.items() if key in change.keys}
    back = decide_revert(had, change, now)
    others = {
        key
        for key in effect(change, had).unmet_keys(now)
        if (key in had) != (key in now) or (key in had and not equal(had[key], now[key]))
    }
    assert (back is LeaveReason.CHANGED) is bool(others)


@pytest.mark.parametrize(
    ("had", "now", "expected"),
    [
        ({"a": 1}, {"a": 2}, DesiredProperties(values={"a": 1})),
        ({}, {"a": 2}, DesiredProperties(absent=("a",))),
        ({"a": None}, {"a": 2}, DesiredProperties(values={"a": None})),
        ({"a": 2}, {"a": 2}, LeaveReason.AS_BEFORE),
        ({"a": 1}, {"a": 3}, LeaveReason.CHANGED),
        ({"a": 1}, {}, LeaveReason.CHANGED),
        ({"a": 1}, {"a": 1}, LeaveReason.AS_BEFORE),
    ],
)
def test_a_property_that_the_job_set_gets_its_old_value_unless_it_was_changed_since(
    had: dict[str, Any], now: dict[str, Any], expected: object
) -> None:
    assert decide_revert(had, DesiredProperties(values={"a": 2}), now) == expected


@pytest.mark.parametrize(
    ("had", "now", "expected"),
    [
        ({"a": 1, "b": 2}, {"b": 2}, DesiredProperties(values={"a": 1})),
        ({"a": 1}, {"b": 3}, LeaveReason.CHANGED),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, LeaveReason.AS_BEFORE),
        ({"a": 1, "b": 2}, {"a": 1}, DesiredProperties(values={"b": 2})),
        ({"a": 1, "b": 2}, {"a": 3}, LeaveReason.CHANGED),
    ],
)
def test_a_job_that_removed_only_some_properties_of_a_person_is_reverted(
    had: dict[str, Any], now: dict[str, Any], expected: object
) -> None:
    assert decide_revert(had, DesiredProperties(absent=("a", "b")), now) == expected
