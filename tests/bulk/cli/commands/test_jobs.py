"""`posthog-bulk jobs`: what it says of each job in a folder, without a server and without disturbing a run."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from asyncclient.testing import Fault
from bulk.jobs import job_search
from bulk.journal.locked_file import LockedFile
from bulk.plan.plan_ends import read_footer
from bulk.plan.plan_lines import encode_footer

Run = Callable[..., Any]

FREE = ("--where", "plan exact free")


@pytest.fixture(autouse=True)
def leavers(posthog: Any) -> None:
    Path("leavers.txt").write_text("".join(f"user-{number}\n" for number in range(8)))


def interrupt(run: Run, posthog: Any, *plan: object) -> None:
    """Start an update that the server stops after the test batch."""
    posthog.server.faults.add(Fault("status", action="update", status=403, after=2))
    line = ("update", "plan=vip", "--distinct-ids", "leavers.txt", "--yes", "--expect-count", 8, "--batch-size", 2)
    assert run(*line, *plan).code == 77
    posthog.server.faults.clear()


def listed(run: Run, *arguments: object) -> dict[str, dict[str, str]]:
    """The rows of each job that the command lists, by its plan or journal."""
    result = run("jobs", *arguments)
    assert result.code == 0, result.err
    jobs = [
        dict(re.match(r"(\w+) +(.*)", line).groups() for line in block.splitlines())  # type: ignore[union-attr]
        for block in result.out.strip().split("\n\n")
    ]
    return {Path(job["Job"]).name: job for job in jobs}


def test_a_folder_without_jobs_is_named(run: Run, tmp_path: Path) -> None:
    assert run("jobs").out == f"No jobs in {tmp_path}\n"
    assert run("jobs", "--json").out == ""


def test_a_folder_that_does_not_exist_is_an_error(run: Run) -> None:
    result = run("jobs", "none")
    assert (result.code, result.sentence) == (74, "posthog-bulk: none is not a folder; check the name.")


@pytest.mark.slow
def test_each_state_of_a_job_and_what_to_run_next(run: Run, posthog: Any) -> None:
    assert run("plan", "unset", "email", *FREE, "-o", "new.plan.jsonl").code == 0
    interrupt(run, posthog, "--plan", "half.plan.jsonl")
    ids = ("--distinct-ids", "leavers.txt", "--yes", "--expect-count", 8)
    assert run("update", "seats:=3", *ids, "--plan", "done.plan.jsonl").code == 0
    assert run("delete-events", *ids, "--plan", "queued.plan.jsonl").code == 0
    requests = len(posthog.server.requests)
    jobs = listed(run)
    assert list(jobs) == ["done.plan.jsonl", "half.plan.jsonl", "new.plan.jsonl", "queued.plan.jsonl"]
    assert len(posthog.server.requests) == requests

    new, half, done, queued = (jobs[f"{name}.plan.jsonl"] for name in ("new", "half", "done", "queued"))
    assert re.fullmatch(r"unset the property email of persons; \d+ persons", new["Operation"])
    assert new["Project"].startswith("1 (")
    assert new["Project"].endswith(f" on {posthog.server.url}")
    assert new["Selected"] == "persons where plan exact free"
    assert (new["State"], new["Next"]) == ("not started", "posthog-bulk run new.plan.jsonl")
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", new["Planned"])
    assert half["Selected"] == "persons listed in leavers.txt (by distinct ID)"
    assert (half["State"], half["Next"]) == (
        "not finished, 2 of 8 persons done",
        "posthog-bulk run half.plan.jsonl",
    )
    assert done["State"] == "finished. Complete: 8 persons as requested (confirmed by reading back)."
    assert done["Next"] == "posthog-bulk report done.journal.jsonl"
    assert queued["State"].startswith(
        "finished. Waiting for PostHog to purge the events of 8 persons, expected Sunday "
    )
    assert queued["Next"] == "posthog-bulk verify queued.journal.jsonl"
    for job, code in ((half, 0), (done, 0), (queued, 75)):
        assert run(*shlex.split(job["Next"])[1:]).code == code
    assert listed(run)["half.plan.jsonl"]["State"].startswith("finished. Complete: 8 persons")


def test_a_running_job_is_listed_while_another_process_holds_its_journal(run: Run, posthog: Any) -> None:
    interrupt(run, posthog, "--plan", "x.plan.jsonl")
    file = LockedFile.take(Path("x.journal.jsonl"))
    job = listed(run)["x.plan.jsonl"]
    file.close()
    assert job["State"] == "running, 2 of 8 persons done"
    assert job["Next"] == "posthog-bulk status x.journal.jsonl --watch"


def test_a_journal_without_its_plan_is_listed(run: Run, posthog: Any) -> None:
    interrupt(run, posthog, "--plan", "x.plan.jsonl")
    Path("x.plan.jsonl").unlink()
    job = listed(run)["x.journal.jsonl"]
    assert job["State"] == "not finished, 2 of 8 persons done, and its plan is missing"
    assert job["Selected"] == "persons listed by distinct ID"
    assert "Next" not in job
    assert job["Fix"].startswith("restore the plan x.plan.jsonl from a copy")
    status = rows_of(run("status", "x.journal.jsonl").out)
    missing = "the plan x.plan.jsonl is missing: restore it from a copy, then run posthog-bulk run x.plan.jsonl"
    assert status["To resume"].startswith(missing)


def rows_of(text: str) -> dict[str, str]:
    """Return the text of each row that has a title."""
    cells = [line.split("  ", 1) for line in text.splitlines() if "  " in line and not line.startswith(" ")]
    return {title: rest.strip() for title, rest in cells}


def test_the_line_that_resumes_an_interrupted_job_stands_right_below_its_state(run: Run, posthog: Any) -> None:
    interrupt(run, posthog, "--plan", "x.plan.jsonl")
    status = rows_of(run("status", "x.journal.jsonl").out)
    titles = [*status]
    assert titles[titles.index("State") + 1] == "To resume"
    assert status["To resume"] == "posthog-bulk run x.plan.jsonl"
    assert "Result" in status


def test_the_receipts_of_another_job_are_called_evidence_of_it(run: Run, posthog: Any) -> None:
    interrupt(run, posthog, "--plan", "x.plan.jsonl")
    Path("x.plan.jsonl").unlink()
    job = json.loads(run("status", "x.journal.jsonl", "--json").out)["job"]
    Path("x.journal.jsonl").rename("old.journal.jsonl")
    refused = run("plan", "unset", "email", *FREE, "-o", "x.plan.jsonl")
    assert (refused.code, f"x.receipts is the evidence of an earlier job ({job})" in refused.sentence) == (74, True)
    assert "erased" not in refused.sentence


def test_a_journal_of_another_name_belongs_to_its_plan(run: Run, posthog: Any) -> None:
    interrupt(run, posthog, "--plan", "x.plan.jsonl", "--journal", "other.journal.jsonl")
    jobs = listed(run)
    assert list(jobs) == ["x.plan.jsonl"]
    assert jobs["x.plan.jsonl"]["Next"] == "posthog-bulk run x.plan.jsonl --journal other.journal.jsonl"


@pytest.mark.slow
def test_a_plan_beside_the_journal_of_another_plan_runs_with_a_journal_of_its_own(run: Run, posthog: Any) -> None:
    interrupt(run, posthog, "--plan", "a.plan.jsonl")
    Path("a.journal.jsonl").rename("x.journal.jsonl")
    Path("a.plan.jsonl").unlink()
    assert run("plan", "unset", "email", *FREE, "-o", "x.plan.jsonl").code == 0
    Path("x-2.journal.jsonl").touch()
    jobs = listed(run)
    assert list(jobs) == ["x-2.journal.jsonl", "x.journal.jsonl", "x.plan.jsonl"]
    assert jobs["x.journal.jsonl"]["State"] == "not finished, 2 of 8 persons done, and its plan is missing"
    job = jobs["x.plan.jsonl"]
    assert (job["State"], job["Problem"]) == ("not started", "x.journal.jsonl is the journal of another plan")
    assert job["Next"] == "posthog-bulk run x.plan.jsonl --journal x-3.journal.jsonl"
    digest = json.loads(Path("x.plan.jsonl").read_text().splitlines()[-1])["digest"]
    assert run(*shlex.split(job["Next"])[1:], "--approve", digest).code == 0
    job = listed(run)["x.plan.jsonl"]
    assert job["State"].startswith("finished")
    assert "Problem" not in job


def test_files_that_cannot_be_read_are_listed_as_such(run: Run, posthog: Any) -> None:
    interrupt(run, posthog, "--plan", "x.plan.jsonl")
    data = Path("x.journal.jsonl").read_bytes()
    Path("x.journal.jsonl").write_bytes(data[:200] + b"?" + data[201:])
    Path("a.plan.jsonl").write_text("persons\n")
    Path("b.journal.jsonl").write_text("persons\n")
    jobs = listed(run)
    assert {name: job["State"] for name, job in jobs.items()} == {
        "a.plan.jsonl": "unreadable",
        "b.journal.jsonl": "unreadable",
        "x.plan.jsonl": "unreadable",
    }
    assert "is not a plan" in jobs["a.plan.jsonl"]["Problem"]


def test_json_has_one_object_per_job(run: Run, posthog: Any) -> None:
    interrupt(run, posthog, "--plan", "x.plan.jsonl")
    Path("a.plan.jsonl").write_text("persons\n")
    result = run("jobs", "--json")
    unreadable, job = map(json.loads, result.out.splitlines())
    assert (unreadable["state"], unreadable["count"]) == ("unreadable", None)
    assert (job["event"], job["plan"], job["journal"]) == ("job", "x.plan.jsonl", "x.journal.jsonl")
    assert (job["state"], job["done"], job["count"]) == ("not_finished", 2, 8)
    assert job["next"] == "posthog-bulk run x.plan.jsonl"
    assert (job["host"], job["project_id"], job["duty"], job["exit_code"]) == (
        posthog.server.url,
        1,
        "needs_attention",
        1,
    )


def test_the_jobs_of_another_folder_are_listed_with_their_paths(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("old").mkdir()
    assert run("plan", "unset", "email", *FREE, "-o", "old/x.plan.jsonl").code == 0
    assert listed(run, "old")["x.plan.jsonl"]["Next"] == "posthog-bulk run old/x.plan.jsonl"


def test_only_the_ends_of_plans_are_read(run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large plan of another job costs one read of a few kilobytes."""
    assert run("plan", "unset", "email", *FREE, "-o", "x.plan.jsonl").code == 0
    lines = Path("x.plan.jsonl").read_bytes().splitlines(keepends=True)
    with Path("large.plan.jsonl").open("wb") as file:
        file.write(lines[0])
        file.truncate(1 << 40)  # a sparse file
    headers = []
    real = job_search.read_header
    monkeypatch.setattr(job_search, "read_header", lambda path: headers.append(path) or real(path))
    result = run("update", "plan=vip", "--distinct-ids", "leavers.txt", "--yes", "--expect-count", 8)
    assert result.code == 0, result.err
    others = [path.name for path in headers if not path.name.startswith("update-")]
    assert others == 2 * ["large.plan.jsonl", "x.plan.jsonl"]  # before planning and after it


def test_a_later_plan_for_the_same_persons_is_a_job_of_its_own(run: Run, posthog: Any) -> None:
    line = ("update", "plan=vip", "--distinct-ids", "leavers.txt")
    assert run(*line, "--yes", "--expect-count", 8, "--plan", "a.plan.jsonl").code == 0
    assert run("plan", *line, "-o", "b.plan.jsonl").code == 0
    digests = {
        json.loads(Path(name).read_text().splitlines()[-1])["digest"] for name in ("a.plan.jsonl", "b.plan.jsonl")
    }
    assert len(digests) == 1
    path = Path("b.plan.jsonl")
    later = msgspec.structs.replace(read_footer(path), created_at="2099-01-01T00:00:00+00:00")  # not in the same second
    path.write_bytes(b"".join([*path.read_bytes().splitlines(keepends=True)[:-1], encode_footer(later)]))
    jobs = listed(run)
    assert jobs["a.plan.jsonl"]["State"].startswith("finished")
    assert jobs["b.plan.jsonl"]["State"] == "not started"
    refused = run("run", "b.plan.jsonl", "--journal", "a.journal.jsonl", "--approve", digests.pop())
    assert (refused.code, "its time of planning is" in refused.sentence) == (3, True)
