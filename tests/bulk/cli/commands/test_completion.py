"""Shell completion: the scripts, and what the command offers a shell."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bulk
from bulk.cli.commands.completion import COMPLETE_VARIABLE, SHELLS

Run = Callable[..., Any]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_the_command_for_completions(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert f"{COMPLETE_VARIABLE}={shell}_complete" in result.out
    line = json.loads(run("completion", shell, "--json").out)
    assert (line["event"], line["shell"], line["script"]) == ("completion", shell, result.out)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_valid(run: Run, shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(run("completion", shell).out)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("posthog-bulk del", ["delete", "delete-events", "delete-recordings"]),
        ("posthog-bulk run x", ["x y.plan.jsonl"]),
    ],
)
def test_fish_completes_by_the_script(run: Run, tmp_path: Path, line: str, offered: list[str]) -> None:
    (tmp_path / "script").write_text(run("completion", "fish").out)
    (tmp_path / "x y.plan.jsonl").touch()
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "posthog-bulk"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m bulk "$@"\n')
    command.chmod(0o700)
    source = str(Path(next(iter(bulk.__path__))).parent)
    path = os.pathsep.join([str(command.parent), os.environ["PATH"]])
    done = subprocess.run(
        ["fish", "--no-config", "-c", f'source script; complete -C "{line}"'],
        env={**os.environ, "PATH": path, "PYTHONPATH": source, "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [each.partition("\t")[0] for each in done.stdout.splitlines()] == offered


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("posthog-bulk del", {"plain,delete", "plain,delete-events", "plain,delete-recordings"}),
        ("posthog-bulk run --log-l", {"plain,--log-level"}),
        ("posthog-bulk completion ", {"plain,bash", "plain,zsh", "plain,fish"}),
        ("posthog-bulk persons --profile ", {"plain,eu"}),
        ("posthog-bulk persons --distinct-ids ", {"file,"}),
        ("posthog-bulk run ", {"file,"}),
        ("posthog-bulk demo --keep ", {"dir,"}),
    ],
)
def test_a_shell_gets_commands_options_values_and_files(
    spawn: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path, line: str, offered: set[str]
) -> None:
    folder = tmp_path / "posthog-bulk"
    folder.mkdir()
    (folder / "profiles.toml").write_text('[eu]\nhost = "eu"\n')
    words = line.split(" ")
    process = spawn(
        env={
            COMPLETE_VARIABLE: "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            "XDG_CONFIG_HOME": str(tmp_path),
        }
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert set(out.decode().split()) == offered


def test_an_unknown_shell_is_refused_with_those_there_are(run: Run) -> None:
    result = run("completion", "csh")
    assert result.code == 2
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in result.sentence


@pytest.mark.parametrize(
    ("arguments", "suggested"),
    [
        (("delte",), "No such command 'delte'. Did you mean delete"),
        (("verfy", "x"), "No such command 'verfy'. Did you mean verify?"),
        (("zzz",), "No such command 'zzz'. For help: posthog-bulk --help"),
        (("verify", "x", "--approve", "1"), "No such option '--approve' of verify: it belongs to run. For help"),
        (("run", "x", "--delete-events"), "of run: a plan is run as it is; to change what it does, make another plan"),
        (("delete", "-o", "x"), "No such option '-o' of delete: name the plan file with --plan. For help"),
        (("verify", "x", "--watch"), "No such option '--watch' of verify: it belongs to status. For help"),
        (("jobs", "--host", "eu"), "No such option '--host' of jobs: it belongs to persons, plan, run and other comm"),
        (("--host", "eu", "jobs"), "No such option '--host' before the command: give it after the name of the command"),
        (
            ("plan", "--delete-events", "--distinct-ids", "x"),
            "Missing argument 'OPERATION'. Choose from: delete, unset",
        ),
        (("plan", "delete", "--distinct-ids", "x"), "Missing option '-o' / '--output'. For help"),
        (("plan", "--from", "x", "--reappeared"), "Missing option '-o' / '--output'. For help"),
        (("run", "x", "--aprove", "1"), "No such option '--aprove'. Did you mean --approve or"),
        (("persons", "--distinct-id", "x"), "No such option '--distinct-id'. Did you mean --distinct-ids"),
    ],
)
def test_a_mistyped_command_or_option_gets_a_suggestion(run: Run, arguments: tuple[str, ...], suggested: str) -> None:
    result = run(*arguments)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert suggested in result.sentence
