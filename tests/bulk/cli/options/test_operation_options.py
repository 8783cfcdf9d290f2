"""The operation on the command line: what is accepted, and what is refused before a request is sent."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.cli.options.operation_options import KINDS, TAKES, OperationArguments, build_operation, parse_assignments
from bulk.operations import (
    DeleteEvents,
    DeletePersons,
    DeleteRecordings,
    Operation,
    UnsetProperties,
    UpdateProperties,
    to_dict,
)

Run = Callable[..., Any]

EVERYONE = ("--everyone", "--yes", "--expect-count", "60")
KEYS = st.text(st.characters(exclude_characters="=", exclude_categories=["Cs"])).filter(
    lambda key: key.strip() and not key.endswith(":")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@given(st.dictionaries(KEYS, st.text() | VALUES, min_size=1, max_size=5), st.booleans())
def test_update_sets_the_values_as_written(properties: dict[str, Any], as_text: bool) -> None:
    arguments = [
        f"{key}={value}" if as_text and isinstance(value, str) else f"{key}:={json.dumps(value)}"
        for key, value in properties.items()
    ]
    found = parse_assignments(arguments)
    assert found == properties
    assert json.dumps(found) == json.dumps(properties)  # true is not 1


@pytest.mark.slow
@given(KEYS, st.text())
def test_the_first_separator_ends_the_key(key: str, text: str) -> None:
    assert parse_assignments([f"{key}={text}"]) == {key: text}
    assert parse_assignments([f"{key}=:={text}"]) == {key: f":={text}"}
    assert parse_assignments([f"{key}:=1"]) == {key: 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "needs the properties to set"),
        (("plan=pro", "Lovelace"), "argument 2 of update follows the value of"),
        (("=Lovelace",), "argument 1 of update has no key"),
        ((":=1",), "argument 1 of update has no key"),
        ((" =Lovelace",), "argument 1 of update has no key"),
        (("plan=Lovelace", "plan:=1"), "argument 2 of update repeats the key 'plan'"),
        (("n:=",), "the value of 'n' is not valid JSON because it is empty"),
        (("n:=Lovelace",), "the value of 'n' is not valid JSON at character 1 (Expecting value)"),
        (('n:=["Lovelace",]',), "at character 13"),
        (("n:=1 2",), "at character 3 (Extra data)"),
        (("n:=NaN",), "neither NaN nor Infinity"),
        (("n:=[-Infinity]",), "neither NaN nor Infinity"),
        (('n:={"a":1,"a":2}',), "an object in it has a key twice"),
        (("n:=" + "1" * 5000,), "too many digits"),
        (("n:=" + "[" * 100_000,), "nested too deep"),
        (("\x1b[2J:=x",), r"the value of '\\x1b[2J' is not"),
    ],
)
def test_update_refuses_an_unreadable_argument_without_repeating_its_value(
    arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(click.UsageError) as caught:
        parse_assignments(arguments)
    assert message in caught.value.message
    assert "Lovelace" not in caught.value.message
    assert ": " in caught.value.message  # what happened, then what to do


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        ("delete", OperationArguments(), DeletePersons()),
        (
            "delete",
            OperationArguments(delete_events=True, delete_recordings=True),
            DeletePersons(delete_events=True, delete_recordings=True),
        ),
        ("delete-events", OperationArguments(), DeleteEvents()),
        ("delete-recordings", OperationArguments(), DeleteRecordings()),
        ("unset", OperationArguments(property_arguments=("a", "b=c")), UnsetProperties(keys=("a", "b=c"))),
        (
            "unset",
            OperationArguments(property_arguments=("a",), route="rest"),
            UnsetProperties(keys=("a",), route="rest"),
        ),
        (
            "update",
            OperationArguments(property_arguments=("a=b", "n:=[1]"), route="capture"),
            UpdateProperties(properties={"a": "b", "n": [1]}, route="capture"),
        ),
    ],
)
def test_arguments_become_the_operation(kind: str, arguments: OperationArguments, expected: Operation) -> None:
    assert to_dict(build_operation(kind, arguments)) == to_dict(expected)


GIVEN = {"property_arguments": ("a=b",), "route": "rest", "delete_events": True, "delete_recordings": True}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", GIVEN)
def test_an_option_of_another_operation_is_refused(kind: str, name: str) -> None:
    base = OperationArguments(property_arguments=("a=b",) if "property_arguments" in TAKES[kind] else ())
    arguments = msgspec.structs.replace(base, **{name: GIVEN[name]})
    if name in TAKES[kind]:
        assert build_operation(kind, arguments)
        return
    with pytest.raises(click.UsageError) as caught:
        build_operation(kind, arguments)
    assert kind in caught.value.message
    assert name == "property_arguments" or f"--{name.replace('_', '-')} only works with" in caught.value.message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("unset",), "give at least one KEY"),
        (("unset", ""), "visible character"),
        (("unset", "a", "a"), "twice"),
        (("unset", "a" * 401), "401 characters"),
        (("unset", "a", "--delete-events"), "--delete-events"),
        (("unset", "a", "--route", "soap"), "--route"),
        (("update",), "needs the properties to set"),
        (("update", "a"), "argument 1"),
        (("update", "a:={"), "character 2"),
        (("update", "n:=9007199254740993"), "2^53"),
        (("update", "n:=1e999"), "finite"),
        (("update", 'n:="\\u0000"'), "NUL"),
        (("update", 'n:="\\ud800"'), "surrogate"),
        (("update", "a=b", "--delete-recordings"), "--delete-recordings"),
        (("delete", "a"), "unexpected extra argument"),
        (("delete", "--route", "rest"), "--route"),
        (("delete-events", "a"), "unexpected extra argument"),
        (("delete-recordings", "--delete-events"), "--delete-events"),
    ],
)
def test_an_invalid_operation_sends_no_request(
    run: Run, posthog: Any, arguments: tuple[str, ...], message: str
) -> None:
    result = run(*arguments, *EVERYONE)
    assert (result.code, result.out, len(result.err.splitlines())) == (2, "", 1), result
    assert message in result.sentence
    planned = run("plan", *arguments, "--everyone", "-o", "x.plan.jsonl")
    assert (planned.code, planned.out, len(planned.err.splitlines())) == (2, "", 1), planned
    assert list(Path().iterdir()) == []
    assert not posthog.server.requests


@pytest.mark.parametrize(
    "arguments",
    [("unset", "a"), ("update", "a=b"), ("delete-events",), ("delete-recordings",)],
)
def test_without_a_selection_option_nothing_is_sent(run: Run, posthog: Any, arguments: tuple[str, ...]) -> None:
    for command in (("plan", *arguments, "-o", "x.plan.jsonl"), (*arguments, "--yes", "--expect-count", "60")):
        result = run(*command)
        assert (result.code, "--everyone" in result.sentence) == (2, True)
    assert not posthog.server.requests


def test_update_quotes_a_first_argument_without_an_equals_sign() -> None:
    with pytest.raises(click.UsageError, match="argument 1 of update is 'plan' and has no =: write KEY=TEXT"):
        parse_assignments(["plan", "vip"])
