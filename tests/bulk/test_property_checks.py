"""Values that a job may set are read back equal; other values are refused by a message without the value."""

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
    MAX_KEY_LENGTH,
    MAX_KEYS,
    MAX_VALUES_BYTES,
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


@pytest.mark.slow
@given(PROPERTIES)
def test_accepted_values_are_equal_after_a_round_trip_over_json(properties: dict[str, Any]) -> None:
    checked_properties(properties)
    for back in (json.loads(json.dumps(properties)), msgspec.json.decode(msgspec.json.encode(properties))):
        assert DesiredProperties(values=properties).unmet_keys(back) == ()


@pytest.mark.slow
@given(PROPERTIES, PROPERTIES)
def test_unmet_keys_are_exactly_those_that_differ(had: dict[str, Any], values: dict[str, Any]) -> None:
    wanted = DesiredProperties(values=values)
    assert wanted.unmet_keys({**had, **values}) == ()
    assert set(wanted.unmet_keys(had)) == {k for k, v in values.items() if k not in had or not equal(had[k], v)}


@pytest.mark.slow
@given(PROPERTIES, st.lists(KEYS, min_size=1, max_size=4, unique=True))
def test_a_key_to_remove_is_unmet_while_it_exists(had: dict[str, Any], keys: list[str]) -> None:
    wanted = DesiredProperties(absent=tuple(keys))
    assert wanted.unmet_keys(had) == tuple(key for key in keys if key in had)
    assert wanted.unmet_keys({key: value for key, value in had.items() if key not in keys}) == ()


def test_a_null_is_a_property() -> None:
    assert DesiredProperties(absent=("a",)).unmet_keys({"a": None}) == ("a",)
    assert DesiredProperties(values={"a": None}).unmet_keys({}) == ("a",)
    assert DesiredProperties(values={"a": None}).unmet_keys({"a": None}) == ()


@pytest.mark.slow
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
def test_similar_values_of_different_types_are_not_equal(one: Any, other: Any) -> None:
    assert not equal(one, other)
    assert not equal(other, one)


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (0.0, -0.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ((1,), [1])])
def test_values_that_json_does_not_distinguish_are_equal(one: Any, other: Any) -> None:
    assert equal(one, other)
    assert equal(other, one)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "finite"),
        (float("-inf"), "finite"),
        (LARGEST_EXACT + 1, "2^53"),
        (-LARGEST_EXACT - 1, "2^53"),
        ([{"deep": LARGEST_EXACT + 1}], "2^53"),
        ("a\0b", "NUL"),
        ("\ud800", "surrogate"),
        ({"a\0": 1}, "has a key that"),
        ({1: 2}, "has a key that"),
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
def test_a_value_that_the_server_cannot_store_is_refused_by_its_key(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        checked_properties({"good": 1, "the key": value})
    assert "the key" in str(caught.value)


@pytest.mark.parametrize(
    "value", [LARGEST_EXACT, -LARGEST_EXACT, 1e300, "", "\u2028 \U0001f600", nested(DEEPEST), [], {}, {"": 1}, (1, 2)]
)
def test_a_value_that_the_server_can_store_is_accepted(value: Any) -> None:
    checked_properties({"key": value})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ((), "at least one"),
        ("plan", "must be a list of strings"),
        (({"a"}), "must be a list of strings"),
        (("",), "visible"),
        (("  ",), "visible"),
        ((3,), "visible"),
        (("a", "b", "a"), "twice"),
        (("a\0",), "NUL"),
        (("\ud800",), "surrogate"),
        (("k" * (MAX_KEY_LENGTH + 1),), "401 characters: use at most 400"),
        (tuple(map(str, range(MAX_KEYS + 1))), "up to 100"),
    ],
)
def test_keys_that_cannot_be_keys_are_refused(keys: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        checked_keys(keys)


@pytest.mark.parametrize(
    "keys", [("a",), ["k" * MAX_KEY_LENGTH], tuple(map(str, range(MAX_KEYS))), ("$set", "é", " a ")]
)
def test_valid_keys_are_accepted(keys: Any) -> None:
    checked_keys(keys)


@pytest.mark.parametrize("properties", [None, [("a", 1)], "a", {}])
def test_properties_must_be_a_non_empty_object(properties: Any) -> None:
    with pytest.raises(InputError):
        checked_properties(properties)


def test_the_size_of_all_values_is_bounded() -> None:
    half = "x" * (MAX_VALUES_BYTES // 2)
    checked_properties({"a": half, "b": half[:-20]})
    with pytest.raises(InputError, match="524,288") as caught:
        checked_properties({"a": half, "b": half})
    assert len(str(caught.value)) < 200


def test_a_repr_shows_no_value() -> None:
    assert (
        repr(DesiredProperties(values={"note": "private"}, absent=("email",)))
        == "DesiredProperties(keys=('note', 'email'))"
    )


def test_an_operation_keeps_a_copy_of_its_checked_values() -> None:
    given_values: dict[str, Any] = {"tags": ["a"]}
    given_keys = ["email"]
    update, unset = UpdateProperties(properties=given_values), UnsetProperties(keys=given_keys)  # type: ignore[arg-type]
    given_values["tags"].append(object())
    given_keys.append("\0")
    assert update.properties == {"tags": ["a"]}
    assert unset.keys == ("email",)
