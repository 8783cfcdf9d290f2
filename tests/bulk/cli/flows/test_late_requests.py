"""A request that is late is called so, by how many days: in the review, the status, the report and the receipt."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bulk.requests.due_dates import due_date

Run = Callable[..., Any]
JOURNAL = "x.journal.jsonl"


def words(text: str) -> str:
    return " ".join(text.split())


def received(due_days_ago: int) -> tuple[str, str, int]:
    """Return a day of receipt, its due day, and how many days ago that is: as many as given, or a few more."""
    day = datetime.now(UTC).date() - timedelta(days=due_days_ago + 31)
    due = due_date(day)
    return day.isoformat(), due.isoformat(), (datetime.now(UTC).date() - due).days


@pytest.fixture
def rows(posthog: Any) -> list[str]:
    """The input of four requests, of which the one in line 4 is overdue."""
    ids = [posthog.server.world.person(uuid).distinct_ids[0] for uuid in posthog.server.world.iter_uuids()]
    today = datetime.now(UTC).date().isoformat()
    lines = ["distinct_id,reference,received", f"{ids[0]},DSR-1,{today}", f"{ids[1]},DSR-2,{today}"]
    lines += [f"{ids[2]},DSR-3,{received(15)[0]}", f"{ids[3]},DSR-4,{today}"]
    Path("r.csv").write_text("\n".join(lines) + "\n")
    return lines


def erase(run: Run, *options: str) -> Any:
    line = ("delete", "--requests", "r.csv", "--yes", "--expect-count", "4", "--plan", "x.plan.jsonl", *options)
    result = run(*line)
    assert result.code == 0, result.err
    return result


def test_the_review_names_the_requests_that_are_overdue(run: Run, rows: list[str]) -> None:
    _, _, days = received(15)
    planned = run("plan", "delete", "--requests", "r.csv", "-o", "x.plan.jsonl")
    assert f"1 of them is OVERDUE, by {days} days (line 4)" in words(planned.out)
    assert "Lines of requests that were overdue when the plan was made 1 4" in words(planned.out)


def test_the_review_of_one_request_says_that_it_is_overdue(run: Run, posthog: Any) -> None:
    day, due, days = received(15)
    Path("ids").write_text("user-1\n")
    line = ("plan", "delete", "--distinct-ids", "ids", "--reference", "DSR-9", "--received", day, "-o", "x.plan.jsonl")
    assert f"Due {due}, OVERDUE by {days} days" in words(run(*line).out)


def test_a_request_that_was_done_late_is_called_so_everywhere(run: Run, rows: list[str]) -> None:
    _, due, days = received(15)
    erase(run)
    for command in (("status", JOURNAL), ("jobs",)):
        assert f"{due}: 1 request, none open, done {days} days late" in words(run(*command).out)
    report = words(run("report", JOURNAL).out)
    assert re.search(rf"{due} 1 0 none open 1, by {days} days", report)
    receipt = run("report", JOURNAL, "--reference", "DSR-3")
    assert receipt.code == 0
    assert f"; done {days} days late." in words(receipt.out)
    assert "late" not in run("report", JOURNAL, "--reference", "DSR-1").out
    first, last = json.loads(run("status", JOURNAL, "--json").out)["due"]
    assert (first["done_late"], first["days_late"]) == (1, days)
    assert (last["done_late"], last["days_late"]) == (0, 0)


def test_a_request_that_waits_beyond_its_day_is_overdue_in_its_receipt(run: Run, rows: list[str]) -> None:
    _, due, days = received(15)
    erase(run, "--delete-events")
    receipt = words(run("report", JOURNAL, "--reference", "DSR-3").out)
    assert f"; OVERDUE by {days} days." in receipt
    assert "WAITING, OVERDUE" in receipt
    assert f"{due} 1 1 overdue by {days} days 0" in words(run("report", JOURNAL).out)
    assert "OVERDUE" not in run("report", JOURNAL, "--reference", "DSR-1").out


def test_a_job_that_is_one_request_was_done_late(run: Run, posthog: Any) -> None:
    day, due, days = received(15)
    Path("ids").write_text("user-1\n")
    record = ("--reference", "DSR-9", "--received", day, "--yes", "--expect-count", "1", "--plan", "x.plan.jsonl")
    assert run("delete", "--distinct-ids", "ids", *record).code == 0
    assert f"{due}: 1 request, none open, done {days} days late" in run("status", JOURNAL).out


def test_without_receipts_requests_that_were_planned_after_their_day_were_done_late(run: Run, rows: list[str]) -> None:
    _, due, days = received(15)
    erase(run)
    Path("x.receipts").unlink()
    assert f"{due}: 1 request, none open, done {days} days late" in words(run("status", JOURNAL).out)
