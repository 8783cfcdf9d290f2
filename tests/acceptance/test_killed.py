"""Kills the command with SIGKILL several times, with the server in another process (guarantee 7)."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PERSONS = 20_000 if os.environ.get("POSTHOG_BULK_SLOW") == "1" else 2_000


class Server:
    """`posthog-bulk server` in its own process."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "bulk", "server", "--port", "0", "--rate-limits", "off", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.environ = dict(os.environ)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                self.environ[name] = value
                if name == "POSTHOG_PERSONAL_API_KEY":
                    break
        self.url = self.environ["POSTHOG_HOST"]

    def get(self, path: str) -> str:
        return self._send("GET", path)

    def post(self, path: str, data: Any) -> None:
        self._send("POST", path, json.dumps(data).encode())

    def delete(self, path: str) -> None:
        self._send("DELETE", path)

    def _send(self, method: str, path: str, body: bytes | None = None) -> str:
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/__local__/{path}", body, headers, method=method)
        with urllib.request.urlopen(request) as response:
            return response.read().decode()

    def state(self) -> dict[str, Any]:
        return json.loads(self.get("state"))

    def sent(self, *, keep_person: bool) -> Counter[str]:
        """Return how often each person was in a bulk_delete request that keeps, or deletes, its persons."""
        times: Counter[str] = Counter()
        for line in self.get("requests?action=bulk_delete").splitlines():
            request = json.loads(line)
            if request["method"] == "POST" and request["body"]["keep_person"] is keep_person:
                times.update(request["body"]["ids"])
        return times

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    running = Server("--persons", str(PERSONS), *getattr(request, "param", ()))
    yield running
    running.close()


def erase(server: Server, folder: Path, count: int, *extra: str) -> list[str]:
    return [
        *(sys.executable, "-m", "bulk", "delete", "--where", "plan exact free", "--delete-events"),
        *("--delete-recordings", "--rate-limits", "off", "--yes", "--expect-count", str(count), "--json"),
        *("--batch-size", "50", "--journal", str(folder / "j.journal.jsonl"), *extra),
    ]


def planned_count(server: Server, folder: Path) -> int:
    command = [sys.executable, "-m", "bulk", "plan", "delete", "--where", "plan exact free"]
    plan = folder / "count.plan.jsonl"
    subprocess.run(
        [*command, "-o", str(plan), "--rate-limits", "off"], env=server.environ, check=True, capture_output=True
    )
    return json.loads(plan.read_bytes().splitlines()[-1])["count"]


def killed_after(command: list[str], environ: dict[str, str], events: int) -> bool:
    """Run the command and kill it after a number of its events; return whether it was still running."""
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        for _ in range(events):
            if not process.stdout.readline():
                break
        process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("server", [(), ("--fault", "orphan_events,probability=0.01,seed=4")], indirect=True)
def test_an_erasure_killed_five_times_ends_correctly(server: Server, tmp_path: Path) -> None:
    count = planned_count(server, tmp_path)
    random = Random(9)
    command = erase(server, tmp_path, count)
    killed = [killed_after(command, server.environ, random.randint(3, 14)) for _ in range(5)]
    assert all(killed)
    last = subprocess.run(command, env=server.environ, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    state = server.state()
    assert state["persons"] == PERSONS - count
    assert state["rows_pending"] == count
    assert state["events_orphaned"] == 0
    in_flight = 8 * 50 * 5
    for keep_person in (True, False):
        times = server.sent(keep_person=keep_person)
        assert len(times) == count
        repeated = sum(sent - 1 for sent in times.values())
        faults = 0 if state["faults"] == 0 else count // 50 * 0.03 * 50
        assert repeated <= in_flight + faults
    written = [
        sys.executable,
        "-m",
        "bulk",
        "report",
        str(tmp_path / "j.journal.jsonl"),
        "-o",
        str(tmp_path / "r.json"),
    ]
    assert subprocess.run(written, check=False).returncode == 75  # the events are not purged yet
    report = json.loads((tmp_path / "r.json").read_text())
    for axis in report["axes"]:
        assert sum(each["count"] for each in axis["states"]) == count


def unset(folder: Path, plan: str, route: str, batch_size: int, count: int) -> list[str]:
    return [
        *(sys.executable, "-m", "bulk", "unset", "country", "newsletter", "--where", f"plan exact {plan}"),
        *("--route", route, "--rate-limits", "off", "--yes", "--expect-count", str(count), "--json"),
        *("--batch-size", str(batch_size), "--journal", str(folder / "j.journal.jsonl")),
    ]


def people(server: Server) -> dict[str, dict[str, Any]]:
    """Return the properties of all persons by UUID, from the listing."""
    command = [sys.executable, "-m", "bulk", "persons", "--everyone"]
    listed = subprocess.run(command, env=server.environ, capture_output=True, text=True, check=True).stdout
    return {person["uuid"]: person["properties"] for person in map(json.loads, listed.splitlines())}


def killed_while_sending(command: list[str], server: Server, action: str, requests: int) -> bool:
    """Kill the command when the server has received so many more requests; return whether it was still running.

    The server does not respond to the last of them, nor to those after it, so the job cannot end before it is killed.
    """
    done = server.state()["requests_by_action"].get(action, 0)
    server.post(
        "faults",
        [
            {"kind": "stall_after", "action": action, "after": requests - 1, "times": 1},
            {"kind": "stall", "action": action, "after": requests},
        ],
    )
    with subprocess.Popen(command, env=server.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and server.state()["requests_by_action"].get(action, 0) < done + requests:
            pass
        process.send_signal(signal.SIGKILL)
    server.delete("faults")
    return process.returncode == -signal.SIGKILL


def events_sent_to(server: Server) -> Counter[str]:
    """Return how often each distinct ID was sent an event."""
    times: Counter[str] = Counter()
    for line in server.get("requests?action=capture").splitlines():
        events = json.loads(line)["body"]["batch"]
        assert all(event["properties"]["$unset"] == ["country", "newsletter"] for event in events)
        times.update(event["distinct_id"] for event in events)
    return times


@pytest.mark.parametrize(("route", "plan", "batch_size"), [("capture", "free", 50), ("rest", "enterprise", 25)])
def test_an_unset_killed_twice_ends_like_an_uninterrupted_one(
    server: Server, tmp_path: Path, route: str, plan: str, batch_size: int
) -> None:
    before, keys = people(server), {"country", "newsletter"}
    selected = {uuid for uuid, properties in before.items() if properties["plan"] == plan}
    command = unset(tmp_path, plan, route, batch_size, len(selected))
    needed = len(selected) + (route == "rest")  # and the second call of the trial
    action, events = ("capture", batch_size) if route == "capture" else ("delete_property", 1)
    for part in (0.2, 0.3):
        assert killed_while_sending(command, server, action, int(needed * part) // events)
        assert 25 < server.state()["events_received"] < needed
    for _ in range(2):
        last = subprocess.run(command, env=server.environ, capture_output=True, text=True, check=False)
        assert last.returncode == 0, last.stderr
    assert people(server) == {
        uuid: {key: value for key, value in properties.items() if key not in keys or uuid not in selected}
        for uuid, properties in before.items()
    }
    state = server.state()
    assert needed <= state["events_received"] <= needed + 2 * 8 * batch_size  # requests in flight at each kill
    assert state["events_without_effect"] == 0
    if route == "capture":
        assert len(events_sent_to(server)) == len(selected)
    else:
        stalled = state["requests_by_action"]["delete_property"] - state["events_received"]
        assert 0 <= stalled <= 2 * 8
