"""The files of a job for events without a person: journals of other names, empty or cut ones, and other jobs' files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import Fault
from bulk.jobs.destruction import destroy
from tests.bulk.cli.commands.without_person.ghosts import APPROVED, deletions, requests

Run = Callable[..., Any]
PLAN, JOURNAL = Path("g.plan.jsonl"), Path("g.journal.jsonl")


def begun(haunted: Any, run: Run, journal: Path, plan: Path = PLAN) -> None:
    """A job whose first request has an unknown outcome: PostHog has it, and refused to say so."""
    haunted.server.faults.add(Fault("status", status=403, when="after", action="create_deletion"))
    assert run(*APPROVED, "--plan", plan, "--journal", journal).code == 77
    haunted.server.faults.clear()


@pytest.fixture
def elsewhere() -> Path:
    Path("logs").mkdir()
    return Path("logs/other.journal.jsonl")


@pytest.fixture(autouse=True)
def second_reads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.posthog.person_reader.CONFIRM_AFTER_S", 0.0)


def test_a_plan_whose_journal_has_another_name_is_destroyed_only_with_a_record(haunted: Any, run: Run) -> None:
    journal = Path("other.journal.jsonl")
    begun(haunted, run, journal)
    for line in (("shred", PLAN), ("shred", JOURNAL, "--plan", PLAN), ("shred", PLAN, "--unfinished")):
        refused = run(*line, "--yes")
        assert (refused.code, PLAN.exists()) == (3, True)
        assert f"{PLAN} was run: its journal is {journal}" in refused.sentence
        assert f"posthog-bulk shred {journal} --plan {PLAN}" in refused.sentence
    refused = run("shred", journal, "--plan", PLAN, "--yes")
    assert refused.sentence.endswith(
        f": the job of {journal} is not complete: 1 of 1 request not submitted yet; see posthog-bulk status {journal} "
        "for what to do, or give --unfinished."
    )
    assert run("shred", journal, "--plan", PLAN, "--yes", "--unfinished").code == 0
    assert not PLAN.exists()
    assert "Plan destroyed" in run("status", journal).out


@pytest.mark.parametrize("found", ["nothing", "another job", "notes"])
def test_a_plan_that_no_journal_at_hand_records_is_destroyed_only_with_the_option(
    haunted: Any, run: Run, elsewhere: Path, found: str
) -> None:
    begun(haunted, run, elsewhere)
    if found == "another job":
        begun(haunted, run, JOURNAL, Path("h.plan.jsonl"))
    elif found == "notes":
        JOURNAL.write_text("notes\n")
    refused = run("shred", PLAN, "--yes")
    assert (refused.code, PLAN.exists()) == (3, True)
    assert f"no journal beside {PLAN} records it: if it was run, its requests may still be open" in refused.sentence
    kept = JOURNAL.read_bytes() if JOURNAL.exists() else None
    assert run("shred", PLAN, "--yes", "--unfinished").code == 0
    assert not PLAN.exists()
    assert kept == (JOURNAL.read_bytes() if JOURNAL.exists() else None)


def test_jobs_do_not_show_a_plan_as_one_without_a_journal_if_that_has_another_name(haunted: Any, run: Run) -> None:
    begun(haunted, run, Path("other.journal.jsonl"))
    assert "no journal beside it" not in run("jobs").out


@pytest.mark.parametrize("arguments", [(), ("--plan", PLAN)])
def test_a_job_with_a_journal_of_another_name_is_resumed_with_it(
    haunted: Any, run: Run, arguments: tuple[object, ...]
) -> None:
    begun(haunted, run, Path("other.journal.jsonl"))
    resumed = run(*APPROVED, *arguments)
    assert resumed.code == 75
    assert "waits for PostHog's approval" in resumed.out
    assert len(requests(haunted, "preview_deletion")) == 1  # it is approved
    assert not JOURNAL.exists()
    assert len(deletions(haunted)) == 1


@pytest.mark.parametrize("size", [0, 1, 30, 60])
def test_a_journal_that_was_cut_within_its_first_line_starts_over(haunted: Any, run: Run, size: int) -> None:
    begun(haunted, run, JOURNAL)
    with JOURNAL.open("r+b") as file:
        file.truncate(size)
    resumed = run(*APPROVED, "--plan", PLAN)
    assert (resumed.code, len(deletions(haunted))) == (75, 1), resumed.err
    assert run("verify", JOURNAL).code == 75


@pytest.mark.parametrize("named", [PLAN, JOURNAL])
@pytest.mark.parametrize("size", [0, 30])
def test_a_journal_without_a_record_proves_nothing_of_its_plan(haunted: Any, run: Run, named: Path, size: int) -> None:
    begun(haunted, run, JOURNAL)
    with JOURNAL.open("r+b") as file:
        file.truncate(size)
    refused = run("shred", named, "--yes")
    assert (refused.code, f"no journal beside {PLAN} records it" in refused.sentence, PLAN.exists()) == (3, True, True)
    done = run("shred", named, "--yes", "--unfinished")
    assert (done.code, PLAN.exists()) == (0, False), done.err


@pytest.mark.parametrize("record", ["a job", "nothing", "no file"])
def test_a_destruction_that_was_interrupted_is_repeated_by_the_same_line(
    haunted: Any, run: Run, monkeypatch: pytest.MonkeyPatch, record: str
) -> None:
    begun(haunted, run, JOURNAL)
    if record == "nothing":
        os.truncate(JOURNAL, 0)
    elif record == "no file":
        JOURNAL.unlink()

    def interrupted(path: Path, on_overwrite: Any = None) -> None:
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
        raise OSError

    monkeypatch.setattr("bulk.without_person.shred.destroy", interrupted)
    line = ("shred", PLAN, "--yes", "--unfinished")
    assert run(*line).code != 0
    monkeypatch.setattr("bulk.without_person.shred.destroy", destroy)
    assert run(*line).code == 0
    assert not PLAN.exists()
    if record == "a job":
        assert "Plan destroyed" in run("status", JOURNAL).out


@pytest.mark.parametrize("kind", ["job", "other", "text"])
def test_a_journal_of_something_else_is_refused_before_anything_is_asked_or_written(
    haunted: Any, run: Run, kind: str
) -> None:
    if kind == "job":
        Path("one.txt").write_text("ada\n")
        assert (
            run("delete", "--distinct-ids", "one.txt", "--plan", "o.plan.jsonl", "--yes", "--expect-count", 1).code == 0
        )
        Path("o.journal.jsonl").rename(JOURNAL)
    elif kind == "other":
        Path("one.txt").write_text("other-ghost\n")
        other = ("delete-events", "--without-person", "--distinct-ids", "one.txt", "--yes", "--expect-count", 1)
        assert run(*other, "--plan", "o.plan.jsonl", "--journal", JOURNAL).code == 75
    else:
        JOURNAL.write_text("notes\n")
        JOURNAL.chmod(0o600)
    count = len(requests(haunted, "preview_deletion"))
    before, asked = JOURNAL.read_bytes(), len(requests(haunted, "create_deletion"))
    result = run(*APPROVED, "--plan", PLAN, "--journal", JOURNAL)
    assert result.code in (3, 74), result.err
    assert f"{JOURNAL} " in result.sentence
    assert "--journal" in result.sentence
    assert not PLAN.exists()
    assert JOURNAL.read_bytes() == before
    assert len(requests(haunted, "create_deletion")) == asked
    assert len(requests(haunted, "preview_deletion")) == count


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_plan_takes_no_journal_of_another_job_and_no_second_one(haunted: Any, run: Run, is_recorded: bool) -> None:
    begun(haunted, run, JOURNAL)
    begun(haunted, run, Path("h.journal.jsonl"), Path("h.plan.jsonl"))
    if not is_recorded:
        JOURNAL.unlink()
    sent, read = len(requests(haunted, "create_deletion")), len(requests(haunted, "batch_by_distinct_ids"))
    for journal in ("h.journal.jsonl", *(["new.journal.jsonl"] if is_recorded else [])):
        result = run(*APPROVED, "--plan", PLAN, "--journal", journal)
        assert result.code == 3, result.err
        said = f"its journal is {JOURNAL}, not {journal}" if is_recorded else f"{journal} is the journal of another job"
        assert said in result.sentence
    assert len(requests(haunted, "create_deletion")) == sent
    assert len(requests(haunted, "batch_by_distinct_ids")) == read
    assert not Path("new.journal.jsonl").exists()


def test_a_journal_whose_plan_is_gone_starts_no_second_job(haunted: Any, run: Run) -> None:
    begun(haunted, run, JOURNAL)
    PLAN.unlink()
    result = run(*APPROVED, "--journal", JOURNAL)
    assert result.code == 3
    assert f"{JOURNAL} is the journal of a job whose plan {PLAN} is missing" in result.sentence
    assert not PLAN.exists()
    assert len(deletions(haunted)) == 1


@pytest.mark.parametrize("state", ["approved", "planned"])
def test_a_project_that_was_renamed_since_the_plan_is_refused(haunted: Any, run: Run, state: str) -> None:
    begun(haunted, run, JOURNAL)
    if state == "planned":
        JOURNAL.unlink()
    haunted.server.reconfigure(project_name="Another")
    count = len(requests(haunted, "create_deletion"))
    result = run(*APPROVED, "--plan", PLAN)
    assert result.code == 3, result.err
    assert "project 1 had another name when the plan was made" in result.sentence
    assert len(requests(haunted, "create_deletion")) == count


@pytest.mark.parametrize("path", [PLAN, JOURNAL])
def test_no_output_and_no_log_replaces_a_plan_or_a_journal(haunted: Any, run: Run, path: Path) -> None:
    begun(haunted, run, JOURNAL)
    before = path.read_bytes()
    refused = run("persons", "--where", "plan exact free", "-o", path, "--force")
    assert (refused.code, "is the plan or the journal of a job and is never replaced" in refused.sentence) == (74, True)
    assert run("status", JOURNAL, "--log-file", path).code != 0
    assert path.read_bytes() == before
