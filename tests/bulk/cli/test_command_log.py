"""The log of a command: -q, -v, --log-file and --log-level."""

import logging
import os
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from asyncclient import ListingError, TimedOut
from asyncclient.testing import Fault
from bulk.cli.command_log import FileHandler, log_reason
from bulk.cli.main import COMMANDS
from bulk.errors import FileTrouble, InputError, JournalBusy, NotFinished, Refused
from bulk.selection.filter_expression import WhereError

Run = Callable[..., Any]

DELETE = ("delete", "--delete-events", "--everyone", "--yes", "--expect-count", "60", "--plan", "x.plan.jsonl")
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) (bulk|asyncclient): .+")


def test_the_log_file_has_each_step_of_a_job_and_identifies_no_person(run: Run, posthog: Any) -> None:
    person = posthog.server.world.person(next(posthog.server.world.iter_uuids()))
    posthog.server.faults.add(Fault("status", action="bulk_delete", status=503, times=1))
    assert run(*DELETE, "--log-file", "job.log", "--log-level", "debug").code == 0
    text = Path("job.log").read_text()
    assert stat.S_IMODE(os.stat("job.log").st_mode) == 0o600
    assert all(LINE.fullmatch(line) for line in text.splitlines())
    story = (
        "command delete of posthog-bulk",
        "plan written: 60 persons",
        "run 1: delete persons and their events in project",
        "phase: test batch",
        "server error (HTTP 503); retrying in ",
        "run ended: finished; exit code 0; persons: 60 deleted_confirmed",
        "command delete ended: exit code 0\n",
    )
    places = [text.index(part) for part in story]
    assert places == sorted(places)
    assert "bulk_delete: status 503" in text
    for secret in (posthog.server.personal_api_key, str(person.uuid), person.properties["email"]):
        assert secret not in text


def test_a_second_run_appends_to_the_log(run: Run, posthog: Any) -> None:
    for _ in range(2):
        assert run(*DELETE, "--log-file", "job.log").code == 0
    assert Path("job.log").read_text().count("command delete of posthog-bulk") == 2


@pytest.mark.slow
def test_the_log_of_a_job_that_is_killed_and_resumed_has_both_runs(
    spawn: Callable[..., "subprocess.Popen[bytes]"], run: Run, posthog: Any
) -> None:
    line = (
        "update",
        "seats:=3",
        "--everyone",
        "--yes",
        "--expect-count",
        "60",
        "--batch-size",
        "10",
        "--route",
        "rest",
    )
    options = ("--concurrency", "1", "--log-file", "job.log", "-q")
    posthog.server.faults.add(Fault("stall", action="update", after=20))
    first = spawn(*line, *options)
    posthog.until(lambda: len(posthog.mutations) > 20)
    first.kill()
    first.wait()
    posthog.server.faults.clear()
    assert run(*line, *options).code == 0
    text = Path("job.log").read_text()
    assert text.count("command update of posthog-bulk") == 2
    assert text.count("command update ended: ") == 1
    story = (
        "plan written: 60 persons",
        "run 1: ",
        "phase: sending",
        "command update of",
        "run 2: ",
        "run ended: finished",
    )
    places, start = [], 0
    for part in story:
        start = text.index(part, start)
        places.append(start)
        start += len(part)
    left = re.search(r"run 2: .*; (\d+) of 60 persons left", text)
    assert left is not None
    assert 0 < int(left[1]) < 60
    assert text.endswith("command update ended: exit code 0\n")


def test_the_end_of_a_command_that_fails_has_its_reason_and_no_value(run: Run, posthog: Any) -> None:
    result = run("persons", "--where", "email likes jane@example.org", "--log-file", "job.log")
    assert result.code == 2
    last = Path("job.log").read_text().splitlines()[-1]
    assert " ERROR bulk: command persons ended: exit code 2 (" in last
    assert last.endswith(": an option, a setting or an input is invalid; the command says which")
    posthog.server.faults.add(Fault("status", action="list", status=401, times=9))
    assert run("persons", "--log-file", "job.log").code == 77
    last = Path("job.log").read_text().splitlines()[-1]
    assert last.endswith(": authentication failed: GET persons/ 401 authentication_failed")


def test_an_interrupted_read_is_logged_without_the_text_of_the_server() -> None:
    cause = InputError("jane@example.org")
    assert log_reason(cause) == "an option, a setting or an input is invalid; the command says which"
    from asyncclient import ServerError
    from bulk.posthog.attempt_result import to_not_finished

    error = ServerError(
        status=503,
        type="server_error",
        code="error",
        detail="jane@example.org",
        attr=None,
        method="GET",
        path="/api/projects/1/persons/",
        route="GET persons/",
        retry_after_s=None,
    )
    assert "jane@example.org" in str(to_not_finished(error))
    assert log_reason(to_not_finished(error)) == "server error: GET persons/ 503 error"
    assert log_reason(NotFinished("too long")).startswith("run interrupted: too long")


