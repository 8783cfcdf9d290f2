"""Requests on the command line: select by them, see what is due, write their receipts, and shred the job."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bulk.journal.replay import open_journal
from bulk.journal.target_states import TargetStates

Run = Callable[..., Any]
RECORD = {"Operator": "Ann", "Approver": "Bob", "Reason": "DSR of January"}


def persons(posthog: Any) -> list[Any]:
    return [posthog.server.world.person(uuid) for uuid in posthog.server.world.iter_uuids()]


@pytest.fixture
def requests_file(posthog: Any) -> Path:
    """Three requests: of a person by distinct ID, of one by UUID, and of nobody."""
    one, other, *_ = persons(posthog)
    rows = ["distinct_id,uuid,reference,received", f"{one.distinct_ids[0]},,DSR-1,2026-01-31"]
    rows += [f",{other.uuid},DSR-2,2026-01-31", "nobody,,DSR-3,2026-02-01"]
    Path("r.csv").write_text("\n".join(rows) + "\n")
    return Path("r.csv")


def erase(run: Run, *options: str) -> Any:
    line = ("delete", "--requests", "r.csv", "--yes", "--expect-count", "2", "--plan", "x.plan.jsonl")
    return run(*line, "--operator", "Ann", "--reason", "DSR of January", *options)


def test_a_job_of_requests_shows_what_is_due_and_who_ordered_it(run: Run, requests_file: Path) -> None:
    result = erase(run, "--approver", "Bob")
    assert result.code == 0, result.err
    assert "Erasure requests 3, due from 2026-02-28 to 2026-03-01" in " ".join(result.out.split())
    for command in (("report", "x.journal.jsonl"), ("status", "x.journal.jsonl")):
        shown = " ".join(run(*command).out.split())
        assert all(f"{name} {text}" in shown for name, text in RECORD.items())
    late = r"2 requests, none open, 2 done late, by up to [0-9]+ days"
    assert re.search(f"Due 2026-02-28: {late} 2026-03-01: 1 of 1 request open, OVERDUE by ", shown)
    report = " ".join(run("report", "x.journal.jsonl").out.split())
    assert "Reference in each row of the requests Received in each row of the requests" in report
    assert "2026-02-28: 2 requests, none open" in run("jobs").out
    status = json.loads(run("status", "x.journal.jsonl", "--json").out)
    assert [one["due"] for one in status["due"]] == ["2026-02-28", "2026-03-01"]
    assert status["record"]["operator"] == "Ann"


def test_ids_that_no_job_knows_are_not_called_complete(run: Run, requests_file: Path) -> None:
    assert erase(run).code == 0
    Path("ids").write_text("nobody\nsomebody else\n")
    one = run("report", "x.journal.jsonl", "--find", "somebody else").out
    assert "NOT FOUND BY THIS ID" in one
    both = run("report", "x.journal.jsonl", "--find-file", "ids", "-o", "-").out
    assert "NOT ALL FOUND BY THESE IDS" in both
    verdict = "2 IDs: no person had this ID when the job was planned (1); not found by this ID (1)."
    assert verdict in " ".join(both.split())
    assert "COMPLETE" not in one + both


def test_an_open_request_whose_day_has_passed_is_overdue(run: Run, requests_file: Path) -> None:
    assert run("plan", "delete", "--delete-events", "--requests", "r.csv", "-o", "x.plan.jsonl").code == 0
    digest = json.loads(Path("x.plan.jsonl").read_text().splitlines()[-1])["digest"]
    run("run", "x.plan.jsonl", "--approve", digest, "--approver", "Bob")
    for command in (("status", "x.journal.jsonl"), ("jobs",)):
        assert "2026-02-28: 2 of 2 requests open, OVERDUE by " in run(*command).out
    assert "OVERDUE by " not in run("report", "x.journal.jsonl").out
    status = json.loads(run("status", "x.journal.jsonl", "--json").out)
    assert [(one["open_requests"], one["is_overdue"]) for one in status["due"]] == [(2, True), (1, True)]
    assert status["record"]["approver"] == "Bob"


def test_a_job_with_one_request_is_due_as_a_whole(run: Run, posthog: Any) -> None:
    Path("ids").write_text(persons(posthog)[0].distinct_ids[0])
    options = ("--reference", "DSR-9", "--received", "2026-10-31")
    result = run("delete", "--distinct-ids", "ids", *options, "--yes", "--expect-count", "1", "--plan", "x.plan.jsonl")
    assert result.code == 0, result.err
    assert "Due 2026-11-30" in " ".join(result.out.split())
    assert "2026-11-30: 1 request, none open" in run("status", "x.journal.jsonl").out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--received", "31.1.2026"), "received is '31.1.2026', which is not a date"),
        (("--operator", " "), "operator is empty"),
        (("--column", "uuid"), "--column does not work with --requests"),
        (("--distinct-ids", "r.csv"), "cannot be combined"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    run: Run, posthog: Any, requests_file: Path, options: tuple[str, ...], problem: str
) -> None:
    result = run("plan", "delete", "--requests", "r.csv", "-o", "x.plan.jsonl", *options)
    assert (result.code, result.out) == (2, "")
    assert problem in result.sentence
    assert posthog.server.requests == []


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("layout", ["txt", "md", "html", "json"])
def test_the_receipt_of_a_request_has_every_format_of_a_report(run: Run, requests_file: Path, layout: str) -> None:
    assert erase(run).code == 0
    result = run("report", "x.journal.jsonl", "--reference", "DSR-2", "--format", layout, "-o", f"DSR-2.{layout}")
    assert result.code == 0, result.err
    written = Path(f"DSR-2.{layout}").read_text()
    assert "DSR-2" in written.replace("\\", "")
    assert "DSR-1" not in written.replace("\\", "")
    run("report", "x.journal.jsonl", "--reference", "DSR-2", "-o", f"again.{layout}")
    assert Path(f"again.{layout}").read_text() == written
    unknown = run("report", "x.journal.jsonl", "--reference", "DSR-4", "--format", layout)
    assert unknown.code == 1
    assert "has no request with this reference" in unknown.out


@pytest.mark.usefixtures("requests_file")
def test_an_unknown_reference_is_one_line_with_the_closest_one(run: Run) -> None:
    assert erase(run).code == 0
    for reference, hint in (("DSR1", "; did you mean DSR-1?"), ("Request 9", ".")):
        unknown = run("report", "x.journal.jsonl", "--reference", reference)
        assert (unknown.code, unknown.out) == (1, f"This job has no request with the reference {reference}{hint}\n")


def test_find_reads_ids_from_the_line_a_file_and_stdin_and_repeats_none(
    run: Run, posthog: Any, requests_file: Path
) -> None:
    one, other, third, *_ = persons(posthog)
    assert erase(run).code == 0
    Path("asked").write_text(f"\ufeff{one.distinct_ids[0]}\r\n{third.uuid}\r\n")
    Path("more").write_text(f"{other.uuid}\nnobody")
    result = run(
        "report", "x.journal.jsonl", "--find", "x", "--find", "-", "--find-file", "asked", "--json", stdin=Path("more")
    )
    assert result.code == 0, result.err
    answers = json.loads(result.out)["answers"]
    assert [answer["result"] for answer in answers] == ["not_in_job", "done", "not_found", "done", "not_in_job"]
    for identifier in (one.distinct_ids[0], str(other.uuid), str(third.uuid)):
        assert identifier not in result.out


def test_after_shred_each_command_says_what_is_not_possible_any_more(
    run: Run, posthog: Any, requests_file: Path
) -> None:
    one = persons(posthog)[0]
    assert erase(run).code == 0
    refused = run("shred", "x.journal.jsonl")
    assert (refused.code, refused.sentence) == (
        2,
        "posthog-bulk: there is no terminal to confirm at: give --yes. For help: posthog-bulk shred --help",
    )
    result = run("shred", "x.journal.jsonl", "--yes", "--json")
    assert result.code == 0, result.err
    event = json.loads(result.out)
    assert (event["event"], event["removed"], event["kept"]) == (
        "shredded",
        ["x.plan.jsonl"],
        ["x.journal.jsonl", "x.receipts"],
    )
    assert "copy-on-write" in result.err
    assert not Path("x.plan.jsonl").exists()
    for command in ("status", "report"):
        shown = run(command, "x.journal.jsonl")
        assert shown.code == 1  # a line is not covered
        assert "cannot be run or verified any more" in " ".join(shown.out.split())
    verified = run("verify", "x.journal.jsonl")
    assert verified.code == 74
    assert "was destroyed by shred at" in verified.sentence
    for command in (
        ("run", "x.plan.jsonl"),
        ("show", "x.plan.jsonl"),
        ("plan", "--from", "x.journal.jsonl", "--reappeared", "-o", "n"),
    ):
        refused = run(*command)
        assert (refused.code, "x.plan.jsonl was destroyed by shred at" in refused.sentence) == (74, True)
    found = run("report", "x.journal.jsonl", "--find", one.distinct_ids[0])
    assert "Person 0: done; read back at" in found.out
    assert run("shred", "x.journal.jsonl", "--receipts", "--yes").code == 0
    gone = run("report", "x.journal.jsonl", "--find", "x")
    assert gone.code == 74
    assert "shredded, has none" in gone.sentence
    assert "Plan destroyed" in run("jobs").out


def test_shred_asks_at_a_terminal_and_does_nothing_without_the_word(
    run: Run, requests_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert erase(run).code == 0
    monkeypatch.setattr("bulk.cli.approval.can_prompt", lambda: True)
    monkeypatch.setattr("bulk.cli.approval.read_terminal", lambda: "yes\n")
    assert run("shred", "x.journal.jsonl").code == 3
    assert Path("x.plan.jsonl").exists()
    monkeypatch.setattr("bulk.cli.approval.read_terminal", lambda: "shred\n")
    assert run("shred", "x.journal.jsonl").code == 0
    assert not Path("x.plan.jsonl").exists()


def test_persons_exports_those_of_requests(run: Run, posthog: Any, requests_file: Path) -> None:
    result = run("persons", "--requests", "r.csv", "--count")
    assert result.out == "2\n"


def test_a_first_run_refuses_damaged_receipts_and_a_later_one_does_not(
    run: Run, posthog: Any, requests_file: Path
) -> None:
    assert run("plan", "delete", "--requests", "r.csv", "-o", "x.plan.jsonl").code == 0
    digest = json.loads(Path("x.plan.jsonl").read_text().splitlines()[-1])["digest"]
    whole = Path("x.receipts").read_bytes()
    Path("x.receipts").write_bytes(whole.replace(b'"host"', b'"hosd"'))
    refused = run("run", "x.plan.jsonl", "--approve", digest)
    assert refused.code == 74
    assert "x.receipts was changed: line 1 fails its checksum" in refused.sentence
    assert posthog.mutations == []
    assert not Path("x.journal.jsonl").exists()
    Path("x.receipts").write_bytes(whole)
    assert run("run", "x.plan.jsonl", "--approve", digest).code == 0
    Path("x.receipts").write_bytes(b"damaged")
    assert run("run", "x.plan.jsonl").code == 0


def erase_all(run: Run, posthog: Any, *options: str) -> None:
    """Erase two persons for one request each, with events and recordings."""
    rows = ["distinct_id,reference,received"]
    rows += [f"{person.distinct_ids[0]},DSR-{number},2026-11-20" for number, person in enumerate(persons(posthog)[:2])]
    Path("r.csv").write_text("\n".join(rows) + "\n")
    line = ("delete", "--requests", "r.csv", "--yes", "--expect-count", "2", "--plan", "x.plan.jsonl")
    assert run(*line, *options).code == 0


def open_requests(run: Run) -> int:
    (due,) = json.loads(run("status", "x.journal.jsonl", "--json").out)["due"]
    return int(due["open_requests"])


def test_a_receipt_waits_as_long_as_its_job_waits_for_the_recordings(run: Run, posthog: Any) -> None:
    erase_all(run, posthog, "--delete-recordings")
    assert run("status", "x.journal.jsonl").code == 75
    receipt = run("report", "x.journal.jsonl", "--reference", "DSR-1")
    assert (receipt.code, "waiting for PostHog or for a verification" in " ".join(receipt.out.split())) == (75, True)
    assert open_requests(run) == 2
    assert run("verify", "x.journal.jsonl").code == 0
    assert run("report", "x.journal.jsonl", "--reference", "DSR-1").code == 0
    assert open_requests(run) == 0


def test_a_receipt_of_a_re_created_person_needs_attention_as_its_job_does(run: Run, posthog: Any) -> None:
    erase_all(run, posthog)
    posthog.server.world.add_person(["user-1"])
    assert run("verify", "x.journal.jsonl").code == 1
    (receipt,) = json.loads(run("report", "x.journal.jsonl", "--find", "user-1", "--json").out)["answers"]
    assert receipt["result"] == "needs_attention"
    codes = [run("report", "x.journal.jsonl", "--reference", f"DSR-{number}").code for number in (0, 1)]
    assert (sorted(codes), open_requests(run)) == ([0, 1], 1)


def test_a_request_that_matched_no_person_needs_attention_in_its_receipt_as_in_its_job(
    run: Run, requests_file: Path
) -> None:
    assert erase(run).code == 0
    receipt = run("report", "x.journal.jsonl", "--reference", "DSR-3")
    assert (receipt.code, run("report", "x.journal.jsonl").code) == (1, 1)
    assert "No person had this ID when the job was planned; OVERDUE by " in receipt.out


def test_without_receipts_no_request_counts_as_done_while_lines_are_not_covered(run: Run, requests_file: Path) -> None:
    assert erase(run).code == 0
    Path("x.receipts").unlink()
    status = json.loads(run("status", "x.journal.jsonl", "--json").out)
    assert [one["open_requests"] for one in status["due"]] == [2, 1]


def test_shred_of_a_plan_that_was_never_run_asks_too_and_says_what_is_gone(run: Run, requests_file: Path) -> None:
    missing = run("shred", "x.journal.jsonl")
    assert (missing.code, "no such file: x.journal.jsonl" in missing.sentence) == (74, True)
    assert run("plan", "delete", "--requests", "r.csv", "-o", "x.plan.jsonl").code == 0
    assert run("shred", "x.plan.jsonl").code == 2  # no terminal to ask at
    result = run("shred", "x.plan.jsonl", "--yes", "--json")
    assert (result.code, json.loads(result.out)["kept"]) == (0, [])
    assert "For the report" not in result.err
    assert [path.name for path in Path().iterdir()] == ["r.csv"]


def test_a_day_of_receipt_in_the_future_is_shown_before_the_approval(run: Run, requests_file: Path) -> None:
    plan = ("plan", "delete", "--requests", "r.csv", "-o")
    assert "in the future" not in run(*plan, "a.plan.jsonl").out
    Path("r.csv").write_text(Path("r.csv").read_text().replace("2026-02-01", "2206-02-01"))
    assert "received in the future: check the day of receipt" in run(*plan, "b.plan.jsonl").out


def test_find_reads_ids_with_blanks_around_them_and_calls_no_stranger_complete(run: Run, requests_file: Path) -> None:
    assert erase(run).code == 0
    found = run("report", "x.journal.jsonl", "--find", " user-0 ", "--find", "user-0\t")
    assert found.out.count("person 0: done") == 2
    for layout in ("txt", "md", "html"):
        unknown = run("report", "x.journal.jsonl", "--find", "somebody", "--format", layout)
        assert (unknown.code, re.search(r"(?i)^complete|>complete<|\*\*complete", unknown.out, re.MULTILINE)) == (
            0,
            None,
        )
        assert "not found by this id" in unknown.out.lower()


def test_a_report_that_is_written_during_a_run_says_so(run: Run, requests_file: Path) -> None:
    assert erase(run).code == 0
    assert "is working on this job" not in run("report", "x.journal.jsonl").err
    with open_journal(Path("x.journal.jsonl"), TargetStates()):
        report = run("report", "x.journal.jsonl")
    assert "a process is working on this job: shown as of its last record" in report.err


def test_a_verification_that_is_due_already_is_said_to_be(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase_all(run, posthog, "--delete-events")
    assert "To verify: posthog-bulk verify x.journal.jsonl" in run("status", "x.journal.jsonl").out
    monkeypatch.setattr("bulk.cli.commands.status.datetime", LaterClock)
    assert "To verify, from now on: posthog-bulk verify x.journal.jsonl" in run("status", "x.journal.jsonl").out


class LaterClock(datetime):
    """The time in ten days."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + timedelta(days=10)


def test_find_without_an_id_is_no_question_and_gets_no_answer(run: Run, posthog: Any, requests_file: Path) -> None:
    assert erase(run).code == 0
    for content, problem in (
        ("", "has no ID"),
        ("\n\n", "has no ID"),
        ("x\n \ny\n", "line 2 of {} is blank: remove it"),
    ):
        Path("ids").write_text(content)
        for source, arguments in (("ids", ("--find-file", "ids")), ("stdin", ("--find", "-"))):
            result = run("report", "x.journal.jsonl", *arguments, stdin=Path("ids"))
            assert (result.code, result.out) == (2, "")
            assert problem.format(source) in result.sentence
    assert "--find is empty" in run("report", "x.journal.jsonl", "--find", "").sentence
