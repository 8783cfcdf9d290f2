"""A plan can be reviewed again, without the server, as often as needed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def review(run: Run, posthog: Any) -> str:
    """The review of x.plan.jsonl as `plan` shows it, for five persons, one unmatched line and one repeated line."""
    Path("ids").write_text("user-1\nuser-2\nnobody\nuser-3\nuser-4\nuser-5\nuser-1\n")
    result = run("plan", "delete", "--delete-events", "--distinct-ids", "ids", "-o", "x.plan.jsonl")
    assert result.code == 0
    posthog.server.requests.clear()
    return str(result.out)


def test_show_repeats_the_review_without_a_request(run: Run, posthog: Any, review: str) -> None:
    result = run("show", "x.plan.jsonl")
    assert (result.code, result.out) == (0, review)
    assert not posthog.server.requests
    rows = [line.split() for line in review.splitlines()]
    assert ["Lines", "that", "matched", "no", "person", "1", "3"] in rows
    assert any(row[:2] == ["Planning", "sent"] for row in rows)
    assert not any("target" in line.lower() for line in review.splitlines())


@pytest.mark.usefixtures("review")
def test_show_identifies_the_person_of_a_number_in_a_report(run: Run, posthog: Any) -> None:
    result = run("show", "x.plan.jsonl", "--target", "2", "--json")
    assert result.code == 0
    shown = json.loads(result.out)
    assert (shown["number"], shown["distinct_id"]) == (2, "user-3")
    assert shown["uuid"] in run("show", "x.plan.jsonl", "--target", "2").out


@pytest.mark.usefixtures("review")
def test_show_refuses_a_number_that_the_plan_does_not_have(run: Run) -> None:
    result = run("show", "x.plan.jsonl", "--target", "5")
    assert result.code == 2
    assert "x.plan.jsonl has no person 5: it has 5 persons, numbered from 0" in result.sentence


@pytest.mark.usefixtures("review")
def test_show_as_json_has_the_header_the_count_and_the_digest(run: Run) -> None:
    shown = json.loads(run("show", "x.plan.jsonl", "--json").out)
    assert (shown["count"], shown["operation"]["kind"], shown["digest"][:7]) == (5, "delete", "sha256:")


def test_a_wrong_digest_leads_to_the_review_and_not_to_the_digest(run: Run, posthog: Any, review: str) -> None:
    result = run("run", "x.plan.jsonl", "--approve", "0" * 12)
    assert result.code == 3
    digest = json.loads(run("show", "x.plan.jsonl", "--json").out)["digest"].removeprefix("sha256:")
    assert "`posthog-bulk show x.plan.jsonl`" in result.sentence
    assert digest[:12] not in result.sentence
    short = run("run", "x.plan.jsonl", "--approve", digest[:4])
    assert short.code == 3
    assert "has only 4 digits; give at least the first 12 digits of the plan's digest" in short.sentence
    word = run("run", "x.plan.jsonl", "--approve", "DIGEST")
    assert word.code == 3
    assert "the text given for approval is not a digest, which has only the digits 0 to 9 and a to f" in word.sentence
    assert "`posthog-bulk show x.plan.jsonl`" in word.sentence
    assert not posthog.mutations


def test_a_count_that_differs_is_refused_after_the_review_with_the_name_of_the_plan(run: Run, posthog: Any) -> None:
    Path("ids").write_text("user-1\n")
    made = ("--plan", "y.plan.jsonl", "--yes", "--expect-count", "2")
    result = run("delete", "--distinct-ids", "ids", *made)
    assert result.code == 3
    assert "the plan y.plan.jsonl has 1 person, but --expect-count says 2" in result.sentence
    assert "user-1" in result.out
    assert "Cannot be undone" in result.out
    assert not posthog.mutations