@pytest.mark.parametrize(
    "error",
    [
        *(Refused("x", "y"), JournalBusy("f"), NotFinished("x"), FileTrouble("f", "is empty", "y"), InputError("x")),
        *(WhereError("a b", 2, 3, "x"), click.UsageError("x"), OSError(28, "no space"), KeyError("x")),
        *(ListingError("x"), TimedOut("no response", method="GET", path="/", route="GET persons/", sent=True)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_log_has_no_name_of_an_exception(error: BaseException) -> None:
    assert log_reason(error)
    assert not re.search(r"[a-z][A-Z]|Refused", log_reason(error))


@pytest.mark.slow
@pytest.mark.parametrize("options", [("-q",), ("--quiet",)])
def test_quiet_shows_results_and_no_progress(run: Run, posthog: Any, options: tuple[str, ...]) -> None:
    result = run(*DELETE, *options)
    assert result.code == 0
    assert result.err == ""
    assert "Waiting for PostHog to purge the events of 60 persons" in result.out


def test_verbose_shows_the_log_in_place_of_progress(run: Run, posthog: Any) -> None:
    result = run(*DELETE, "-v")
    assert re.search(r"^\d\d:\d\d:\d\d INFO bulk: phase: test batch$", result.err, re.MULTILINE)
    assert "Test batch: a few persons" not in result.err
    assert "DEBUG" not in result.err
    assert "DEBUG asyncclient: list: status 200" in run("persons", "-vv").err


def test_quiet_and_verbose_contradict_each_other(run: Run) -> None:
    result = run("status", "x.journal.jsonl", "-q", "-v")
    assert result.code == 2
    assert "-q and -v cannot be combined: give one of them" in result.sentence


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_options_of_the_log(run: Run, name: str) -> None:
    words = set(run(name, "--help").out.replace(",", " ").split())
    assert {"-q", "-v", "--log-file", "--log-level"} <= words


def test_an_unknown_level_is_refused_with_those_there_are(run: Run) -> None:
    result = run("status", "x.journal.jsonl", "--log-level", "loud")
    assert result.code == 2
    assert "'loud' is not one of 'debug', 'info', 'warning', 'error'" in result.sentence


def test_a_log_never_goes_into_a_journal_through_a_link_or_into_a_folder(run: Run, posthog: Any) -> None:
    assert run(*DELETE).code == 0
    Path("link.log").symlink_to("other.log")
    Path("folder").mkdir()
    before = Path("x.journal.jsonl").read_bytes()
    for name in ("x.journal.jsonl", "x.plan.jsonl", "link.log", "folder", "none/job.log"):
        result = run("jobs", "--log-file", name)
        assert result.code == 74
        assert name in result.sentence
    assert Path("x.journal.jsonl").read_bytes() == before
    assert not Path("other.log").exists()


@pytest.mark.parametrize(
    ("line", "log_file", "label"),
    [
        (("delete", "--distinct-ids", "ids.txt"), "ids.txt", "--distinct-ids"),
        (("delete", "--uuids", "ids.txt"), "../{folder}/ids.txt", "--uuids"),
        (("delete", "--emails", "link.txt"), "ids.txt", "--emails"),
        (("persons", "-o", "out.jsonl"), "out.jsonl", "--output"),
        (("persons", "--key-file", "key"), "./key", "--key-file"),
        (("delete", "--everyone", "--plan", "new.plan.jsonl"), "new.plan.jsonl", "--plan"),
        (("status", "x.journal.jsonl"), "x.journal.jsonl", "JOURNAL"),
    ],
)
def test_a_log_never_goes_into_a_file_that_the_command_reads_or_writes(
    line: tuple[str, ...], log_file: str, label: str, run: Run, posthog: Any
) -> None:
    Path("ids.txt").write_text("user-1\n")
    Path("link.txt").symlink_to("ids.txt")
    before = sorted(os.listdir())
    log_file = log_file.format(folder=Path.cwd().name)
    result = run(*line, "--log-file", log_file)
    assert result.code == 2
    assert f"is the file of {label}: choose another name for the log file" in result.sentence
    assert sorted(os.listdir()) == before
    assert Path("ids.txt").read_text() == "user-1\n"
    assert posthog.server.requests == []


def test_a_log_cannot_have_the_name_of_a_plan_or_a_journal(run: Run, posthog: Any) -> None:
    for name in ("new.plan.jsonl", "new.journal.jsonl"):
        result = run(*DELETE, "--log-file", name)
        assert result.code == 2
        assert f"{name} has the name of a plan or a journal" in result.sentence
    assert os.listdir() == []
    assert posthog.server.requests == []


def test_a_log_that_cannot_be_written_ends_and_the_command_continues(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    handler = FileHandler(tmp_path / "job.log", logging.INFO)
    record = logging.LogRecord("bulk", logging.INFO, "", 0, "one\x1b[2Jtwo\nthree", None, None)
    handler.emit(record)
    assert (tmp_path / "job.log").read_text().endswith("INFO bulk: one\\x1b[2Jtwo\\x0athree\n")
    descriptor = os.open("/dev/full", os.O_WRONLY)
    os.dup2(descriptor, handler._descriptor or -1)
    os.close(descriptor)
    handler.emit(record)
    handler.emit(record)
    assert capsys.readouterr().err.count("the log ") == 1


def test_the_loggers_are_left_as_they_were(run: Run, posthog: Any) -> None:
    loggers = [logging.getLogger(name) for name in ("bulk", "asyncclient")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    run("persons", "-vv", "--log-file", "job.log")
    assert [(logger.level, list(logger.handlers)) for logger in loggers] == before
