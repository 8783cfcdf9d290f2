"""Every line of an input is accounted for: expected lines, JSON, and all flaws at once."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk.plan.plan_file import load_plan
from bulk.selection.input_findings import by_kind
from tests.bulk.cli.inputs.input_rows import IDS, PERSON

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("options", "lines", "message"),
    [
        (IDS, 3, None),
        (IDS, 2, "has 3 lines, but --expect-lines says 2"),
        (("--where", "plan is_set"), 0, "was made without input lines, but --expect-lines says 0; leave out"),
    ],
)
def test_expected_lines_are_those_of_the_input(
    run: Run, people: Any, options: tuple[str, ...], lines: int, message: str | None
) -> None:
    Path("in").write_bytes(b"user-1\nnobody\n\n")
    assert run("plan", "delete", *options, "-o", "x.plan.jsonl").code == 0
    with load_plan("x.plan.jsonl") as plan:
        digest = plan.digest
    by_plan = run("run", "x.plan.jsonl", "--approve", digest, "--expect-lines", lines)
    assert by_plan.code == (0 if message is None else 3)
    if message is not None:
        assert message in by_plan.sentence
        at_once = run("delete", *options, "--yes", "--expect-count", 1, "--expect-lines", lines)
        assert (at_once.code, people.mutations) == (3, [])


def test_json_says_what_is_not_covered(run: Run, people: Any) -> None:
    Path("in").write_bytes(b"user-1\nnobody\nnull\n")
    result = run("delete", *IDS, "--yes", "--expect-count", 1, "--json")
    events = {event["event"]: event for event in map(json.loads, result.out.splitlines())}
    expected: dict[str, Any] = {"lines": 3, "not_covered": 2, "unmatched": 1, "refused": 1, "unread": 0, "protected": 0}
    expected |= {"repeated": 0, "repeated_unmatched": 0, "expected": 0, "expected_at": None, "expected_by": None}
    assert events["plan"]["input"] == expected
    assert events["report"]["input"] == expected
    (journal,) = Path().glob("*.journal.jsonl")
    assert json.loads(run("status", journal, "--json").out)["input"] == expected


FLAWS: tuple[Callable[[str], str], ...] = (
    lambda value: value,
    lambda value: f" {value}",
    lambda value: f'"{value}"',
    lambda value: f"{value};Ann",
    lambda value: f"{value}\u200b",
    lambda value: f"{value}@example.com",
    lambda value: f"{PERSON[:-4]}{int(value.partition('-')[2]):04x}",
    lambda value: value.partition("-")[2],
    lambda value: "",
    lambda value: f"{value}\0",
    lambda value: f"{value}\tx",
    lambda value: "undefined",
    lambda value: f"{value}\udcff",
    lambda value: "x" * 500,
    lambda value: f"nobody-{value}",
)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["lines", "csv"])
def test_ten_thousand_lines_with_every_flaw_at_once_are_all_accounted_for(run: Run, people: Any, layout: str) -> None:
    count = 10_000
    values = [f"user-{number % 6_000}" for number in range(count)]
    flawed = [FLAWS[number % len(FLAWS)](value) for number, value in enumerate(values)]
    if layout == "csv":
        file = io.StringIO()
        csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL).writerows([("n", "ID"), *((1, each) for each in flawed)])
        data = gzip.compress(file.getvalue().encode("utf-8", "surrogateescape"))
        options = ("--distinct-ids", "in", "--column", "id")
    else:
        data = "\n".join([*flawed, ""]).encode("utf-8", "surrogateescape")
        options = IDS
    Path("in").write_bytes(data)
    result = run("plan", "delete", *options, "-o", "x.plan.jsonl")
    assert result.code == 0, result.err
    with load_plan("x.plan.jsonl") as plan:
        found = by_kind(plan.findings)
        selected = {target.distinct_id for target in plan.iter()}
    assert found["lines"]["count"] == count
    matched = plan.count + found["aliases"]["count"] + found["duplicates"]["count"]
    not_covered = sum(found[kind]["count"] for kind in ("unmatched", "refused", "unread"))
    assert matched + not_covered + found.get("blank", {}).get("count", 0) == count
    assert sum(each["count"] for each in found["unmatched"]["causes"].values()) == found["unmatched"]["count"]
    assert sum(each["count"] for each in found["refused"]["reasons"].values()) == found["refused"]["count"]
    assert len(found["unmatched"]["causes"]) == 8
    assert selected <= set(values)
    assert selected == {value for value in values[:: len(FLAWS)] if int(value.partition("-")[2]) < 60}
