"""show names the persons of a number, a range or an input line, and why a line selected none, without the server."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from bulk.plan.plan_file import FORMAT, PlanHeader
from bulk.plan.plan_writer import PlanWriter
from bulk.selection.input_findings import Findings

Run = Callable[..., Any]

LINES = "user-1\nuser-5\n nobody\n\nuser-5-device-1\nuser-1\nuser-7\nuser-2\nnobody\nnobody\n"
OUTCOMES: dict[int, tuple[str, str | None, list[int]]] = {
    1: ("selected", None, [0]),
    2: ("selected", None, [1]),
    3: ("unmatched", "leading or trailing whitespace", []),
    4: ("blank", None, []),
    5: ("already_selected", None, []),
    6: ("repeated", None, []),
    7: ("protected", None, []),
    8: ("selected", None, [2]),
    9: ("unmatched", "no likely cause", []),
    10: ("repeated", "that line is not covered", []),
}
NO_CAUSE = "It has no obvious typing error: PostHog has no such person, or has it under another ID"
SENTENCES = {
    2: "Line 2 selected person 1 of the plan:",
    3: "Line 3 matched no person: leading or trailing whitespace.",
    4: "Line 4 is blank and was skipped.",
    5: "Line 5 names a person that line 2 selects.\nLine 2 selected person 1 of the plan:",
    6: "Line 6 repeats line 1.\nLine 1 selected person 0 of the plan:",
    7: "Line 7 names a protected person, which no plan may contain.",
    9: f"Line 9 matched no person. {NO_CAUSE}.\n",
    10: f"Line 10 repeats line 9: that line is not covered.\nLine 9 matched no person. {NO_CAUSE}.\n",
}


@pytest.fixture(autouse=True)
def second_looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


@pytest.fixture
def planned(run: Run, posthog: Any) -> None:
    """A plan whose input has a line with each outcome."""
    Path("ids").write_text(LINES)
    Path("staff").write_text("user-7\n")
    made = run("plan", "delete", "--distinct-ids", "ids", "--protect", "staff", "-o", "x.plan.jsonl")
    assert made.code == 0, made.err
    posthog.server.requests.clear()


def header(details: dict[str, Any]) -> PlanHeader:
    return PlanHeader(
        format=FORMAT, created_at="2026-11-23T12:00:00Z", version="0", host="https://x.test", project_id=1,
        project_name="P", operation={"kind": "delete"}, selection={"summary": details, "details": details},
    )  # fmt: skip


def write_plan(count: int, findings: Findings, *, lines: bool) -> None:
    """Write x.plan.jsonl with persons that are each from the line after their number."""
    with PlanWriter.create("x.plan.jsonl", header({"kind": "distinct_ids", "file": "ids"})) as writer:
        for number in range(count):
            at = datetime(2026, 1, 1, tzinfo=UTC)
            writer.add(UUID(int=number), at, f"id-{number}", line=number + 1 if lines else None)
        writer.finish(findings=findings.to_list(requests=0)).close()


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize("line", OUTCOMES)
def test_a_line_has_its_persons_or_the_reason_why_it_has_none(run: Run, posthog: Any, line: int) -> None:
    outcome, reason, numbers = OUTCOMES[line]
    shown = json.loads(run("show", "x.plan.jsonl", "--line", str(line), "--json").out)
    assert (shown["line"], shown["outcome"], shown["reason"]) == (line, outcome, reason)
    assert shown["repeats"] == {5: 2, 6: 1, 10: 9}.get(line)
    assert [(person["number"], person["line"]) for person in shown["targets"]] == [(number, line) for number in numbers]
    text = run("show", "x.plan.jsonl", "--line", str(line)).out
    assert text.startswith(SENTENCES.get(line, f"Line {line} selected"))
    assert all(person["uuid"] in text and person["distinct_id"] in text for person in shown["targets"])
    assert not posthog.server.requests


@pytest.mark.usefixtures("planned")
def test_a_range_of_targets_is_a_table_or_one_json_object_per_line(run: Run, posthog: Any) -> None:
    found = [json.loads(line) for line in run("show", "x.plan.jsonl", "--target", "0,1-2", "--json").out.splitlines()]
    assert [(one["event"], one["number"], one["distinct_id"], one["line"]) for one in found] == [
        ("target", 0, "user-1", 1),
        ("target", 1, "user-5", 2),
        ("target", 2, "user-2", 8),
    ]
    rows = [row.split() for row in run("show", "x.plan.jsonl", "--target", "1-2").out.splitlines()]
    assert rows[0] == ["No.", "UUID", "Created", "Distinct", "ID", "Line"]
    assert [(row[0], row[1], row[-2], row[-1]) for row in rows[1:]] == [
        ("1", found[1]["uuid"], "user-5", "2"),
        ("2", found[2]["uuid"], "user-2", "8"),
    ]
    assert not posthog.server.requests


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--target", "7-4"), "'7-4' does not name persons: give numbers and ranges in ascending order, as in 4-7,9."),
        (("--target", "-1"), "'-1' does not name persons"),
        (("--target", "first"), "'first' does not name persons"),
        (("--target", ""), "'' does not name persons"),
        (("--target", "1-3"), "x.plan.jsonl has no person 3: it has 3 persons, numbered from 0"),
        (("--line", "0"), "0 is out of range: give at least 1"),
        (("--line", "11"), "line 11 of the input of x.plan.jsonl is beyond the end: the 10 lines are lines 1 to 10."),
        (("--line", "1", "--target", "1"), "--target and --line cannot be combined"),
    ],
)
def test_what_the_plan_does_not_have_is_refused(run: Run, options: tuple[str, ...], problem: str) -> None:
    result = run("show", "x.plan.jsonl", *options)
    assert (result.code, result.out) == (2, "")
    assert problem in result.sentence
    failed = json.loads(run("show", "x.plan.jsonl", *options, "--json").out)
    assert (failed["event"], failed["exit_code"]) == ("error", 2)


def test_a_line_that_matches_several_persons_shows_each(run: Run, posthog: Any) -> None:
    for number in range(3):
        posthog.server.world.add_person([f"same-{number}"], {"email": "a@x.org"})
    Path("emails.csv").write_text("Name,Email\nAda,user1@example.com\nBo,a@x.org\n")
    made = run("plan", "delete", "--emails", "emails.csv", "--column", "Email", "-o", "x.plan.jsonl")
    assert made.code == 0, made.err
    shown = json.loads(run("show", "x.plan.jsonl", "--line", "3", "--json").out)
    assert {person["distinct_id"] for person in shown["targets"]} == {"same-0", "same-1", "same-2"}
    assert "Line 3 selected 3 persons of the plan:" in run("show", "x.plan.jsonl", "--line", "3").out
    refused = run("show", "x.plan.jsonl", "--line", "1")
    assert "line 1 of the input of x.plan.jsonl is the header: the 2 lines are lines 2 to 3." in refused.sentence


@pytest.mark.usefixtures("posthog")
def test_a_line_that_would_match_in_another_case_says_so(run: Run) -> None:
    Path("emails").write_text("user1@example.com\nUSER2@example.com\nnobody@example.com\n user3@example.com\n")
    made = run("plan", "delete", "--emails", "emails", "-o", "x.plan.jsonl")
    assert made.code == 0, made.err
    assert "- no obvious typing error 2 2-3 " in " ".join(made.out.split())
    assert "; to select them, plan with these options, and correct whitespace and quotes in the file." in " ".join(
        made.out.split()
    )
    wider = "it would match in another case, under another key, or without whitespace and quotes"
    for line, reason, words in (
        (2, wider, f": {wider}."),
        (3, "no likely cause", f". {NO_CAUSE}."),
        (4, "leading or trailing whitespace", ": leading or trailing whitespace."),
    ):
        assert json.loads(run("show", "x.plan.jsonl", "--line", str(line), "--json").out)["reason"] == reason
        shown = run("show", "x.plan.jsonl", "--line", str(line)).out
        assert " ".join(shown.split()) == f"Line {line} matched no person{words}"


@pytest.mark.usefixtures("posthog")
def test_a_line_within_a_cell_belongs_to_the_line_that_starts_before_it(run: Run) -> None:
    Path("ids.csv").write_text('id,note\nuser-1,"a\nb\nc"\nnobody,"d\ne"\n')
    made = run("plan", "delete", "--distinct-ids", "ids.csv", "--column", "id", "-o", "x.plan.jsonl")
    assert made.code == 0, made.err
    for number, words in (
        (1, "is the header: the 2 lines are lines 2 to 5."),
        (3, "belongs to line 2, which has a cell with line ends."),
        (4, "belongs to line 2, which has a cell with line ends."),
        (6, "is beyond the end: the 2 lines are lines 2 to 5."),
    ):
        refused = run("show", "x.plan.jsonl", "--line", number)
        assert f"line {number} of the input of x.plan.jsonl {words}" in refused.sentence


def test_a_plan_of_a_filter_has_no_lines(run: Run, posthog: Any) -> None:
    assert run("plan", "delete", "--where", "plan exact free", "-o", "x.plan.jsonl").code == 0
    result = run("show", "x.plan.jsonl", "--line", "1")
    assert result.code == 2
    assert "x.plan.jsonl has no input lines: it selects persons where plan exact free" in result.sentence
    assert json.loads(run("show", "x.plan.jsonl", "--target", "0", "--json").out)["line"] is None
    assert "Input line" not in run("show", "x.plan.jsonl", "--target", "0").out


def test_a_plan_of_an_earlier_version_is_shown_without_lines(run: Run) -> None:
    findings = Findings()
    findings.lines = 4
    findings.unread.add(4)
    write_plan(3, findings, lines=False)
    assert '"line"' not in Path("x.plan.jsonl").read_text().splitlines()[1]
    assert json.loads(run("show", "x.plan.jsonl", "--target", "2", "--json").out)["line"] is None
    assert "Line 4 names a person that could not be read" in run("show", "x.plan.jsonl", "--line", "4").out
    result = run("show", "x.plan.jsonl", "--line", "1")
    assert result.code == 2
    assert "does not record which line selected which person, because an earlier version made it" in result.sentence


@pytest.mark.slow
def test_a_long_range_is_complete(run: Run) -> None:
    findings = Findings()
    findings.lines = 1200
    write_plan(1200, findings, lines=True)
    lines = run("show", "x.plan.jsonl", "--target", "1,3-1199", "--json").out.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, *range(3, 1200)]
    text = run("show", "x.plan.jsonl", "--target", "1,3-1199").out
    assert all(f"id-{number} " in text for number in (1, *range(3, 1200)))
    assert json.loads(run("show", "x.plan.jsonl", "--line", "1200", "--json").out)["targets"][0]["number"] == 1199
