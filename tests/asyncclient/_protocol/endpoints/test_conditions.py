"""Conditions of listings as values: they arrive unchanged or are refused (guarantees 28, 29)."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import InvalidArgument, PropertyFilter
from asyncclient._protocol import endpoints as endpoints


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "", "value": "x"},
        {"key": 7, "value": "x"},
        {"key": "\ud800", "value": "x"},
        {"key": "a"},
        {"key": "a", "value": None},
        {"key": "a", "value": []},
        {"key": "a", "value": float("nan")},
        {"key": "a", "value": float("inf")},
        {"key": "a", "value": [1, float("nan")]},
        {"key": "a", "value": {"b": 1}},
        {"key": "a", "value": [["b"]]},
        {"key": "a", "value": b"x"},
        {"key": "a", "value": 2**64},
        {"key": "a", "value": "\ud800"},
        {"key": "a", "value": "x", "operator": "equals"},
        {"key": "a", "value": "x", "operator": ["exact"]},
        {"key": "a", "value": "x", "type": "event"},
    ],
)
def test_invalid_conditions_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        PropertyFilter(**wrong)


VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)


@pytest.mark.slow
@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    value=st.one_of(VALUES, st.lists(VALUES, min_size=1)),
)
def test_conditions_arrive_unchanged(key: str, value: Any) -> None:
    request = endpoints.list_persons(properties=[PropertyFilter(key, value, operator="is_not")])
    sent = json.loads(dict(request.query)["properties"])
    assert sent == [{"key": key, "value": value, "type": "person", "operator": "is_not"}]
    assert urlencode(request.query).isascii()


def test_existence_and_cohorts_are_sent_as_the_server_reads_them() -> None:
    assert PropertyFilter("email", operator="is_set").to_wire() == {
        "key": "email",
        "value": "is_set",
        "type": "person",
        "operator": "is_set",
    }
    for operator, sent in (("exact", "in"), ("in", "in"), ("not_in", "not_in")):
        condition = PropertyFilter("id", 12, operator=operator, type="cohort")  # type: ignore[arg-type]
        assert condition.to_wire() == {"key": "id", "value": 12, "type": "cohort", "operator": sent}
    with pytest.raises(InvalidArgument, match="does not apply to cohorts"):
        PropertyFilter("id", 12, operator="gt", type="cohort")
    assert PropertyFilter("plan", ("a", "b")).to_wire()["value"] == ["a", "b"]


@pytest.mark.parametrize("values", [[None], ["a", None], [["a"]], [{"a": 1}], [float("nan")], b"a", {"a"}])
def test_a_list_of_values_holds_only_what_a_property_can_be_compared_with(values: Any) -> None:
    with pytest.raises(InvalidArgument, match="is not a string, a number, True or False"):
        PropertyFilter("plan", values)


NO_FILTERS: list[Any] = [PropertyFilter("a", "b"), "plan", {"key": "a"}, [{"key": "a"}], [None], 7, None]


@pytest.mark.parametrize("properties", NO_FILTERS)
def test_filters_that_are_not_a_list_are_refused(properties: Any) -> None:
    for call in (endpoints.list_persons, endpoints.export_persons):
        with pytest.raises(InvalidArgument, match="must be a list of PropertyFilter"):
            call(properties=properties)


@pytest.mark.parametrize("properties", [PropertyFilter("a", "b"), "plan", {"key": "a"}, [None], 7, None])
def test_filters_and_objects_that_are_not_lists_are_refused(properties: Any) -> None:
    with pytest.raises(InvalidArgument, match="must be a list of objects"):
        endpoints.properties_timeline(7, properties=properties)
