"""Plans and journals that do not fit or cannot be used: one sentence, the right exit code, and nothing is changed."""

import errno
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bulk.files.private_files
from bulk.journal.writer import JournalWriter

Run = Callable[..., Any]

FREE = ("--where", "plan exact free")


def footer(plan: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(plan.read_bytes().splitlines()[-1])
    return loaded


def test_a_key_that_can_only_read_runs_no_plan(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(60, scopes=("project:read", "person:read"))
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    assert run("plan", "delete", *FREE, "-o", "x.plan.jsonl").code == 0
    digest = footer(Path("x.plan.jsonl"))["digest"]
    result = run("run", "x.plan.jsonl", "--approve", digest)
    assert result.code == 77
    assert "person:write" in result.sentence
    assert served.server.world.count() == 60


def test_a_plan_with_too_many_targets_is_refused(refused: Callable[..., str], plan: Path) -> None:
    digest = footer(plan)["digest"]
    assert "--max-targets 3" in refused(3, "run", plan, "--approve", digest, "--max-targets", "3")
    assert "--expect-count says 3" in refused(3, "run", plan, "--approve", digest, "--expect-count", "3")


def test_without_a_terminal_the_message_says_how_to_approve(refused: Callable[..., str], plan: Path) -> None:
    digest = footer(plan)["digest"].removeprefix("sha256:")[:12]
    assert f"--approve {digest}" in refused(3, "run", plan)
    count = footer(plan)["count"]
    assert f"--yes --expect-count {count}" in refused(3, "delete", *FREE, "--plan", plan)


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "0" * 12, "", "x"])
def test_a_wrong_digest_is_refused(refused: Callable[..., str], plan: Path, digest: str) -> None:
    assert "digest" in refused(3, "run", plan, "--approve", digest)


def test_a_changed_plan_is_refused(refused: Callable[..., str], plan: Path) -> None:
    digest = footer(plan)["digest"]
    data = bytearray(plan.read_bytes())
    data[len(data) // 2] ^= 1
    plan.write_bytes(data)
    assert "changed after it was created" in refused(74, "run", plan, "--approve", digest)


def test_a_plan_for_another_project_or_host_is_refused(
    refused: Callable[..., str], serve: Callable[..., Any], plan: Path
) -> None:
    digest = footer(plan)["digest"]
    sentence = refused(3, "run", plan, "--approve", digest, "--project-id", "2")
    assert "the plan was made for project 1, but the client is set to 2" in sentence
    assert "the plan was made for http" in refused(3, "run", plan, "--approve", digest, "--host", serve(1).server.url)


def test_a_plan_for_another_operation_or_selection_is_refused(refused: Callable[..., str], plan: Path) -> None:
    count = str(footer(plan)["count"])
    run_options = ("--plan", plan, "--yes", "--expect-count", count)
    assert "another operation" in refused(3, "delete", "--delete-events", *FREE, *run_options)
    assert "another selection" in refused(3, "delete", "--where", "plan exact pro", *run_options)


def test_the_journal_of_another_job_is_refused(
    run: Run, serve: Callable[..., Any], plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = footer(plan)["digest"]
    assert run("run", plan, "--approve", digest).code == 0
    other = serve(60)
    for name, value in other.env.items():
        monkeypatch.setenv(name, value)
    assert run("plan", "delete", "--where", "plan exact pro", "-o", "y.plan.jsonl").code == 0
    result = run(
        "run", "y.plan.jsonl", "--journal", "x.journal.jsonl", "--approve", footer(Path("y.plan.jsonl"))["digest"]
    )
    assert result.code == 3
    assert "journal of another job" in result.sentence
    assert not other.mutations


def test_a_damaged_journal_is_refused_with_its_line(run: Run, posthog: Any, plan: Path) -> None:
    digest = footer(plan)["digest"]
    assert run("run", plan, "--approve", digest).code == 0
    sent = len(posthog.mutations)
    journal = Path("x.journal.jsonl")
    lines = journal.read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b"0", b"1", 1)
    journal.write_bytes(b"\n".join(lines))
    for command in (("run", plan), ("status", journal), ("verify", journal), ("report", journal)):
        result = run(*command)
        assert result.code == 74
        assert "line 3" in result.sentence
    assert len(posthog.mutations) == sent


def test_a_journal_in_use_by_another_process_is_refused(refused: Callable[..., str], plan: Path) -> None:
    digest = footer(plan)["digest"]
    journal = Path("x.journal.jsonl")
    journal.touch(0o600)
    with journal.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another process" in refused(75, "run", plan, "--approve", digest)


def failing(error: int, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(bulk.files.private_files.os, function, fail)


def test_a_full_disk_ends_the_command(refused: Callable[..., str], plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = footer(plan)["digest"]
    with monkeypatch.context() as patch:
        failing(errno.ENOSPC, "write", patch)
        assert "disk is full" in refused(74, "delete", *FREE, "--yes", "--expect-count", "1", "--plan", "full")
        patch.setitem(JournalWriter.__init__.__kwdefaults__, "write", bulk.files.private_files.os.write)
        refused(74, "run", plan, "--approve", digest)
    assert not Path("full").exists()


@pytest.mark.parametrize("command", ["status", "verify", "report"])
def test_a_journal_that_does_not_exist_is_refused(refused: Callable[..., str], command: str) -> None:
    assert "x.journal.jsonl" in refused(74, command, "x.journal.jsonl")


@pytest.mark.parametrize("approved", [False, True], ids=["without approval", "with approval"])
def test_a_journal_of_another_format_is_named_before_any_approval(run: Run, posthog: Any, approved: bool) -> None:
    assert run("plan", "delete", "--everyone", "-o", "x.plan.jsonl").code == 0
    digest = json.loads(Path("x.plan.jsonl").read_text().splitlines()[-1])["digest"]
    journal = Path("x.journal.jsonl")
    journal.write_text('{"n":0,"k":"job","format":1,"job":"0123456789abcdef"}\n')
    journal.chmod(0o600)
    requests = len(posthog.server.requests)
    result = run("run", "x.plan.jsonl", *(("--approve", digest) if approved else ()))
    assert result.code == 74
    assert result.sentence == (
        "posthog-bulk: x.journal.jsonl has journal format 1, which this version of posthog-bulk cannot read "
        "(it uses 2); finish and report this job with the version that began it."
    )
    assert len(posthog.server.requests) == requests
