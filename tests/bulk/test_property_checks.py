"""Values that a job may set are read back equal; what could not be is refused by a sentence without the value."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.errors import InputError
from bulk.operations import UnsetProperties, UpdateProperties
from bulk.property_checks import (
    LARGEST_BYTES,
    LONGEST_KEY,
    MOST_KEYS,
    DesiredProperties,
    checked_keys,
    checked_properties,
    equal,
)

LARGEST_EXACT = 2**53
DEEPEST = 64

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
KEYS = TEXTS.filter(str.strip)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_EXACT, LARGEST_EXACT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
PROPERTIES = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)


@given(PROPERTIES)
def test_whatever_is_taken_comes_back_equal_over_json(properties: dict[str, Any]) -> None:
    checked_properties(properties)
    for back in (json.loads(json.dumps(properties)), msgspec.json.decode(msgspec.json.encode(properties))):
        assert DesiredProperties(values=properties).open_keys(back) == ()


@given(PROPERTIES, PROPERTIES)
def test_after_a_change_nothing_is_open_and_before_it_exactly_what_differs(
    had: dict[str, Any], values: dict[str, Any]
) -> None:
    wanted = DesiredProperties(values=values)
    assert wanted.open_keys({**had, **values}) == ()
    assert set(wanted.open_keys(had)) == {k for k, v in values.items() if k not in had or not equal(had[k], v)}


@given(PROPERTIES, st.lists(KEYS, min_size=1, max_size=4, unique=True))
def test_absent_keys_are_open_where_they_are_there_whatever_their_value(had: dict[str, Any], keys: list[str]) -> None:
    wanted = DesiredProperties(absent=tuple(keys))
    assert wanted.open_keys(had) == tuple(key for key in keys if key in had)
    assert wanted.open_keys({key: value for key, value in had.items() if key not in keys}) == ()


def test_a_null_is_a_property() -> None:
    assert DesiredProperties(absent=("a",)).open_keys({"a": None}) == ("a",)
    assert DesiredProperties(values={"a": None}).open_keys({}) == ("a",)
    assert DesiredProperties(values={"a": None}).open_keys({"a": None}) == ()


@given(VALUES)
def test_equality_is_reflexive_and_survives_a_list_of_one(value: Any) -> None:
    assert equal(value, value)
    assert equal([value], (value,))
    assert not equal([value], [value, value])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, False),
        (1, "1"),
        ("", None),
        (0, None),
        ([], {}),
        ([1], [True]),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1, "b": None}),
        ("a", "A"),
        ([1, 2], [2, 1]),
    ],
)
def test_what_looks_alike_is_not_equal(one: Any, other: Any) -> None:
    assert not equal(one, other)
    assert not equal(other, one)


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (0.0, -0.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ((1,), [1])])
def test_what_json_does_not_tell_apart_is_equal(one: Any, other: Any) -> None:
    assert equal(one, other)
    assert equal(other, one)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "finite"),
        (float("-inf"), "finite"),
        (LARGEST_EXACT + 1, "2^53"),
        (-LARGEST_EXACT - 1, "2^53"),
        ([{"deep": LARGEST_EXACT + 1}], "2^53"),
        ("a\0b", "NUL"),
        ("\ud800", "surrogate"),
        ({"a\0": 1}, "key in it"),
        ({1: 2}, "key in it"),
        ({"a": ["\udfff"]}, "surrogate"),
        (object(), "object"),
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        (nested(DEEPEST + 1), "deep"),
    ],
    ids=lambda value: (
        value if isinstance(value, str) and value.isascii() and "\0" not in value else type(value).__name__
    ),
)
def test_what_the_server_cannot_hold_is_refused_by_its_key(value: Any, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)) as caught:
        checked_properties({"good": 1, "the key": value})
    assert "the key" in str(caught.value)


@pytest.mark.parametrize(
    "value", [LARGEST_EXACT, -LARGEST_EXACT, 1e300, "", "\u2028 \U0001f600", nested(DEEPEST), [], {}, {"": 1}, (1, 2)]
)
def test_what_it_can_hold_is_taken(value: Any) -> None:
    checked_properties({"key": value})


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ((), "at least one"),
        ("plan", "no list"),
        (({"a"}), "no list"),
        (("",), "visible"),
        (("  ",), "visible"),
        ((3,), "visible"),
        (("a", "b", "a"), "twice"),
        (("a\0",), "NUL"),
        (("\ud800",), "surrogate"),
        (("k" * (LONGEST_KEY + 1),), "too long"),
        (tuple(map(str, range(MOST_KEYS + 1))), "up to 100"),
    ],
)
def test_keys_that_cannot_be_keys_are_refused(keys: Any, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        checked_keys(keys)


@pytest.mark.parametrize("keys", [("a",), ["k" * LONGEST_KEY], tuple(map(str, range(MOST_KEYS))), ("$set", "é", " a ")])
def test_other_keys_are_taken(keys: Any) -> None:
    checked_keys(keys)


@pytest.mark.parametrize("properties", [None, [("a", 1)], "a", {}])
def test_properties_are_an_object_with_something_in_it(properties: Any) -> None:
    with pytest.raises(InputError):
        checked_properties(properties)


def test_all_values_together_are_bounded() -> None:
    half = "x" * (LARGEST_BYTES // 2)
    checked_properties({"a": half, "b": half[:-20]})
    with pytest.raises(InputError, match="524,288") as caught:
        checked_properties({"a": half, "b": half})
    assert len(str(caught.value)) < 200


def test_no_value_is_in_a_repr() -> None:
    assert repr(DesiredProperties(values={"note": "private"}, absent=("email",))) == "Wanted(keys=('note', 'email'))"


def test_what_was_checked_is_what_is_asked_whatever_happens_to_what_was_given() -> None:
    given_values: dict[str, Any] = {"tags": ["a"]}
    given_keys = ["email"]
    update, unset = UpdateProperties(properties=given_values), UnsetProperties(keys=given_keys)  # type: ignore[arg-type]
    given_values["tags"].append(object())
    given_keys.append("\0")
    assert update.properties == {"tags": ["a"]}
    assert unset.keys == ("email",)
