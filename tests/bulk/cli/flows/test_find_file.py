"""Which IDs `report --find-file` reads from a file, and what it says of those that the receipts do not know."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
JOB = ("report", "x.journal.jsonl")


@pytest.fixture(autouse=True)
def job(run: Run, posthog: Any) -> None:
    """An erasure of two persons: one requested by distinct ID, the other by UUID."""
    uuid = posthog.server.world.uuid_of("user-1")
    rows = ["distinct_id,email,uuid,reference,received", "user-0,,,DSR-1,2026-01-31", f",,{uuid},DSR-2,2026-01-31"]
    Path("r.csv").write_text("\n".join(rows) + "\n\n")
    done = run("delete", "--requests", "r.csv", "--yes", "--expect-count", "2", "--plan", "x.plan.jsonl")
    assert done.code == 0, done.err


def results(found: Any) -> list[str]:
    return [answer["result"] for answer in json.loads(found.out)["answers"]]


def test_the_requests_of_the_job_can_be_looked_up_in_it(run: Run) -> None:
    assert results(run(*JOB, "--find-file", "r.csv", "--json")) == ["done", "done"]
    assert results(run(*JOB, "--find", "-", "--json", stdin=Path("r.csv"))) == ["done", "done"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sep=;\nName;Distinct_ID\nA;user-0\nB;nobody\n", ["done", "not_in_job"]),
        ("email\nx@example.com\n", ["not_in_job"]),
        ('name\tdistinct_id\n"A\nB"\tuser-0', ["done"]),
        ("distinct_id,email\r\nuser-0,x@example.com\r\n", ["done", "not_in_job"]),
        ("user-0\nnobody,else\n", ["done", "not_in_job"]),
        ('a"b\nuser-0\n', ["not_in_job", "done"]),
    ],
)
def test_a_table_is_read_by_its_columns_of_ids_and_a_list_by_line(run: Run, text: str, expected: list[str]) -> None:
    Path("asked").write_text(text, newline="")
    assert results(run(*JOB, "--find-file", "asked", "--json")) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("user_id,name\nuser-0,A\n", "name a column distinct_id, email or uuid"),
        ("distinct_id,name\nuser-0,A\n,B\n", "line 3 of asked has no distinct_id, email or uuid"),
        ("distinct_id\n", "asked has a header and no ID"),
        ('distinct_id,name\nuser-0,"A\n', "not valid CSV"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(run: Run, text: str, problem: str) -> None:
    Path("asked").write_text(text)
    refused = run(*JOB, "--find-file", "asked")
    assert (refused.code, refused.out) == (2, "")
    assert problem in refused.sentence


def test_whole_lines_of_a_table_without_a_header_get_a_hint(run: Run) -> None:
    Path("asked").write_text("user-0,A\nuser-1;B\nuser-0\n")
    hint = "2 of the IDs that were not found have a comma, a semicolon, a tab or a bar"
    assert hint in run(*JOB, "--find-file", "asked").err
    assert "user-0" not in run(*JOB, "--find-file", "asked").err


def test_an_id_that_did_not_select_a_person_does_not_rule_it_out(run: Run) -> None:
    one = " ".join(run(*JOB, "--find", "user-1@example.com").out.split())
    assert "NOT FOUND BY THIS ID" in one
    assert "by the IDs in its input: ask with one of those" in one
    assert "part of this job" not in one.lower()
    both = run(*JOB, "--find", "user-1@example.com", "--find", "user-2@example.com").out
    assert "NOT FOUND BY THESE IDS" in both
