"""Input lines that are expected to match no person: the job becomes complete, and every output says who expects it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk.journal.records import UnmatchedExpected
from bulk.journal.replay import framing
from bulk.journal.storage import Journal

Run = Callable[..., Any]

JOURNAL = "x.journal.jsonl"
IDS = ("--distinct-ids", "ids", "--plan", "x.plan.jsonl")
GO = ("--yes", "--expect-count", "3")
UNMATCHED = "user-1\nnobody\nuser-2\nno one\nuser-3\nnobody\n"
"""Six lines: three persons, two lines without one, and one that repeats a line without one."""
WITH_REFUSED = UNMATCHED + "null\n"


def flat(text: str) -> str:
    return " ".join(text.split())


def expected() -> list[UnmatchedExpected]:
    """Return what the journal says about lines without a person."""
    found: list[Any] = []
    Journal.read(Path(JOURNAL), framing(), found.append)
    return [record for record in found if isinstance(record, UnmatchedExpected)]


def shown(run: Run) -> tuple[str, dict[str, Any]]:
    """Return the state in which all commands agree, and the input of the report."""
    report = run("report", JOURNAL, "--json")
    read = json.loads(report.out)
    status = json.loads(run("status", JOURNAL, "--json").out.splitlines()[-1])
    (job,) = map(json.loads, run("jobs", "--json").out.splitlines())
    assert read["duty"] == status["duty"]
    assert (job["verdict"], job["duty"]) == (read["verdict"], read["duty"]["state"])
    assert report.code == read["exit_code"] == status["exit_code"] == job["exit_code"]
    return read["duty"]["state"], read["input"]


# input lines, the options of run and verify, and the state, exit code and words after each
TABLE = [
    (UNMATCHED, (), (), "needs_attention", 1, "3 of 6 input lines are not covered (2 matched no person, 1 repeated"),
    (UNMATCHED, ("2",), (), "complete", 0, "3 input lines matched no person, as expected"),
    (UNMATCHED, (), ("2",), "complete", 0, "3 input lines matched no person, as expected"),
    (UNMATCHED, ("2",), ("2",), "complete", 0, "3 input lines matched no person, as expected"),
    (WITH_REFUSED, ("2",), (), "needs_attention", 1, "1 of 7 input lines is not covered (1 refused)"),
    ("user-1\nuser-2\nuser-3\n", ("0",), ("0",), "complete", 0, "3 persons gone (confirmed by reading back)."),
]


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize(("lines", "at_run", "at_verify", "state", "code", "words"), TABLE)
def test_the_state_in_words_in_json_and_as_exit_code(
    run: Run,
    posthog: Any,
    lines: str,
    at_run: tuple[str, ...],
    at_verify: tuple[str, ...],
    state: str,
    code: int,
    words: str,
) -> None:
    Path("ids").write_text(lines)

    def option(number: tuple[str, ...]) -> tuple[str, ...]:
        return ("--expect-unmatched", *number, "--operator", "Ann") if number else ()

    ran = run("delete", *IDS, *GO, *option(at_run))
    assert ran.code == 0, ran.err
    verified = run("verify", JOURNAL, *option(at_verify))
    assert (verified.code, words in flat(verified.out)) == (code, True), verified.out
    assert run("verify", JOURNAL).code == code  # from cron, without the option
    found, of_input = shown(run)
    assert found == state
    says = (at_run or at_verify) not in ((), ("0",))
    assert (of_input["expected"], of_input["expected_by"]) == ((3, "Ann") if says else (0, None))
    assert [(one.lines, one.operator) for one in expected()] == [(2, "Ann")] * says
    report = flat(run("report", JOURNAL).out)
    assert ("PostHog held no person for 3 lines, checked at " in report) == says
    assert ("; confirmed by Ann at " in report) == says


@pytest.mark.parametrize("command", ["delete", "run", "verify"])
@pytest.mark.parametrize("number", ["1", "3"])
def test_another_number_is_refused_before_anything_is_sent(run: Run, posthog: Any, command: str, number: str) -> None:
    Path("ids").write_text(UNMATCHED)
    option = ("--expect-unmatched", number)
    assert run("plan", "delete", *IDS[:2], "-o", "x.plan.jsonl").code == 0
    if command == "verify":
        assert run("delete", *IDS, *GO).code == 0
    before, requests = len(posthog.mutations), len(posthog.server.requests)
    lines = {"delete": ("delete", *IDS, *GO), "run": ("run", "x.plan.jsonl"), "verify": ("verify", JOURNAL)}
    result = run(*lines[command], *option)
    assert result.code == 3
    assert result.sentence == (
        "posthog-bulk: the plan x.plan.jsonl has 2 input lines that match no person, but --expect-unmatched says "
        f"{number}; look at these lines, which the review of the plan lists, then give their number, or plan those "
        "that are needed."
    )
    assert (len(posthog.mutations), len(posthog.server.requests)) == (before, requests)
    assert Path(JOURNAL).exists() == (command == "verify")


def test_a_plan_whose_lines_all_match_says_to_leave_the_option_out(run: Run, posthog: Any) -> None:
    result = run("delete", "--everyone", "--yes", "--expect-count", 60, "--expect-unmatched", 2)
    assert result.code == 3
    assert result.sentence.endswith(
        "has no input line without a person, but --expect-unmatched says 2; leave out --expect-unmatched."
    )
    assert posthog.mutations == []
    assert run("delete", "--everyone", "--yes", "--expect-count", 60, "--expect-unmatched", 0).code == 0


def test_the_review_and_the_needs_attention_text_name_the_option(run: Run, posthog: Any) -> None:
    Path("ids").write_text(UNMATCHED)
    review = flat(run("plan", "delete", *IDS[:2], "-o", "x.plan.jsonl").out)
    assert "If no person should exist for these lines, add --expect-unmatched 2 to the run" in review
    Path("x.plan.jsonl").unlink()
    Path("x.receipts").unlink()
    ran = run("delete", *IDS, *GO)
    (fix,) = (line for line in ran.out.splitlines() if line.startswith("- Check these lines"))
    words = fix.partition(": posthog-bulk ")[2].split()
    assert words == ["verify", JOURNAL, "--expect-unmatched", "2"]
    assert run(*words).code == 0


def test_the_review_counts_expected_lines_as_covered(run: Run, posthog: Any) -> None:
    Path("ids").write_text(WITH_REFUSED)
    out = flat(run("delete", *IDS, *GO, "--expect-unmatched", 2).out)
    assert "Not covered 1 of 7 input lines (1 refused)" in out
    assert "As expected 3 input lines matched no person, as expected" in out
    assert "--expect-unmatched" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "x.plan.jsonl", "--operator", "Ann"), "--operator only works with --expect-unmatched here"),
        (("verify", JOURNAL, "--operator", "Ann"), "--operator only works with --expect-unmatched here"),
        (("verify", JOURNAL, "--operator", "", "--expect-unmatched", "2"), "operator is empty"),
        (
            ("delete-events", "--without-person", "--distinct-ids", "ids", "--expect-unmatched", "2"),
            "--expect-unmatched does not work with --without-person",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(run: Run, posthog: Any, arguments: tuple[str, ...], message: str) -> None:
    Path("ids").write_text(UNMATCHED)
    assert run("delete", *IDS, *GO).code == 0
    result = run(*arguments)
    assert (result.code, message in result.err) == (2, True), result.err


def test_the_receipts_say_that_posthog_held_no_person(run: Run, posthog: Any) -> None:
    people = [posthog.server.world.person(uuid) for uuid in posthog.server.world.iter_uuids()]
    rows = ["distinct_id,reference,received", f"{people[0].distinct_ids[0]},DSR-1,2026-01-31"]
    rows += ["nobody,DSR-2,2026-01-31", "no one,DSR-3,2026-01-31", "no body,DSR-3,2026-01-31"]
    rows += ["nobody,DSR-4,2026-01-31"]
    Path("r.csv").write_text("\n".join(rows) + "\n")
    line = ("delete", "--requests", "r.csv", "--plan", "x.plan.jsonl", "--yes", "--expect-count", "1")
    assert run(*line).code == 0
    before = run("report", JOURNAL, "--reference", "DSR-2")
    assert (before.code, "NEEDS ATTENTION" in before.out) == (1, True)
    assert "2026-02-28: 4 of 4 requests open" not in run("status", JOURNAL).out
    assert "2026-02-28: 3 of 4 requests open, OVERDUE" in run("status", JOURNAL).out

    assert run("verify", JOURNAL, "--expect-unmatched", "3").code == 0
    planned_at = json.loads(run("report", JOURNAL, "--json").out)["planned_at"][:19].replace("T", " ")
    for reference, sentence in (
        ("DSR-2", f"PostHog held no person for this request, checked at {planned_at} UTC; done "),
        (
            "DSR-3",
            f"PostHog held no person for this request, checked at {planned_at} UTC (2 lines); 2 done late, by up to ",
        ),
        ("DSR-4", f"PostHog held no person for this request, checked at {planned_at} UTC; done "),
    ):
        receipt = run("report", JOURNAL, "--reference", reference)
        assert (receipt.code, "COMPLETE" in receipt.out, sentence in flat(receipt.out)) == (0, True, True), receipt.out
        answers = json.loads(run("report", JOURNAL, "--reference", reference, "--json").out)["answers"]
        assert {answer["result"] for answer in answers} == {"no_person"}
    found = run("report", JOURNAL, "--find", "no one")
    assert (found.code, "PostHog held no person for this ID, checked at" in flat(found.out)) == (0, True)
    assert "2026-02-28: 4 requests, none open, 4 done late, by up to " in run("status", JOURNAL).out


def test_a_run_says_why_it_exits_with_0_although_lines_need_attention(run: Run, posthog: Any) -> None:
    Path("ids").write_text(WITH_REFUSED)
    ran = run("delete", *IDS, *GO)
    assert ran.code == 0
    assert "The run exits with 0 (all persons done); verify, status and report with 1 (lines not covered)." in flat(
        ran.out
    )
    verified = run("verify", JOURNAL)
    assert (verified.code, "the run exits with 0" in flat(verified.out)) == (1, False)


def test_the_lines_that_are_not_covered_are_named_where_they_need_attention(run: Run, posthog: Any) -> None:
    Path("ids").write_text(WITH_REFUSED)
    named = "(lines 2,4: matched no person; line 7: refused, placeholder ID; line 6: repeated from such a line)"
    assert named in flat(run("delete", *IDS, *GO).out)
    for command in (("status", JOURNAL), ("verify", JOURNAL)):
        assert named in flat(run(*command).out)
    Path("x.plan.jsonl").unlink()
    assert "posthog-bulk show x.plan.jsonl lists their numbers" in flat(run("status", JOURNAL).out)


def test_the_receipt_of_a_request_without_a_person_says_what_to_do(run: Run, posthog: Any) -> None:
    Path("r.csv").write_text("distinct_id,reference,received\nuser-1,DSR-1,2026-11-20\nnobody,DSR-2,2026-11-20\n")
    line = ("delete", "--requests", "r.csv", "--plan", "x.plan.jsonl", "--yes", "--expect-count", "1")
    assert run(*line).code == 0
    receipt = flat(run("report", JOURNAL, "--reference", "DSR-2").out)
    assert "Line 3 matched no person. If the ID is wrong, correct it and plan the request again." in receipt
    assert "record that with --expect-unmatched: posthog-bulk status JOURNAL shows the command." in receipt
    assert "expect-unmatched" not in run("report", JOURNAL, "--reference", "DSR-1").out
