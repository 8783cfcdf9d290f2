"""show tells which values a person gets, where each person gets its own, as text and as JSON, without the server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

ROWS = ("update", "--values", "values.csv", "--types", "seats=number,tags=json", "--empty-is", "unset")


@pytest.fixture
def planned(run: Run, posthog: Any) -> None:
    """A plan in which two persons get values of their own, and one of them loses a property."""
    Path("values.csv").write_text(
        'distinct_id,plan,seats,tags\nuser-1,"vip\x1b[2J\u202e",3,"[1,null]"\nuser-2,free,,{}\nuser-3,x,1,1\n'
    )
    made = run("plan", *ROWS, "-o", "x.plan.jsonl")
    assert made.code == 0, made.err
    posthog.server.requests.clear()


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize("arguments", [("--target", 1), ("--line", 3)])
def test_one_person_has_a_row_per_property(run: Run, posthog: Any, arguments: tuple[str, int]) -> None:
    shown = run("show", "x.plan.jsonl", *arguments).out.splitlines()
    assert [line.split(maxsplit=1)[1] for line in shown if line.startswith(("Sets", "Removes"))] == [
        'plan = "free"',
        "seats",
    ]
    assert "             tags = {}" in shown
    assert not posthog.server.requests


@pytest.mark.usefixtures("planned")
def test_several_persons_have_a_column(run: Run) -> None:
    text = run("show", "x.plan.jsonl", "--target", "0-2").out
    assert text.splitlines()[0].split()[-2:] == ["Line", "Values"]
    assert 'plan="free", tags={},' in text
    assert "without seats" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.usefixtures("planned")
def test_json_has_the_values_as_they_are_sent(run: Run) -> None:
    found = [json.loads(line) for line in run("show", "x.plan.jsonl", "--target", "0-1", "--json").out.splitlines()]
    assert [one["values"] for one in found] == [
        {"set": {"plan": "vip\x1b[2J\u202e", "seats": 3, "tags": [1, None]}, "set_once": {}, "unset": []},
        {"set": {"plan": "free", "tags": {}}, "set_once": {}, "unset": ["seats"]},
    ]
    (line,) = json.loads(run("show", "x.plan.jsonl", "--line", "3", "--json").out)["targets"]
    assert line["values"] == found[1]["values"]


def test_values_that_are_set_once_say_so(run: Run, posthog: Any) -> None:
    Path("values.csv").write_text("distinct_id,plan\nuser-1,vip\n")
    assert run("plan", "update", "--values", "values.csv", "--once", "-o", "x.plan.jsonl").code == 0
    assert 'Sets if absent  plan = "vip"' in run("show", "x.plan.jsonl", "--target", "0").out
    shown = json.loads(run("show", "x.plan.jsonl", "--target", "0", "--json").out)
    assert shown["values"] == {"set": {}, "set_once": {"plan": "vip"}, "unset": []}


def test_persons_that_all_get_the_same_have_no_values_of_their_own(run: Run, posthog: Any) -> None:
    Path("ids").write_text("user-1\n")
    assert run("plan", "update", "plan=vip", "--distinct-ids", "ids", "-o", "x.plan.jsonl").code == 0
    assert "vip" not in run("show", "x.plan.jsonl", "--target", "0").out
    assert json.loads(run("show", "x.plan.jsonl", "--target", "0", "--json").out)["values"] is None
