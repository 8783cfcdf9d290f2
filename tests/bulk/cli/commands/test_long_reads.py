"""Commands that read or destroy large files say so: which file and how much of it is done, on stderr only."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
SHOWN = "Reading x.journal.jsonl, 100% so far, for "


@pytest.fixture(autouse=True)
def slow_reads(run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reading counts as one that takes more than 2 s."""
    assert run("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "x.plan.jsonl").code == 0
    monkeypatch.setattr("bulk.progress.file_reading.SHOWN_FROM_S", -1.0)


@pytest.mark.parametrize(
    "command",
    [
        ("status", "x.journal.jsonl", "--json"),
        ("report", "x.journal.jsonl", "--json"),
        ("jobs", "--json"),
        ("report", "x.journal.jsonl", "-o", "x.html"),
        ("shred", "x.journal.jsonl", "--yes", "--json"),
    ],
    ids=lambda command: " ".join(command),
)
def test_a_command_without_a_server_shows_it_on_stderr(run: Run, command: tuple[str, ...]) -> None:
    Path("ids").write_text("user-1\n")
    result = run(*command)
    assert result.code in (0, 1)  # 1 if the ID is not part of the job
    assert f"Reading files; {SHOWN}" in result.err
    assert SHOWN not in result.out


def test_looking_up_the_ids_of_a_file_shows_how_much_of_it_is_done(run: Run) -> None:
    Path("ids").write_text("user-1\n")
    result = run("report", "x.journal.jsonl", "--find-file", "ids", "--json")
    assert result.code == 0
    assert "Reading files; Reading ids, 0% so far, for " in result.err
    assert "Reading" not in result.out


def test_looking_up_ids_of_the_command_line_names_the_receipts(run: Run) -> None:
    result = run("report", "x.journal.jsonl", "--find", "user-1", "--json")
    assert "Reading files; Reading x.receipts, 0% so far, for " in result.err


def test_destroying_files_shows_how_much_of_them_is_overwritten(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.progress.file_reading.EVERY_S", -1.0)
    result = run("shred", "x.journal.jsonl", "--unfinished", "--yes", "--json")
    assert result.code == 0
    assert "Destroying files; Overwriting x.plan.jsonl, 100% so far, for " in result.err


def test_a_copy_of_the_persons_shows_it_too(run: Run) -> None:
    result = run("persons", "--plan", "x.plan.jsonl", "-o", "copy.jsonl")
    assert result.code == 3  # the persons are gone
    assert f"Reading files; {SHOWN}" in result.err


@pytest.mark.parametrize("command", [("verify", "x.journal.jsonl"), ("run", "x.plan.jsonl")], ids=lambda each: each[0])
def test_run_and_verify_show_it_before_and_after(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.code == 0
    assert f"Checking the journal and the project; {SHOWN}" in result.err
    assert f"Making the report; {SHOWN}" in result.err


def test_events_tell_the_file_and_how_much_of_it_is_read(run: Run) -> None:
    result = run("verify", "x.journal.jsonl", "--json")
    waits = [event["wait"] for event in map(json.loads, result.out.splitlines()) if event["wait"]]
    assert {(wait["kind"], wait["file"], wait["percent"]) for wait in waits} == {("file", "x.journal.jsonl", 100)}


def test_a_command_that_looks_for_its_job_shows_it(run: Run) -> None:
    result = run("delete", "--everyone", "--yes", "--expect-count", "60")
    assert "this job finished at" in result.sentence
    assert SHOWN in result.err
