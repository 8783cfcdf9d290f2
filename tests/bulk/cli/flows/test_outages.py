"""The command line while the server is away: each command waits, says so, and ends by itself (guarantee 12)."""

import json
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import Fault

Run = Callable[..., Any]
UNREACHABLE = re.compile(
    r"Server not reachable since \d\d:\d\d:\d\d \(.+\); trying again (now|in [\d.]+ (s|min)[\d s]*); "
    r"giving up at (\d{4}-\d\d-\d\d )?\d\d:\d\d(:\d\d)?"  # with the date if midnight comes before it
)
AWAY = [Fault("refuse", times=5), Fault("reset", times=5), Fault("status", status=503, times=5)]
"""A server that is away for about a second: as long as five requests and the probes among them take."""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probe the server at once, so that the commands of this module take no real time."""
    monkeypatch.setattr("asyncclient._protocol.outage.BASE_S", 0.01)
    monkeypatch.setattr("asyncclient._protocol.outage.SHORTEST_WAIT_S", 0.01)


def closed_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}"


COMMANDS: list[tuple[str, ...]] = [
    ("persons", "-o", "all.jsonl"),
    ("plan", "delete", "--everyone", "-o", "x.plan.jsonl"),
    ("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "y.plan.jsonl"),
    ("unset", "email", "--everyone", "--yes", "--expect-count", "60", "--plan", "y.plan.jsonl"),
    ("update", "plan=vip", "--everyone", "--yes", "--expect-count", "60", "--plan", "y.plan.jsonl"),
    ("delete-events", "--everyone", "--yes", "--expect-count", "60", "--plan", "y.plan.jsonl"),
    ("delete-recordings", "--everyone", "--yes", "--expect-count", "60", "--plan", "y.plan.jsonl"),
]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("fault", AWAY, ids=lambda fault: fault.kind)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_command_waits_for_the_server_and_ends_as_always(
    run: Run, posthog: Any, command: tuple[str, ...], fault: Fault
) -> None:
    if command[0] == "unset":
        for uuid in posthog.server.world.iter_uuids():
            posthog.server.world.set_properties(uuid, {"email": "a@example.com"})
    posthog.server.faults.add(fault)
    result = run(*command)
    assert result.code == 0, result
    assert UNREACHABLE.search(result.err)
    assert "Server reachable again after" in result.err


@pytest.mark.parametrize("command", [("run", "z.plan.jsonl"), ("verify", "z.journal.jsonl")], ids=lambda each: each[0])
def test_run_and_verify_wait_for_the_server(run: Run, posthog: Any, command: tuple[str, ...]) -> None:
    assert run("plan", "delete", "--everyone", "-o", "z.plan.jsonl").code == 0
    digest = json.loads(Path("z.plan.jsonl").read_text().splitlines()[-1])["digest"]
    if command[0] == "run":
        command = (*command, "--approve", digest)
    else:
        assert run("run", "z.plan.jsonl", "--approve", digest).code == 0
    posthog.server.faults.add(Fault("status", status=502, times=5))
    result = run(*command)
    assert result.code == 0, result
    assert UNREACHABLE.search(result.err)


def test_a_server_that_stays_away_ends_the_command_which_the_same_line_resumes(run: Run, posthog: Any) -> None:
    command = ("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "y.plan.jsonl", "--batch-size", "5")
    posthog.server.faults.add(Fault("status", status=503, after=8))
    result = run(*command, "--retry-for", "0.2s")
    assert result.code == 75
    assert re.fullmatch(
        r"posthog-bulk: run interrupted: the server did not respond for \d+(\.\d)? s \(503\); "
        r"run the same command again to resume\.",
        result.sentence,
    )
    assert "defect" not in result.err
    posthog.server.faults.clear()
    assert run(*command).code == 0


@pytest.mark.parametrize("command", COMMANDS[:3], ids=lambda command: command[0])
def test_a_host_name_that_cannot_be_looked_up_for_a_while_is_waited_for(
    run: Run, posthog: Any, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up, failures = socket.getaddrinfo, iter(range(5))

    def fail_at_first(host: Any, *args: Any, **options: Any) -> Any:
        if host == "localhost" and next(failures, None) is not None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", fail_at_first)
    result = run(*command, "--host", posthog.server.url.replace("127.0.0.1", "localhost"))
    assert result.code == 0, result
    assert UNREACHABLE.search(result.err)
    assert "Server reachable again after" in result.err
    assert next(failures, None) is None


@pytest.fixture
def unknown_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """`unknown_after(known, times)`: localhost does not exist in some look-ups, after some in which it does."""
    look_up = socket.getaddrinfo

    def install(known: int, times: int) -> None:
        looked_up = iter(range(known + times))

        def fail(host: Any, *args: Any, **options: Any) -> Any:
            if host == "localhost" and (number := next(looked_up, None)) is not None and number >= known:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return look_up(host, *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", fail)

    return install


@pytest.mark.parametrize("command", COMMANDS[:3], ids=lambda command: command[0])
def test_a_host_name_that_does_not_exist_ends_the_command_at_once(
    run: Run,
    posthog: Any,
    own_folder: Path,
    command: tuple[str, ...],
    unknown_after: Callable[[int, int], None],
) -> None:
    unknown_after(0, 1000)
    result = run(*command, "--host", posthog.server.url.replace("127.0.0.1", "localhost"))
    assert result.code == 75
    assert "no address is known for the host 'localhost'" in result.sentence
    assert "check the host (POSTHOG_HOST) and the network" in result.sentence
    assert "not reachable" not in result.err
    assert list(own_folder.iterdir()) == []


def test_a_host_name_that_stops_existing_is_waited_for_by_a_run(
    run: Run, posthog: Any, unknown_after: Callable[[int, int], None]
) -> None:
    host = ("--host", posthog.server.url.replace("127.0.0.1", "localhost"))
    assert run("plan", "delete", "--everyone", "-o", "z.plan.jsonl", *host).code == 0
    digest = json.loads(Path("z.plan.jsonl").read_text().splitlines()[-1])["digest"]
    unknown_after(0, 4)
    result = run("run", "z.plan.jsonl", "--approve", digest, *host)
    assert result.code == 0, result
    assert UNREACHABLE.search(result.err)


@pytest.mark.parametrize("command", COMMANDS[:3], ids=lambda command: command[0])
def test_a_host_that_cannot_be_reached_ends_the_command_with_what_to_do(
    run: Run, posthog: Any, command: tuple[str, ...]
) -> None:
    result = run(*command, "--host", closed_port(), "--retry-for", "0.1")
    assert result.code == 75
    assert "did not respond for 0 s (no connection (" in result.sentence
    assert "check the network and the host (POSTHOG_HOST), then run the same command again" in result.sentence


def test_json_lines_report_an_outage(run: Run, posthog: Any) -> None:
    posthog.server.faults.add(Fault("reset", after=7, times=4))
    result = run("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "y.plan.jsonl", "--json")
    assert result.code == 0
    events = [json.loads(line) for line in result.out.splitlines()]
    outages = [each for each in events if each["event"] == "unreachable"]
    assert outages
    assert {"event", "away_s", "retry_in_s", "gives_up_in_s", "reason"} <= set(outages[0])
    assert 890 < outages[0]["away_s"] + outages[0]["gives_up_in_s"] <= 901
    assert ["away_s" in each for each in events if each["event"] == "reachable"] == [True]


@pytest.mark.parametrize(
    "text", ["", "15 minutes", "-1", "1.2.3s", "inf", "nan", "1h30", "s", "1e3", "9" * 21, "9999999h"]
)
def test_an_invalid_duration_is_refused(run: Run, text: str) -> None:
    result = run("persons", "--retry-for", text)
    assert result.code == 2
    assert "is not a duration: give seconds, or a number with s, min, h or d, up to 365d." in result.sentence


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_an_outage_ends_the_wait_at_once_and_the_same_line_resumes(
    spawn: Callable[..., Any], run: Run, posthog: Any, number: signal.Signals
) -> None:
    command = ("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "y.plan.jsonl")
    posthog.server.faults.add(Fault("reset", after=9))
    process = spawn(*command)
    seen = b""
    while b"Server not reachable" not in seen:
        line = process.stderr.readline()
        assert line, f"it ended without a word, after {seen!r}"
        seen += line
    process.send_signal(number)
    assert process.wait(timeout=18) == -number
    posthog.server.faults.clear()
    assert run(*command).code == 0
    assert posthog.server.world.count() == 0


@pytest.mark.slow
def test_a_signal_in_an_outage_while_planning_leaves_nothing_behind(
    spawn: Callable[..., Any], posthog: Any, own_folder: Path
) -> None:
    posthog.server.faults.add(Fault("status", status=503))
    process = spawn("plan", "delete", "--everyone", "-o", "x.plan.jsonl")
    assert b"Server not reachable" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=18) == -signal.SIGTERM
    assert list(own_folder.iterdir()) == []


def test_a_verification_of_a_server_that_stays_away_is_resumed_by_the_same_line(run: Run, posthog: Any) -> None:
    command = ("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "y.plan.jsonl")
    assert run(*command).code == 0
    posthog.server.faults.add(Fault("refuse"))
    result = run("verify", "y.journal.jsonl", "--retry-for", "0.2s")
    assert result.sentence.startswith("posthog-bulk: verification interrupted: the server did not respond for 0.")
    assert result.code == 75
    assert re.search(r"the server did not respond for \d+(\.\d)? s", result.sentence)
    posthog.server.faults.clear()
    assert run("verify", "y.journal.jsonl").code == 0
