"""SIGKILL at nine moments of each plan-and-run command; the same line then ends as if nothing had happened.

Guards guarantee 7 for the commands that name their files themselves: the line says nothing about files.
"""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.slow

Run = Callable[..., Any]
Spawn = Callable[..., "subprocess.Popen[bytes]"]

PEOPLE = 12
KINDS = {
    "delete": ("delete", "--delete-events"),
    "unset": ("unset", "email", "plan"),
    "update": ("update", "plan=vip", "seats:=3"),
    "delete-events": ("delete-events",),
    "delete-recordings": ("delete-recordings",),
}
LINE = (
    *("--distinct-ids", "ids", "--yes", "--expect-count", PEOPLE),
    *("--batch-size", 3, "--concurrency", 1, "--rate-limits", "off", "--json"),
)
A_TIME = re.compile(r"\w+day \d{4}-\d\d-\d\d \d\d:\d\d UTC")
ALIKE = {"found_deleted": "deleted_confirmed", "found_changed": "changed_confirmed"}
"""States after a request whose response was lost, and the states after the same request with its response."""

Moment = Callable[[Any, "subprocess.Popen[bytes]", int], None]


def until_event(kind: str, **fields: str) -> Moment:
    """Return a moment: the command has written an event."""

    def wait(_: Any, process: "subprocess.Popen[bytes]", mutations: int) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == kind and fields.items() <= event.items():
                return
        raise AssertionError(f"the command ended before its event {kind}: {process.communicate()[1].decode()}")

    return wait


def until_planning(posthog: Any, _: "subprocess.Popen[bytes]", mutations: int) -> None:
    posthog.until(lambda: any(request.action == "batch_by_distinct_ids" for request in posthog.server.requests))


def until_sent(share: float) -> Moment:
    """Return a moment: this share of the job's changing requests has reached the server, whose responses are late."""

    def wait(posthog: Any, _: "subprocess.Popen[bytes]", mutations: int) -> None:
        posthog.until(lambda: len(posthog.mutations) >= max(1, round(mutations * share)))

    return wait


MOMENTS: dict[str, Moment] = {
    "planning": until_planning,
    "plan made": until_event("plan"),
    "journal opened": until_event("started"),
    "test batch in flight": until_sent(0),
    "test batch done": until_event("test_batch"),
    "sending": until_sent(0.5),
    "last requests in flight": until_sent(1),
    "reading back": until_event("phase", phase="reading back"),
    "end recorded": until_event("ended"),
}


ONE_OF = {"delete": 1, "unset": 2, "update": 2, "delete-events": 3, "delete-recordings": 3}
"""Of how many moments a kind of command is killed at one by default; together they are all moments of all routes."""


def cases() -> list[tuple[str, str]]:
    """The kinds and moments that are tested; with POSTHOG_BULK_SLOW=1 each of them with each other."""
    whole = os.environ.get("POSTHOG_BULK_SLOW") == "1"
    return [
        (kind, moment)
        for shift, kind in enumerate(KINDS)
        for at, moment in enumerate(MOMENTS)
        if whole or (at + shift) % ONE_OF[kind] == 0
    ]


def server_state(posthog: Any) -> Any:
    """What the server holds of every person that it started with."""
    world = posthog.server.world
    found = []
    for number in range(60):
        uuid = posthog.uuids[number]
        person = world.person(uuid)
        rows = len(world.deletion_rows(uuid)) > 0
        found.append((number, None if person is None else person.properties, rows))
    asked = {
        uuid for request in posthog.mutations if request.body.get("delete_recordings") for uuid in request.body["ids"]
    }
    return found, asked


def report(run: Run) -> Any:
    """The report of the only job in the folder, without what tells how often it was interrupted."""
    (journal,) = Path().glob("*.journal.jsonl")
    assert run("report", journal, "-o", "report.json", "--force").code in (0, 75)  # events are purged days later
    whole = json.loads(Path("report.json").read_text())
    axes = {}
    for axis in whole["axes"]:
        counts: dict[str, int] = {}
        for state in axis["states"]:
            name = ALIKE.get(state["state"], state["state"])
            counts[name] = counts.get(name, 0) + state["count"]
        axes[axis["axis"]] = counts
    kept = ("verdict", "exit_code", "count", "operation", "selection", "failures")
    whole["verdict"] = A_TIME.sub("a time", whole["verdict"])
    return axes, {name: whole[name] for name in kept}


def prepared(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Any:
    """A new server with the same persons, the environment that points at it, and an empty folder with the input."""
    posthog = serve(60)
    for name, value in posthog.env.items():
        monkeypatch.setenv(name, value)
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("ids").write_text("".join(f"user-{number}\n" for number in range(PEOPLE)))
    posthog.uuids = [posthog.server.world.uuid_of(f"user-{number}") for number in range(60)]
    return posthog


class Uninterrupted(NamedTuple):
    """What a run without interruption leaves: the state of the server, the report, and its number of mutations."""

    state: Any
    told: Any
    mutations: int


@pytest.fixture(scope="module")
def uninterrupted() -> dict[str, Uninterrupted]:
    """The result of each kind of command, once it was run."""
    return {}


@pytest.mark.parametrize(("kind", "moment"), cases())
def test_the_same_line_ends_as_an_uninterrupted_run(
    run: Run,
    spawn: Spawn,
    serve: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    uninterrupted: dict[str, Uninterrupted],
    kind: str,
    moment: str,
) -> None:
    line = (*KINDS[kind], *LINE)
    if kind not in uninterrupted:
        posthog = prepared(serve, monkeypatch, tmp_path / "uninterrupted")
        assert run(*line).code == 0
        uninterrupted[kind] = Uninterrupted(server_state(posthog), report(run), len(posthog.mutations))
    state, told, mutations = uninterrupted[kind]

    posthog = prepared(serve, monkeypatch, tmp_path / "killed")
    posthog.server.reconfigure(latency_s=0.15)
    process = spawn(*line)
    MOMENTS[moment](posthog, process, mutations)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    assert process.stdout is not None
    result_was_shown = b'{"event":"report"' in process.stdout.read()
    if moment == "planning":
        assert [path.name for path in Path().iterdir()] == ["ids"]
    posthog.server.reconfigure(latency_s=0.0)

    codes = []
    while not codes or codes[-1] == 75:
        again = run(*line)
        codes.append(again.code)
        assert len(codes) < 4, again.err
    # a kill after the result was shown interrupts nothing, and no line runs a finished job again
    assert codes[-1] == 0 or (result_was_shown and codes == [3]), again.err
    assert len(list(Path().glob("*.plan.jsonl"))) == 1
    assert server_state(posthog) == state
    assert report(run) == told
    assert run(*line).code == 3
    assert len(list(Path().iterdir())) == 5  # input, plan, receipts, journal, report, and no hidden file
