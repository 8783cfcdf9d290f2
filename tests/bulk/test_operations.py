"""Operations survive the round trip through a plan; in a journal they have no values of properties."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.errors import InputError
from bulk.operations import (
    DeleteEvents,
    DeletePersons,
    DeleteRecordings,
    UnsetProperties,
    UpdateProperties,
    axes,
    axes_of,
    describe,
    desired_properties,
    from_dict,
    primary_axis_of,
    to_dict,
    without_values,
)
from bulk.states import Axis

ALL = [
    DeletePersons(),
    DeletePersons(delete_events=True),
    DeletePersons(delete_recordings=True),
    DeletePersons(delete_events=True, delete_recordings=True),
    DeleteEvents(),
    DeleteRecordings(),
    UpdateProperties({"plan": "pro", "score": [1, {"a": None}]}),
    UpdateProperties({"plan": None}, route="capture"),
    UnsetProperties(("email", "name")),
    UnsetProperties(("email",), route="rest"),
]
KINDS = st.sampled_from(ALL)


@pytest.mark.parametrize("operation", ALL, ids=lambda o: describe(to_dict(o)))
def test_an_operation_survives_the_round_trip_through_a_plan(operation: Any) -> None:
    fields = json.loads(json.dumps(to_dict(operation)))
    assert from_dict(fields) == operation
    assert axes_of(fields) == axes(operation)


@pytest.mark.parametrize(
    ("operation", "primary", "requested", "words"),
    [
        (ALL[0], Axis.PERSON, {Axis.PERSON}, "delete persons"),
        (ALL[1], Axis.PERSON, {Axis.PERSON, Axis.EVENTS}, "delete persons and their events"),
        (ALL[2], Axis.PERSON, {Axis.PERSON, Axis.RECORDINGS}, "delete persons and their recordings"),
        (
            ALL[3],
            Axis.PERSON,
            {Axis.PERSON, Axis.EVENTS, Axis.RECORDINGS},
            "delete persons, their events and their recordings",
        ),
        (ALL[4], Axis.EVENTS, {Axis.EVENTS}, "delete the events of persons"),
        (ALL[5], Axis.RECORDINGS, {Axis.RECORDINGS}, "delete the recordings of persons"),
        (ALL[6], Axis.PROPERTIES, {Axis.PROPERTIES}, "set the properties plan and score of persons"),
        (ALL[8], Axis.PROPERTIES, {Axis.PROPERTIES}, "unset the properties email and name of persons"),
        (ALL[9], Axis.PROPERTIES, {Axis.PROPERTIES}, "unset the property email of persons"),
    ],
)
def test_each_operation_has_its_axes_and_its_description(
    operation: Any, primary: Axis, requested: set[Axis], words: str
) -> None:
    fields = to_dict(operation)
    assert primary_axis_of(fields) is primary
    assert axes(operation) == requested
    assert describe(fields) == describe(without_values(fields)) == words


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from("abcdef"), st.text(min_size=3, max_size=6), min_size=1))
def test_the_operation_in_a_journal_has_keys_and_no_values(values: dict[str, str]) -> None:
    marked = {key: f"secret-{number}" for number, key in enumerate(values)}
    operation = UpdateProperties(marked)
    told = without_values(to_dict(operation))
    assert told == {"kind": "update", "route": "auto", "keys": list(marked)}
    assert primary_axis_of(told) is Axis.PROPERTIES
    assert "secret" not in repr(operation) + str(operation) + describe(to_dict(operation)) + json.dumps(told)


@given(KINDS.filter(lambda o: not isinstance(o, UpdateProperties)))
def test_an_operation_without_values_is_the_same_in_journal_and_plan(operation: Any) -> None:
    assert without_values(to_dict(operation)) == to_dict(operation)


def test_an_operation_has_its_desired_properties() -> None:
    set_, unset = desired_properties(ALL[6]), desired_properties(ALL[8])
    assert set_ is not None
    assert unset is not None
    assert (set_.values, set_.absent) == ({"plan": "pro", "score": [1, {"a": None}]}, ())
    assert (unset.values, unset.absent) == ({}, ("email", "name"))
    assert [desired_properties(each) for each in ALL[:6]] == [None] * 6


@pytest.mark.parametrize(
    "make",
    [
        lambda: UpdateProperties({}),
        lambda: UpdateProperties({"a": float("nan")}),
        lambda: UpdateProperties({"a": 1}, route="fast"),
        lambda: UpdateProperties({"a": 1}, route=""),
        lambda: UnsetProperties(()),
        lambda: UnsetProperties("email"),  # type: ignore[arg-type]
        lambda: UnsetProperties(("a", "a")),
        lambda: UnsetProperties(("a",), route="REST"),
    ],
)
def test_an_impossible_operation_is_refused_when_it_is_created(make: Any) -> None:
    with pytest.raises(InputError):
        make()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "explode"},
        {"kind": "unset"},
        {"kind": "unset", "keys": "email"},
        {"kind": "unset", "keys": []},
        {"kind": "unset", "keys": ["a"], "route": "fax"},
        {"kind": "update", "properties": []},
        {"kind": "update", "properties": {}},
        {"kind": "update", "keys": ["a"]},
        {"kind": "delete", "delete_events": "yes"},
        {"kind": "delete-events", "delete_recordings": True},
    ],
)
def test_an_unknown_or_changed_operation_in_a_plan_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        from_dict(fields)


@pytest.mark.parametrize("kind", [None, "explode", 3])
def test_an_unknown_kind_has_no_axes(kind: Any) -> None:
    for function in (primary_axis_of, axes_of):
        with pytest.raises(ValueError, match="does not know the operation"):
            function({"kind": kind})
