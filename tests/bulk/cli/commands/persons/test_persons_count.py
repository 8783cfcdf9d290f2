"""persons --count: the number of persons that an export would have, and nothing else on stdout."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import Fault

Run = Callable[..., Any]

SELECTIONS: list[tuple[str, ...]] = [
    (),
    ("--everyone",),
    ("--where", "plan exact free"),
    ("--where", "plan exact none-of-them"),
    ("--email", "user1@example.com"),
    ("--distinct-ids", "ids"),
    ("--uuids", "uuids"),
    ("--emails", "emails", "--email-match", "ignore-case"),
    ("--identified",),
    ("--created-before", "2024-01-01T00:10:00Z", "--where", "plan exact free"),
    ("--hogql", "SELECT distinct_id FROM person_distinct_ids"),
]


@pytest.fixture(autouse=True)
def inputs(posthog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)
    uuids = list(posthog.server.world.iter_uuids())
    Path("ids").write_text("user-1\nuser-2\nuser-5\nuser-5-device-1\n\nnobody\nuser-1\n")
    Path("uuids").write_text("".join(f"{uuid}\n" for uuid in uuids[:7]))
    Path("emails").write_text("USER1@example.com\nuser2@example.com\nnobody@example.com\n")


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize("selection", SELECTIONS, ids=lambda words: " ".join(words))
def test_the_count_is_that_of_the_export(run: Run, posthog: Any, selection: tuple[str, ...]) -> None:
    exported = run("persons", *selection)
    counted = run("persons", *selection, "--count")
    assert (exported.code, counted.code) == (0, 0)
    assert counted.out == f"{len(exported.out.splitlines())}\n"
    assert not posthog.mutations


def test_findings_are_for_people_on_stderr(run: Run) -> None:
    counted = run("persons", "--distinct-ids", "ids", "--count", "--format", "csv")
    assert counted.out == "3\n"
    rows = [line.split() for line in counted.err.splitlines()]
    assert ["Lines", "that", "matched", "no", "person", "1", "6"] in rows
    assert ["Blank", "lines,", "which", "were", "skipped", "1", "5"] in rows


def test_json_has_the_count_and_the_findings(run: Run) -> None:
    last = json.loads(run("persons", "--distinct-ids", "ids", "--count", "--json").out.splitlines()[-1])
    assert (last["event"], last["count"]) == ("count", 3)
    assert {"kind": "lines", "count": 7} in last["findings"]


def test_a_count_that_is_not_complete_is_not_written(run: Run, posthog: Any) -> None:
    Path("ids").write_text("".join(f"user-{number}\n" for number in range(300)))
    posthog.server.faults.add(Fault("status", action="batch_by_distinct_ids", status=400, after=1))
    result = run("persons", "--distinct-ids", "ids", "--count")
    assert [request.status for request in posthog.server.requests] == [200, 400]
    assert (result.code, result.out) == (2, "")


def test_a_count_has_no_file(run: Run, posthog: Any) -> None:
    result = run("persons", "--count", "-o", "x.jsonl")
    assert (result.code, result.out) == (2, "")
    assert "--count writes the number of persons to stdout: leave out --output" in result.sentence
    assert not posthog.server.requests
    assert not Path("x.jsonl").exists()
