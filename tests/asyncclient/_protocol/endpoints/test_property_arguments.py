"""Property keys and values: refused with a message without the value, or sent unchanged (contract 6.3)."""

import json
from collections import OrderedDict, UserDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncclient import InvalidArgument
from asyncclient._protocol import endpoints as endpoints
from asyncclient._protocol.http import Request

U = "018f0000-0000-7000-8000-000000000001"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
KEYS = TEXT.filter(str.strip)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXT,
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def body(request: Request) -> Any:
    assert request.body is not None
    return json.loads(request.body)


def same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.mark.slow
@given(properties=st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_properties_arrive_unchanged_and_in_the_body_only(properties: dict[str, Any]) -> None:
    request = endpoints.update_person(U, properties)
    assert same(body(request), {"properties": properties})
    assert (request.method, request.path, request.query) == ("PATCH", f"persons/{U}/", ())


@pytest.mark.slow
@given(key=KEYS, value=VALUES)
def test_one_property_arrives_unchanged_and_in_the_body_only(key: str, value: Any) -> None:
    request = endpoints.update_property(U, key, value)
    assert same(body(request), {"key": key, "value": value})
    assert (request.path, request.query) == (f"persons/{U}/update_property/", ())


@given(key=KEYS)
@example(key="../../")
@example(key="email&$unset=name")
@example(key="a\r\nX: y")
def test_the_key_to_remove_is_in_the_body_only(key: str) -> None:
    request = endpoints.delete_property(U, key)
    assert body(request) == {"$unset": key}
    assert (request.path, request.query) == (f"persons/{U}/delete_property/", ())
    assert request.route == "POST persons/:id/delete_property/"


@pytest.mark.slow
@given(ids=st.lists(TEXT.filter(bool), min_size=1, max_size=5))
def test_distinct_ids_to_split_or_reset_are_in_the_body_only(ids: list[str]) -> None:
    for request, sent in (
        (endpoints.split_person(7, distinct_ids_to_split=ids), {"distinct_ids_to_split": ids}),
        (endpoints.split_person(7, main_distinct_id=ids[0]), {"main_distinct_id": ids[0]}),
        (endpoints.reset_distinct_id(ids[0]), {"distinct_id": ids[0]}),
    ):
        assert body(request) == sent
        assert request.query == ()
        assert request.path in ("persons/7/split/", "persons/reset_person_distinct_id/")


class Plan(StrEnum):
    FREE = "free"


class Seven(IntEnum):
    SEVEN = 7


class Sneaky(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "other"


class Kelvin(float):
    pass


def test_values_of_subclasses_of_json_types_are_sent_as_json() -> None:
    given_ = MappingProxyType(
        {
            Sneaky("plan"): Plan.FREE,
            "seven": Seven.SEVEN,
            "text": Sneaky("mine"),
            "heat": Kelvin(2.5),
            "deep": OrderedDict(a=UserDict({"b": (1, 2)})),
        }
    )
    assert body(endpoints.update_person(U, given_)) == {
        "properties": {"plan": "free", "seven": 7, "text": "mine", "heat": 2.5, "deep": {"a": {"b": [1, 2]}}}
    }


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


circle: list[Any] = []
circle.append(circle)
SECRET = "jane.secret"
BAD_VALUES = [
    float("nan"), float("inf"), -float("inf"), [1, float("nan")], {"a": {"b": float("inf")}}, "\0" + SECRET,
    {"a": SECRET + "\0"}, {SECRET + "\0": 1}, "\ud800" + SECRET, ["\udfff"], {1: 2}, {None: 1}, {"\ud800": 1}, b"x",
    {SECRET}, object(), datetime(2026, 1, 1, tzinfo=UTC), Decimal("1.5"), 1j, 2**53 + 1, -(2**53) - 1, 10**400,
    deep(65), circle, iter([1]),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_VALUES, ids=range(len(BAD_VALUES)))
def test_values_that_cannot_be_kept_are_refused_without_showing_them(bad: Any) -> None:
    for call in (
        lambda: endpoints.update_person(U, {"plan": bad}),
        lambda: endpoints.update_property(U, "plan", bad),
        lambda: endpoints.delete_property(U, "a", properties={"plan": bad}),
        lambda: endpoints.delete_events(U, {"plan": bad}),
    ):
        with pytest.raises(InvalidArgument, match="value of 'plan'") as caught:
            call()
        assert SECRET not in str(caught.value)


def test_a_value_may_be_nested_as_deep_as_is_said() -> None:
    assert body(endpoints.update_property(U, "a", deep(63)))["value"] == deep(63)


BAD_KEYS = ["", " ", "\t\n", "a\0b", "\ud800", 7, None, b"email", ["email"], True]


@pytest.mark.parametrize("bad", BAD_KEYS, ids=range(len(BAD_KEYS)))
def test_invalid_keys_are_refused(bad: Any) -> None:
    for call in (
        lambda: endpoints.update_person(U, {bad: 1} if bad.__hash__ else {"": 1}),
        lambda: endpoints.update_property(U, bad, 1),
        lambda: endpoints.delete_property(U, bad),
        lambda: endpoints.property_keys([bad]),
        lambda: endpoints.values(bad, None),
    ):
        with pytest.raises(InvalidArgument, match="property key"):
            call()


@pytest.mark.parametrize("bad", [{}, None, [], "plan", [("plan", 1)], 7])
def test_an_update_without_usable_properties_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidArgument, match="properties"):
        endpoints.update_person(U, bad)


@pytest.mark.parametrize("bad", [[], (), {"a"}, {"a": 1}, b"ab", None, 7, iter(["a"]), ["a", "b", "a"]])
def test_invalid_lists_of_keys_are_refused(bad: Any) -> None:
    with pytest.raises(InvalidArgument, match="property key"):
        endpoints.property_keys(bad)


def test_a_text_is_one_key_and_a_list_keeps_its_order() -> None:
    assert endpoints.property_keys("email") == ("email",)
    assert endpoints.property_keys(("b", "a")) == ("b", "a")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"main_distinct_id": "a", "distinct_ids_to_split": ["b"]},
        {"main_distinct_id": ""},
        {"main_distinct_id": 7},
        {"distinct_ids_to_split": []},
        {"distinct_ids_to_split": "abc"},
        {"distinct_ids_to_split": ["a", ""]},
        {"distinct_ids_to_split": ["a", None]},
    ],
)
def test_invalid_splits_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        endpoints.split_person(U, **wrong)


