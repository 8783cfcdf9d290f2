"""Rows of --values that cannot be used, and blank ones: what the command says, sends and counts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

CSV = ("--values", "values.csv", "--id-column", "distinct_id:user", "--types", "seats=number,vip=boolean")
GO = ("--yes", "--expect-count", 1)


def write(text: str, name: str = "values.csv") -> None:
    Path(name).write_text(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "user,seats,vip\nuser-1,ten,true\nuser-2,eleven,true\nuser-3,1,yes\n",
            "(lines 2-3: not a number (column 'seats'); line 4: not a boolean (column 'vip')); correct the values, or",
        ),
        ("user,seats\n,1\n,2\n", "(lines 2-3: no ID (column 'user')); correct the input"),
        ("user,seats\nuser-1\n", "(line 2: more or fewer cells than the header)"),
        ("user,seats\nundefined,1\n", "(line 2: placeholder ID (column 'user'))"),
        ("user,seats,vip\nuser-1,1,x\0y\n", "(line 2: not a boolean (column 'vip'))"),
        (
            "user,seats\n" + "".join(f"user-{n},x\n\n" for n in range(40)),
            "none of the 40 input lines can be used (lines 2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,36,38,40,42,",
        ),
    ],
)
def test_where_every_row_is_refused_the_lines_the_column_and_the_reason_are_named_before_any_request(
    run: Run, posthog: Any, text: str, words: str
) -> None:
    write(text)
    types = CSV if "vip" in text.partition("\n")[0] else (*CSV[:4], "--types", "seats=number")
    refused = run("update", *types, *GO)
    assert refused.code == 3
    assert words in refused.sentence
    assert "user-" not in refused.err
    assert not posthog.server.requests
    assert not [*Path().glob("*.jsonl")]


def test_the_key_of_json_lines_is_named_too(run: Run, posthog: Any) -> None:
    write('{"distinct_id":7,"a":1}\n\n{"distinct_id":"x","a":1e999}\n', "rows.jsonl")
    refused = run("update", "--values", "rows.jsonl", *GO)
    assert (refused.code, posthog.server.requests) == (3, [])
    assert (
        "none of the 2 input lines can be used (line 1: no ID (key 'distinct_id'); line 3: a value that the server "
        "cannot store (key 'a'))"
    ) in refused.sentence


def test_the_review_and_show_name_the_column_of_a_refused_row(run: Run, posthog: Any) -> None:
    write("user,seats,vip\nuser-1,1,true\nuser-2,two,true\n")
    planned = run("plan", "update", *CSV, "-o", "x.plan.jsonl")
    assert planned.code == 0, planned.err
    assert "Lines refused: not a number (column 'seats')" in planned.out
    assert "1 of 2 input lines (1 refused)" in planned.out
    assert "Line 3 is refused: not a number (column 'seats')." in run("show", "x.plan.jsonl", "--line", 3).out


@pytest.mark.parametrize("name", ["values.csv", "rows.jsonl"])
def test_blank_lines_are_counted_and_are_neither_refused_nor_not_covered(run: Run, posthog: Any, name: str) -> None:
    if name == "values.csv":
        write("user,seats,vip\n\nuser-1,1,true\n , ,\t\n   \n\n")
        arguments, blank = CSV, "2,4-6"
    else:
        write('\n{"distinct_id":"user-1","seats":1,"vip":true}\n  \n\n', name)
        arguments, blank = ("--values", name), "1,3-4"
    done = run("update", *arguments, *GO, "--plan", "x.plan.jsonl")
    assert done.code == 0, done.err
    count = "4" if name == "values.csv" else "3"
    row = next(line for line in done.out.splitlines() if "Blank lines" in line)
    assert row.split()[-2:] == [count, blank]
    assert "refused" not in done.out
    assert "not covered" not in done.out.lower() + done.err.lower()
    assert "is blank" in run("show", "x.plan.jsonl", "--line", blank[0]).out
    shown = json.loads(run("show", "x.plan.jsonl", "--line", blank[0], "--json").out)
    assert (shown["outcome"], shown["targets"]) == ("blank", [])
    report = json.loads(run("report", "x.journal.jsonl", "--format", "json").out)
    assert (report["input"]["refused"], report["input"]["not_covered"]) == (0, 0)
    counts = run("report", "x.journal.jsonl").out
    assert "Blank lines" in counts


def test_a_file_of_blank_rows_has_no_row(run: Run, posthog: Any) -> None:
    write("user,seats,vip\n\n,,\n")
    refused = run("update", *CSV, *GO)
    assert (refused.code, posthog.server.requests) == (2, [])
    assert "has a header and no row" in refused.sentence
