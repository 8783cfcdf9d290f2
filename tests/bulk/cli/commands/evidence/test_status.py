"""Status, verify, report and persons: what they say of a job that is finished, waits for a purge, or is interrupted."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bulk.journal.locked_file import LockedFile

Run = Callable[..., Any]
MADE = ("--plan", "x.plan.jsonl", "--yes", "--expect-count", "3")


@pytest.fixture
def ids() -> None:
    """Three distinct IDs in the file ids."""
    Path("ids").write_text("user-1\nuser-2\nuser-3\n")


@pytest.mark.usefixtures("ids")
def test_verify_says_that_events_are_not_purged_yet(run: Run, posthog: Any) -> None:
    assert run("delete", "--delete-events", "--distinct-ids", "ids", *MADE).code == 0
    result = run("verify", "x.journal.jsonl")
    assert result.code == 75
    waiting = "Waiting for PostHog to purge the events of 3 persons, expected Sunday "
    assert result.out.startswith(waiting)
    assert "Done" not in result.out
    assert "Verifying 3 persons in project 1 (Local project); nothing is changed" in result.err
    assert "Run" not in result.err
    written = run("report", "x.journal.jsonl")
    report = " ".join(written.out.split())
    assert (written.code, waiting in report) == (75, True)
    assert "Exit code of the run: 0" in report
    assert "PostHog confirmed that the deletion is queued; it purges events at the weekend" in report
    assert "To resume" not in run("status", "x.journal.jsonl").out


@pytest.mark.usefixtures("ids")
def test_status_of_an_unfinished_job_has_the_command_that_resumes_it(
    run: Run, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in serve(60, queued_delay_s=3600.0).env.items():
        monkeypatch.setenv(name, value)
    result = run("delete", "--distinct-ids", "ids", *MADE, "--wait", "0")
    assert result.code == 75
    verdict = result.out.partition("\nNot finished: ")[2].partition("\nPlan: ")[0]
    assert " again" not in verdict  # one text says how to resume, and it is a command line
    line = " ".join(("posthog-bulk delete --distinct-ids ids", *map(str, MADE), "--wait 0"))
    assert f"To resume: {line}\n" in result.out
    assert "Waiting for PostHog to apply what it accepted for 3 persons" in run("report", "x.journal.jsonl").out
    shown = run("status", "x.journal.jsonl").out
    assert any(line.split()[:3] == ["To", "resume", "posthog-bulk"] for line in shown.splitlines())
    assert " again" not in shown


@pytest.mark.usefixtures("ids", "posthog")
def test_commands_say_which_file_they_wrote(run: Run) -> None:
    assert run("delete-recordings", "--distinct-ids", "ids", *MADE).code == 0
    report = run("report", "x.journal.jsonl", "-o", "x.md")
    assert (report.out, report.err) == ("", "Report written to x.md\n")
    persons = run("persons", "--distinct-ids", "ids", "-o", "x.jsonl")
    assert "3 persons written to x.jsonl" in persons.err.splitlines()


@pytest.mark.usefixtures("ids", "posthog")
def test_watching_reads_only_what_the_job_appends(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("delete-recordings", "--distinct-ids", "ids", *MADE).code == 0
    journal, file = Path("x.journal.jsonl"), LockedFile.take(Path("x.journal.jsonl"))
    data = journal.read_bytes()
    steps = [
        lambda: journal.write_bytes(b"?" + data[1:]),  # a reading from its start would refuse it
        lambda: journal.write_bytes(data),
        file.close,
    ]
    monkeypatch.setattr("bulk.cli.commands.status.time", SimpleNamespace(sleep=lambda _: steps.pop(0)()))
    result = run("status", "x.journal.jsonl", "--watch")
    assert (result.code, steps) == (75, []), result.err  # no verification has read the recordings
    assert "ended" in result.out