FORMATTED = {
    "list": lambda **more: endpoints.list_persons(**more),
    "get": lambda **more: endpoints.get_person(7, **more),
    "update": lambda **more: endpoints.update_person(7, {"a": 1}, **more),
    "delete": lambda **more: endpoints.delete_person(
        7, delete_events=False, delete_recordings=True, keep_person=False, **more
    ),
    "delete_events": lambda **more: endpoints.delete_events(7, **more),
    "delete_property": lambda **more: endpoints.delete_property(7, "a", **more),
    "delete_recordings": lambda **more: endpoints.delete_recordings(7, **more),
    "activity": lambda **more: endpoints.person_activity(7, limit=1, page=1, **more),
    "properties_timeline": lambda **more: endpoints.properties_timeline(7, **more),
}


@pytest.mark.parametrize("call", FORMATTED)
def test_the_format_is_sent_as_given_and_only_then(call: str) -> None:
    plain = FORMATTED[call]()
    assert "format" not in dict(plain.query)
    assert plain.accept is None
    for name in ("json", "csv"):
        request = FORMATTED[call](format=name)
        assert request.query == (*plain.query, ("format", name))
        assert (request.accept is not None and request.accept.startswith("text/csv")) is (name == "csv")
        assert (request.path, request.body) == (plain.path, plain.body)
    with pytest.raises(InvalidArgument, match="neither csv nor json"):
        FORMATTED[call](format="xml")


def test_flags_stay_absent_when_false_beside_a_format() -> None:
    assert FORMATTED["delete"](format="json").query == (("delete_recordings", "true"), ("format", "json"))


def test_the_documented_body_is_sent_only_when_given() -> None:
    for call in (endpoints.delete_events, endpoints.delete_recordings):
        assert call(U).body is None
        assert body(call(U, {})) == {"properties": {}}
        assert body(call(U, {"a": 1})) == {"properties": {"a": 1}}
    assert body(endpoints.delete_property(U, "a", properties={"b": 2})) == {"$unset": "a", "properties": {"b": 2}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"events": "x"},
        {"events": {"id": 1}},
        {"actions": [1]},
        {"properties": ["plan"]},
        {"properties": [{"key": float("nan")}]},
        {"display": ""},
        {"date_from": 7},
        {"interval": "\ud800"},
        {"breakdown_type": None, "breakdown": []},
    ],
)
def test_invalid_timelines_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=list(wrong)[-1]):
        endpoints.properties_timeline(U, **wrong)


@given(key=KEYS, value=TEXT.filter(bool))
def test_queries_are_encoded_whatever_is_in_them(key: str, value: str) -> None:
    request = endpoints.values(key, value)
    assert request.query == (("key", key), ("value", value))
    assert urlencode(request.query).isascii()


@pytest.mark.parametrize("wrong", [{}, {"distinct_id": "a", "person": 7}, {"distinct_id": ""}, {"person": "../"}])
def test_properties_at_a_time_are_requested_for_one_person(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        endpoints.properties_at_time("2026-01-01", **{"distinct_id": None, "person": None} | wrong)
