"""A signal at any moment ends the command with what is kept and the line that continues, and by the signal itself."""

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import Fault

Spawn = Callable[..., "subprocess.Popen[bytes]"]
Run = Callable[..., Any]

ONE_GO = ("delete", "--everyone", "--yes", "--expect-count", "60")
LINE = "  posthog-bulk delete --everyone --yes --expect-count 60"
SO_FAR = re.compile(r"Not finished: [1-9]\d? of 60 persons deleted")


def requested(posthog: Any, action: str, times: int = 1) -> Callable[[], bool]:
    return lambda: sum(request.action == action for request in posthog.server.requests) == times


def interrupted(process: "subprocess.Popen[bytes]", number: signal.Signals) -> tuple[str, str]:
    """Send a signal and return what the command says."""
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == -number
    return out.decode(), err.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "number"),
    [(ONE_GO, signal.SIGINT), (("plan", "delete", "--everyone", "-o", "x.plan.jsonl"), signal.SIGHUP)],
)
def test_while_planning_nothing_is_kept(
    spawn: Spawn, posthog: Any, own_folder: Path, command: tuple[str, ...], number: signal.Signals
) -> None:
    posthog.server.faults.add(Fault("stall", action="list"))
    process = spawn(*command)
    posthog.until(requested(posthog, "list"))
    _, err = interrupted(process, number)
    assert err == (
        f"posthog-bulk: interrupted by {number.name}. Nothing was changed, and no new file is left behind. "
        f"To start again:\n  posthog-bulk {' '.join(command)}\n"
    )
    assert list(own_folder.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "number"), [("stall", signal.SIGTERM), ("refuse", signal.SIGINT)])
def test_in_the_checks_before_a_run_the_plan_is_kept(
    spawn: Spawn, run: Run, posthog: Any, own_folder: Path, fault: Any, number: signal.Signals
) -> None:
    assert run("plan", "delete", "--everyone", "-o", "x.plan.jsonl").code == 0
    digest = json.loads(Path("x.plan.jsonl").read_text().splitlines()[-1])["digest"]
    posthog.server.faults.add(Fault(fault))
    process = spawn("run", "x.plan.jsonl", "--approve", digest)
    if fault == "stall":
        posthog.until(requested(posthog, "projects", 2))
    else:
        assert process.stderr is not None
        while b"Server not reachable" not in (line := process.stderr.readline()):
            assert line
    out, err = interrupted(process, number)
    assert err.endswith(
        f"posthog-bulk: interrupted by {number.name}. Nothing was changed; the plan is kept: x.plan.jsonl. "
        f"To continue:\n  posthog-bulk run x.plan.jsonl --approve {digest}\n"
    )
    assert out == ""
    assert sorted(path.name for path in own_folder.iterdir()) == ["x.plan.jsonl", "x.receipts"]
    posthog.server.faults.clear()
    assert run("run", "x.plan.jsonl", "--approve", digest).code == 0


@pytest.mark.slow
def test_in_an_outage_the_summary_has_the_counts_and_the_same_line_continues(
    spawn: Spawn, run: Run, posthog: Any
) -> None:
    posthog.server.faults.add(Fault("reset", after=9))
    process = spawn(*ONE_GO)
    assert process.stderr is not None
    while b"Server not reachable" not in (line := process.stderr.readline()):
        assert line
    out, _ = interrupted(process, signal.SIGTERM)
    assert "Not finished: 25 of 60 persons deleted" in out
    assert f"\nTo resume: {LINE.strip()}\n" in out
    posthog.server.faults.clear()
    assert run(*ONE_GO).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("action", ["batch_by_distinct_ids", "query"], ids=["persons", "list"])
def test_a_verification_says_that_it_was_interrupted_and_not_that_all_is_done(
    spawn: Spawn, run: Run, posthog: Any, action: Any
) -> None:
    assert run(*ONE_GO, "--plan", "y.plan.jsonl").code == 0
    posthog.server.faults.add(Fault("stall", action=action))
    before = sum(request.action == action for request in posthog.server.requests)
    process = spawn("verify", "y.journal.jsonl")
    posthog.until(requested(posthog, action, before + 1))
    out, err = interrupted(process, signal.SIGINT)
    assert out == ""
    assert err.endswith(
        "posthog-bulk: interrupted by SIGINT. Nothing was changed; what was read back so far is recorded in "
        "y.journal.jsonl. To continue:\n  posthog-bulk verify y.journal.jsonl\n"
    )


@pytest.mark.slow
def test_an_export_to_a_file_leaves_none(spawn: Spawn, posthog: Any, own_folder: Path) -> None:
    posthog.server.faults.add(Fault("stall", action="list"))
    process = spawn("persons", "-o", "all.jsonl", "--json")
    posthog.until(requested(posthog, "list"))
    out, err = interrupted(process, signal.SIGINT)
    assert "no new file is left behind. To start again:\n  posthog-bulk persons -o all.jsonl --json\n" in err
    end = json.loads(out.splitlines()[-1])
    assert (end["event"], end["exit_code"]) == ("error", 130)
    assert list(own_folder.iterdir()) == []


def test_a_run_that_an_outage_ends_shows_what_was_done(run: Run, posthog: Any) -> None:
    posthog.server.faults.add(Fault("status", status=503, after=16))
    result = run(*ONE_GO, "--batch-size", "5", "--retry-for", "0.1s")
    assert result.code == 75
    assert SO_FAR.search(result.out)
    summary = result.out[result.out.index("Not finished: ") :]
    assert f"To resume: {LINE.strip()} --batch-size 5 --retry-for 0.1s\n" in summary
    assert (summary.count("--batch-size 5"), summary.count("resume")) == (1, 1)
    assert not re.search("^(Needs attention|Waiting)", summary, re.MULTILINE)
    assert result.sentence.startswith("posthog-bulk: run interrupted: the server did not respond for 0.")


def test_a_run_that_the_breaker_ends_shows_what_was_done(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk.execution.breaker.FAILURES_TO_OPEN", 1)
    posthog.server.faults.add(Fault("status", action="bulk_delete", status=500, after=1))
    result = run(*ONE_GO, "--batch-size", "5", "--json")
    assert result.code == 4
    assert SO_FAR.search(result.err)
    events = [json.loads(line)["event"] for line in result.out.splitlines()]
    assert events[-2:] == ["report", "error"]


def test_a_run_whose_key_is_refused_shows_what_was_done(run: Run, posthog: Any) -> None:
    posthog.server.faults.add(Fault("status", action="bulk_delete", status=401, after=1))
    result = run(*ONE_GO, "--batch-size", "5")
    assert result.code == 77
    assert SO_FAR.search(result.out)


def test_a_run_that_is_refused_shows_nothing_of_another_one(run: Run, posthog: Any) -> None:
    assert run(*ONE_GO, "--plan", "y.plan.jsonl").code == 0
    result = run("run", "y.plan.jsonl", "--host", posthog.server.url.replace("127.0.0.1", "localhost"))
    assert result.code == 3
    assert "Done" not in result.out
