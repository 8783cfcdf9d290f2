"""Bad input: one sentence, the right exit code, and not one request that changes anything."""

import errno
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bulk.files.private_files
from asyncclient.testing import Fault
from bulk.journal.writer import JournalWriter

Run = Callable[..., Any]

FREE = ("--where", "plan exact free")


@pytest.fixture
def refused(run: Run, posthog: Any) -> Callable[..., str]:
    """Run a command that must end with a code, one sentence and nothing changed; return the sentence."""

    def call(code: int, *arguments: object, stdin: Path | None = None) -> str:
        result = run(*arguments, stdin=stdin)
        assert (result.code, len(result.sentence.splitlines())) == (code, 1), result
        said = [line for line in result.err.splitlines() if line.startswith("posthog-bulk: ")]
        assert len(said) == 1
        assert not posthog.mutations
        assert posthog.server.world.count() == 60
        assert posthog.server.personal_api_key not in result.out + result.err
        return str(result.sentence)

    return call


@pytest.fixture
def plan(run: Run, posthog: Any) -> Path:
    """A plan for the free persons."""
    assert run("plan", "delete", *FREE, "-o", "x.plan.jsonl").code == 0
    return Path("x.plan.jsonl").absolute()


def footer(plan: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(plan.read_bytes().splitlines()[-1])
    return loaded


OPERATION_OPTIONS = ("delete", *FREE, "--yes", "--expect-count", "1")


@pytest.mark.parametrize("option", ["--log-file", "--plan", "--journal", "--key-file", "--ca-file"])
def test_an_empty_file_name_and_a_dash_are_refused(refused: Callable[..., str], posthog: Any, option: str) -> None:
    assert f"'{option}': the name of the file is empty" in refused(2, *OPERATION_OPTIONS, option, "")
    assert f"'{option}': '-' is not the name of a file; ./- is" in refused(2, *OPERATION_OPTIONS, option, "-")
    assert posthog.server.requests == []


@pytest.mark.parametrize("line", [("persons",), ("plan", "delete", *FREE)])
def test_an_output_without_a_name_is_refused(refused: Callable[..., str], line: tuple[str, ...]) -> None:
    assert "'--output': the name of the file is empty" in refused(2, *line, "-o", "")
    assert "'--output': '-' is not the name of a file" in refused(2, *line, "-o", "-")


def test_a_missing_key_is_refused(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTHOG_PERSONAL_API_KEY")
    assert "POSTHOG_PERSONAL_API_KEY" in refused(2, *OPERATION_OPTIONS)


def test_a_key_file_that_does_not_exist_is_refused(refused: Callable[..., str]) -> None:
    assert "cannot be read" in refused(2, *OPERATION_OPTIONS, "--key-file", "none")


def test_a_key_file_that_others_can_read_is_refused(refused: Callable[..., str]) -> None:
    Path("key").write_text("phx_secret")
    Path("key").chmod(0o644)
    sentence = refused(2, *OPERATION_OPTIONS, "--key-file", "key")
    assert "read by others" in sentence
    assert "phx_secret" not in sentence


def test_a_key_with_a_newline_is_refused(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", "phx_secret\nx")
    sentence = refused(2, *OPERATION_OPTIONS)
    assert "line break" in sentence
    assert "secret" not in sentence


def test_a_project_token_in_place_of_the_key_is_refused(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", "phc_token")
    assert "personal API key" in refused(2, *OPERATION_OPTIONS)


@pytest.mark.slow
def test_a_key_of_another_region_is_refused(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTHOG_PERSONAL_API_KEY", "phx_from_elsewhere")
    assert "region" in refused(77, *OPERATION_OPTIONS)


def test_a_key_without_the_scope_is_refused(
    serve: Callable[..., Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(60, scopes=("person:read", "person:write"))
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    result = run(*OPERATION_OPTIONS)
    assert result.code == 77
    assert "scope" in result.sentence
    assert not served.mutations


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


@pytest.mark.parametrize("project", ["abc", "0", "-1", "1.5", "1/../2", "", "@Current"])
def test_a_project_id_that_is_not_a_number_is_refused(refused: Callable[..., str], project: str) -> None:
    assert "project" in refused(2, *OPERATION_OPTIONS, f"--project-id={project}")


def test_the_current_project_is_refused_for_a_write(refused: Callable[..., str]) -> None:
    assert "@current" in refused(2, *OPERATION_OPTIONS, "--project-id", "@current")


def test_a_project_that_the_key_cannot_see_is_refused(refused: Callable[..., str]) -> None:
    refused(77, *OPERATION_OPTIONS, "--project-id", "99")


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("https://us.posthog.com/project/1", ": give https://us.posthog.com"),
        ("https://jane:secret@us.posthog.com", "user information"),
        ("https://us.i.posthog.com", "captured events only"),
        ("http://posthog.example.com", "plain http"),
        ("posthog.example.com", "neither us, eu"),
        ("ftp://x", "neither us, eu"),
    ],
)
def test_a_host_that_is_not_an_origin_is_refused(refused: Callable[..., str], host: str, words: str) -> None:
    sentence = refused(2, *OPERATION_OPTIONS, "--host", host)
    assert words in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize("command", [("delete",), ("plan", "delete", "-o", "x.plan.jsonl")])
def test_an_empty_selection_is_refused(refused: Callable[..., str], posthog: Any, command: tuple[str, ...]) -> None:
    assert "--everyone" in refused(2, *command)
    assert not posthog.server.requests


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--distinct-ids", "a", "--uuids", "b"), "cannot be combined"),
        (("--distinct-ids", "a", "--where", "a exact b"), "cannot be combined"),
        (("--distinct-ids", "a", "--everyone"), "cannot be combined"),
        (("--column", "a", *FREE), "--column"),
        (("--allow-shared-ids", *FREE), "--allow-shared-ids"),
        (("--email", " "), "blank"),
        (("--properties", "[]"), "empty array"),
        (("--cohort", "0"), "cohort"),
        (("--distinct-ids", "none.txt"), None),
    ],
)
def test_options_that_cannot_be_combined_are_refused(
    refused: Callable[..., str], posthog: Any, options: tuple[str, ...], words: str | None
) -> None:
    sentence = refused(2 if words else 74, "delete", *options, "--yes", "--expect-count", "1")
    assert (words or "no such file: none.txt") in sentence
    assert not posthog.server.requests


def test_an_unknown_operator_is_marked(run: Run, posthog: Any) -> None:
    result = run("delete", "--where", "plan exactly free", "--yes", "--expect-count", "1")
    assert result.code == 2
    assert "did you mean exact?" in result.sentence
    assert result.err.splitlines()[-2:] == ["  plan exactly free", "       ^^^^^^^"]
    assert not posthog.server.requests


@pytest.mark.parametrize("option", ["--distinct-ids", "--uuids", "--emails"])
def test_an_empty_input_file_is_refused(refused: Callable[..., str], posthog: Any, option: str) -> None:
    Path("ids").touch()
    assert "ids is empty" in refused(2, "delete", option, "ids", "--yes", "--expect-count", "1")
    assert "is empty" in refused(2, "delete", option, "-", "--yes", "--expect-count", "1")
    assert not posthog.server.requests


def test_an_input_that_matches_no_person_is_refused(refused: Callable[..., str]) -> None:
    Path("ids").write_text("nobody\n")
    assert "no person matches" in refused(3, "delete", "--distinct-ids", "ids", "--yes", "--expect-count", "1")
    assert os.listdir() == ["ids"]


def test_yes_requires_an_expected_count(refused: Callable[..., str]) -> None:
    assert "--expect-count" in refused(2, "delete", *FREE, "--yes")


def test_another_count_than_expected_is_refused(refused: Callable[..., str]) -> None:
    assert "--expect-count says 1" in refused(3, *OPERATION_OPTIONS)


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


def test_a_read_only_folder_is_refused(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def read_only(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_CREAT | getattr(os, "O_TMPFILE", 0) & ~os.O_DIRECTORY):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(bulk.files.private_files.os, "open", read_only)
        assert "read-only" in refused(74, *OPERATION_OPTIONS)


def test_a_folder_that_does_not_exist_is_refused(refused: Callable[..., str]) -> None:
    assert "none/x.plan.jsonl" in refused(74, *OPERATION_OPTIONS, "--plan", "none/x.plan.jsonl")


def test_a_full_disk_ends_the_command(refused: Callable[..., str], plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = footer(plan)["digest"]
    with monkeypatch.context() as patch:
        failing(errno.ENOSPC, "write", patch)
        assert "disk is full" in refused(74, "delete", *FREE, "--yes", "--expect-count", "1", "--plan", "full")
        patch.setitem(JournalWriter.__init__.__kwdefaults__, "write", bulk.files.private_files.os.write)
        refused(74, "run", plan, "--approve", digest)
    assert not Path("full").exists()


@pytest.mark.slow
def test_a_server_that_cannot_be_reached_ends_the_command(run: Run, posthog: Any) -> None:
    result = run(*OPERATION_OPTIONS, "--host", "http://127.0.0.1:1", "--retry-for", "0")
    assert result.code == 75
    assert len(result.sentence.splitlines()) == 1
    assert "check the network and the host" in result.sentence


def test_a_server_that_is_not_posthog_ends_the_command(run: Run, posthog: Any) -> None:
    for fault, code in (
        (Fault("redirect", to="https://elsewhere.example.com"), 75),
        (Fault("garbage"), 75),
    ):
        posthog.server.faults.add(fault)
        result = run(*OPERATION_OPTIONS)
        assert result.code == code, result
        assert "; " in result.sentence  # what is wrong, and what to do
        posthog.server.faults.clear()
    assert not posthog.mutations


@pytest.mark.parametrize("limits", ["fast", "480", "480/min,4800", "480/min,4800/day,240/min", "-1/min,1/hour,1/min"])
def test_invalid_rate_limits_are_refused(refused: Callable[..., str], limits: str) -> None:
    refused(2, *OPERATION_OPTIONS, "--rate-limits", limits)


@pytest.mark.parametrize("command", ["status", "verify", "report"])
def test_a_journal_that_does_not_exist_is_refused(refused: Callable[..., str], command: str) -> None:
    assert "x.journal.jsonl" in refused(74, command, "x.journal.jsonl")


@pytest.mark.parametrize("name", ["report.htm", "report.pdf", "report"])
def test_a_report_in_an_unknown_format_is_refused(refused: Callable[..., str], name: str) -> None:
    assert "ends with .html, .md, .json, .txt" in refused(2, "report", "x.journal.jsonl", "-o", name)


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


def test_a_misspelt_property_that_no_person_has_is_refused_with_the_closest_one(run: Run, posthog: Any) -> None:
    result = run("plan", "unset", "emial", "--everyone", "-o", "x.plan.jsonl", "--log-file", "x.log")
    assert result.code == 3
    assert "no selected person has any of the properties" in result.sentence
    assert "Did you mean email instead of emial?" in result.sentence
    assert "email" not in Path("x.log").read_text()
    assert not posthog.mutations
    assert not Path("x.plan.jsonl").exists()
