"""The local server in the foreground, and the demo from start to proof."""

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import LocalPostHog
from bulk.cli.commands.server import add_personless_events, command, export_lines, parse_fault, server_options
from bulk.cli.options.help_layout import LOG_PARAMS
from tests.bulk.cli.help.test_help_examples import examples

Spawn = Callable[..., "subprocess.Popen[bytes]"]
Run = Callable[..., Any]


def exports(process: "subprocess.Popen[bytes]") -> dict[str, str]:
    assert process.stdout is not None
    lines = [process.stdout.readline().decode() for _ in range(3)]
    return dict(re.fullmatch(r"export (\w+)=(.*)\n", line).groups() for line in lines)  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_prints_how_to_use_it_and_ends_cleanly(
    spawn: Spawn, run: Run, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    process = spawn("server", "--port", "0", "--persons", "25", "--project-id", "7", "--rate-limits", "off")
    env = exports(process)
    assert set(env) == {"POSTHOG_HOST", "POSTHOG_PROJECT_ID", "POSTHOG_PERSONAL_API_KEY"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert len(run("persons").out.splitlines()) == 25
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"")
    assert len(err.splitlines()) == 2


@pytest.mark.slow
def test_the_options_reach_the_server(spawn: Spawn) -> None:
    process = spawn(
        "server", "--port", "0", "--persons", "5", "--scope", "project:read", "--fault", "status,status=418,times=1"
    )
    env = exports(process)
    headers = {"Authorization": f"Bearer {env['POSTHOG_PERSONAL_API_KEY']}"}
    statuses = []
    for path in ("", "persons/"):
        request = urllib.request.Request(f"{env['POSTHOG_HOST']}/api/projects/1/{path}", headers=headers)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        statuses.append(caught.value.status)
        caught.value.close()
    assert statuses == [418, 403]


@pytest.mark.slow
def test_a_port_in_use_is_a_usage_error(spawn: Spawn, run: Run) -> None:
    port = exports(spawn("server", "--port", "0"))["POSTHOG_HOST"].rsplit(":", 1)[1]
    result = run("server", "--port", port)
    assert result.code == 2
    assert f"port {port} is in use" in result.sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fault", "nonsense"), "--fault"),
        (("--fault", "status,when"), "write when=VALUE"),
        (("--fault", "status,colour=red"), "colour"),
        (("--fault", "status,status=many"), "--fault"),
        (("--short-pages", "1"), "at least 2"),
        (("--latency", "-1"), "--latency"),
        (("--capture-lag", "-1"), "--capture-lag"),
        (("--fault", "swallow,action=capture,share=2"), "share"),
        (("--fault", "capture_down,action=capture"), "applies only to"),
        (("--fault", "status,action=nope"), "unknown action 'nope'; known actions are activity, all_activity"),
        (("--era", "old"), "--era"),
    ],
)
def test_an_invalid_option_of_the_server_is_a_usage_error(run: Run, arguments: tuple[str, ...], words: str) -> None:
    result = run("server", "--port", "0", *arguments)
    assert result.code == 2
    assert words in result.sentence


def test_a_fault_is_written_with_its_fields() -> None:
    fault = parse_fault("status,action=bulk_delete,status=503,times=2,when=after")
    assert (fault.kind, fault.action, fault.status, fault.times, fault.when) == (
        "status",
        "bulk_delete",
        503,
        2,
        "after",
    )


def test_captures_can_lag_and_lose_events() -> None:
    knobs = command.make_context("server", ["--capture-lag", "2.5"]).params
    names = {"port", "persons", "without_person", "seed", "faults", "json", *LOG_PARAMS}
    options = server_options({name: value for name, value in knobs.items() if name not in names})
    assert (options.capture_lag_s, options.list_lag_s) == (2.5, 0)
    fault = parse_fault("swallow,action=capture,share=0.01,seed=3")
    assert (fault.kind, fault.action, fault.share, fault.seed) == ("swallow", "capture", 0.01, 3)


@pytest.mark.parametrize(
    ("words", "scopes"), [([], ("*",)), (["--scope", "none"], None), (["--scope", "person:read"], ("person:read",))]
)
def test_the_key_has_all_scopes_those_given_or_none(words: list[str], scopes: tuple[str, ...] | None) -> None:
    knobs = command.make_context("server", words).params
    names = {"port", "persons", "without_person", "seed", "faults", "json", *LOG_PARAMS}
    assert server_options({name: value for name, value in knobs.items() if name not in names}).scopes == scopes


def test_distinct_ids_without_a_person_have_events() -> None:
    server = LocalPostHog(persons=3)
    add_personless_events(server, 2)
    assert [len(server.world.personless_events(f"ghost-{number}")) for number in range(4)] == [0, 2, 2, 0]
    assert server.world.count() == 3


def test_exports_can_be_read_by_a_shell() -> None:
    script = "\n".join([*export_lines("http://h:1", 7, "phx 'x'"), 'printf %s "$POSTHOG_PERSONAL_API_KEY"'])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "phx 'x'"


@pytest.mark.slow
def test_the_demo_kills_resumes_verifies_and_proves(spawn: Spawn, tmp_path: Path) -> None:
    (example,) = examples("demo")  # of its help, which keeps the files in a folder
    process = spawn(*example, "--persons", "1000")
    folder = tmp_path / example[-1]
    out, err = process.communicate(timeout=120)
    told = out.decode()
    assert process.returncode == 0, told + err.decode()
    assert re.search(r"Process \d+ was killed", told)
    assert re.findall(r"^(\d)\. ", told, re.MULTILINE) == list("12345678")
    steps = re.split(r"^\d\. ", told, flags=re.MULTILINE)
    assert "\n   Waiting for PostHog to purge the events of " in steps[5]
    assert "\n   Complete: " in steps[6]
    assert "Interruption of run 1" in steps[7]
    _, *proof, blank, following = told[told.index("8. Proof") :].splitlines()
    assert (blank, "`posthog-bulk server`" in following) == ("", True)
    assert len(proof) == 6
    assert all(line.startswith("   yes  ") for line in proof)
    assert sorted(path.name for path in folder.iterdir()) == [
        "demo.journal.jsonl",
        "demo.plan.jsonl",
        "demo.receipts",
        "report.html",
        "report.json",
        "report.md",
    ]
    report = json.loads((folder / "report.json").read_text())
    assert [run["purpose"] for run in report["runs"]] == ["run", "run", "verify"]
    assert report["runs"][0]["ended"] is None
    again = spawn("demo", "--keep", folder)
    assert b"of an earlier demo" in again.communicate(timeout=60)[1]
    assert again.returncode == 2


@pytest.mark.slow
def test_an_interrupted_demo_leaves_no_process_and_no_folder(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn("demo", "--persons", "1000", env={"TMPDIR": str(tmp_path)}, start_new_session=True)
    assert process.stdout is not None
    while b"3. Run: " not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
