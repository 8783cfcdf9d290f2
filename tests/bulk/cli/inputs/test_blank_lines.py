"""Blank lines of every input: skipped, counted, listed by number, and no reason for attention."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def rows_of(text: str) -> list[str]:
    return [" ".join(row.split()) for row in text.splitlines()]


@pytest.mark.parametrize(
    ("text", "options", "blank"),
    [
        ("user-1\nuser-2\n\n", ("--distinct-ids", "x.csv"), "3"),
        ("\n \nuser-1\n\t\nuser-2\n", ("--distinct-ids", "x.csv"), "1-2,4"),
        ("id,name\nuser-1,Ann\n,\n\nuser-2,Bob\n", ("--distinct-ids", "x.csv", "--column", "id"), "3-4"),
        (
            "distinct_id,reference,received,name\nuser-1,DSR-1,2026-11-20,Ann\n,,,\n\nuser-2,DSR-2,2026-11-20,Bob\n",
            ("--requests", "x.csv"),
            "3-4",
        ),
    ],
    ids=["a line at the end", "first lines", "a CSV file", "requests"],
)
def test_blank_lines_are_counted_and_need_no_attention(
    run: Run, posthog: Any, text: str, options: tuple[str, ...], blank: str
) -> None:
    Path("x.csv").write_text(text)
    line = ("delete", *options, "--plan", "x.plan.jsonl", "--yes", "--expect-count", "2")
    result = run(*line)
    assert result.code == 0, result.err
    count = str(sum(int(last) - int(first) + 1 for first, last in (pair_of(part) for part in blank.split(","))))
    assert f"Blank lines, which were skipped {count} {blank}" in " ".join(" ".join(rows_of(result.out)).split())
    assert "refused" not in result.out
    assert run("verify", "x.journal.jsonl").code == 0
    status = json.loads(run("status", "x.journal.jsonl", "--json").out)
    assert (status["duty"]["state"], status["input"]["refused"]) == ("complete", 0)
    number = pair_of(blank.split(",")[0])[0]
    assert "is blank and was skipped" in run("show", "x.plan.jsonl", "--line", number).out


def pair_of(part: str) -> tuple[str, str]:
    first, _, last = part.partition("-")
    return first, last or first


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("id,name\nuser-1,Ann\n,Bob\n", ("--distinct-ids", "x.csv", "--column", "id")),
        ("distinct_id,reference,received,name\nuser-1,DSR-1,2026-11-20,Ann\n,,,Bob\n", ("--requests", "x.csv")),
    ],
    ids=["a CSV file", "requests"],
)
def test_a_row_whose_id_is_missing_is_refused_and_not_covered(
    run: Run, posthog: Any, text: str, options: tuple[str, ...]
) -> None:
    Path("x.csv").write_text(text)
    planned = run("plan", "delete", *options, "-o", "x.plan.jsonl")
    assert "1 of 2 input lines (1 refused)" in planned.out
    assert "Blank" not in planned.out


@pytest.mark.parametrize("options", [("--distinct-ids", "x.csv"), ("--distinct-ids", "x.csv", "--column", "id")])
def test_an_input_of_blank_lines_is_refused_before_any_request(
    run: Run, posthog: Any, options: tuple[str, ...]
) -> None:
    Path("x.csv").write_text("id\n\n \n" if "--column" in options else "\n\n \n")
    refused = run("plan", "delete", *options, "-o", "x.plan.jsonl")
    assert (refused.code, "the input has only blank lines" in refused.sentence) == (3, True)
    assert not posthog.server.requests
