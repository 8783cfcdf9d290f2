"""Every command at a terminal, with control characters in all text of server and files (guarantee 30)."""

import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bulk.cli.main import COMMANDS, main
from bulk.plan.plan_file import load_plan

Run = Callable[..., Any]

BIDI = "".join(map(chr, (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
CONTROLS = "".join(map(chr, (*range(1, 0x20), *range(0x7F, 0xA0))))
NASTY = f"\x1b]0;pwned\x07\x9b2J{CONTROLS}{BIDI}\u2028\u2029\ufeff"
ACTS = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{BIDI}\u2028\u2029\ufeff]")
OURS = re.compile(r"\r\n|\r+(?=\x1b\[)|\x1b\[(\?25[lh]|\?7[lh]|[0-9]*[AJK]|[0-9;]*m)")
"""What the terminal makes of a line end, and how a display is drawn again."""
FILE = f"{NASTY}\udcff".replace("/", "")


class Shown(msgspec.Struct, frozen=True):
    """How a command at a terminal ended, and what the terminal got."""

    code: int
    text: str


def at_terminal(*arguments: object, typed: str = "") -> Shown:
    """Run a command in this process, at a terminal of its own; what acts on that is an error here."""
    output, inner = pty.openpty()
    got: list[bytes] = []

    def read() -> None:
        while data := _read(output):
            got.append(data)

    reader = threading.Thread(target=read)
    before = sys.stdin, sys.stdout, sys.stderr
    with (
        open(os.dup(inner)) as sys.stdin,
        open(os.dup(inner), "w", encoding="utf-8") as sys.stdout,
        open(inner, "w", encoding="utf-8") as sys.stderr,
    ):
        reader.start()
        try:
            os.write(output, typed.encode())
            code = main([str(argument) for argument in arguments])
        finally:
            sys.stdin, sys.stdout, sys.stderr, streams = *before, (sys.stdin, sys.stdout, sys.stderr)
            for stream in streams:
                stream.close()
    reader.join()
    os.close(output)
    text = b"".join(got).decode()
    assert (found := ACTS.search(OURS.sub("\n", text))) is None, (arguments, found, text)
    return Shown(int(code), text)


def _read(output: int) -> bytes:
    try:
        return os.read(output, 65536)
    except OSError:  # the other side is closed
        return b""


@pytest.fixture
def posthog(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server whose project and persons have everything that acts on a terminal in their texts."""
    served = serve(2, project_name=f"Acme{NASTY}")
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    for number in range(2):
        names = [f"{number}{NASTY}", f"{number}"]
        served.server.world.add_person(names, {NASTY: NASTY, "email": f"{number}{NASTY}@x.org"})
    return served


OPERATION_OPTIONS = {
    "unset": (NASTY, "--route", "rest"),
    "update": (f"{NASTY}={NASTY}", "--route", "rest"),
    "delete-events": (),
    "delete-recordings": (),
    "delete": (),
}


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("kind", OPERATION_OPTIONS)
def test_a_job_and_its_report_are_sanitized(posthog: Any, kind: str) -> None:
    count = "2" if kind == "unset" else "4"
    plan, journal = f"{FILE}.plan.jsonl", f"{FILE}.journal.jsonl"
    shown = at_terminal(kind, *OPERATION_OPTIONS[kind], "--everyone", "--plan", plan, typed=f"{count}\n")
    assert (shown.code, "Acme\\x1b]0;pwned" in shown.text) == (0, True), shown.text
    until_done = 75 if kind in ("delete-events", "delete-recordings") else 0  # PostHog deletes those later
    assert at_terminal("status", journal).code == until_done
    assert at_terminal("jobs").code == 0
    assert at_terminal("jobs", "--json").code == 0
    assert at_terminal("report", journal).code == until_done
    assert at_terminal("verify", journal).code in (0, until_done)
    assert at_terminal("verify", journal, "--json").code in (0, until_done)
    assert at_terminal("shred", journal, "--unfinished", typed="no\n").code == 3
    assert at_terminal("shred", journal, "--unfinished", "--receipts", typed="shred\n").code == 0


def test_values_per_person_and_their_way_back_are_sanitized(posthog: Any) -> None:
    uuids = list(posthog.server.world.iter_uuids())
    Path("values.jsonl").write_text("".join(json.dumps({"uuid": str(uuid), NASTY: NASTY}) + "\n" for uuid in uuids))
    kept = ("--values", "values.jsonl", "--id-column", "uuid", "--keep-before", f"{FILE}.before")
    done = at_terminal("update", *kept, "--plan", f"{FILE}.plan.jsonl", typed="4\n")
    assert (done.code, "Before-image" in done.text) == (0, True), done.text
    posthog.server.world.set_properties(uuids[0], {NASTY: "changed since"})
    assert at_terminal("revert", f"{FILE}.before", "-o", f"{FILE}.back.plan.jsonl").code == 0
    assert at_terminal("revert", "values.jsonl", "-o", f"{FILE}.other.plan.jsonl").code == 74
    assert at_terminal("run", f"{FILE}.back.plan.jsonl", typed="1\n").code == 0


def test_a_plan_its_run_and_files_in_the_way(posthog: Any) -> None:
    plan, journal = f"{FILE}.plan.jsonl", f"{FILE}.journal.jsonl"
    planned = at_terminal("plan", "delete", "--everyone", "-o", plan)
    assert planned.code == 0
    assert "\\x9f" in planned.text
    assert at_terminal("plan", "delete", "--everyone", "-o", plan).code == 74
    for options in ((), ("--json",), ("--target", "3"), ("--target", "0-3"), ("--target", "0-3", "--json")):
        assert at_terminal("show", plan, *options).code == 0
    assert at_terminal("run", plan, typed="3\n").code == 3
    assert at_terminal("run", plan, typed="4\n").code == 0
    Path(plan).write_text(NASTY)
    assert at_terminal("status", journal).code == 0
    assert at_terminal("jobs").code == 0
    assert at_terminal("run", plan).code == 74
    Path(journal).write_text(f"{NASTY}\n{NASTY}\n")
    for command in (("status", journal), ("report", journal), ("verify", journal)):
        assert at_terminal(*command).code == 74
    assert at_terminal("report", journal, "-o", f"{FILE}.md").code == 74


def test_split_shows_control_characters_of_ids_as_text(posthog: Any) -> None:
    uuid = posthog.server.world.add_person(["a", f"b{NASTY}"])
    assert at_terminal("split", uuid, "--main-distinct-id", NASTY).code == 3
    assert at_terminal("split", uuid, "--distinct-ids", f"{FILE}.ids").code == 74
    assert at_terminal("split", uuid, "--main-distinct-id", "a", typed="2\n").code == 3
    shown = at_terminal("split", uuid, "--main-distinct-id", "a", typed="1\n")
    assert (shown.code, "Acme\\x1b]0;pwned" in shown.text) == (0, True), shown.text


def test_exported_persons_show_control_characters_as_text(posthog: Any) -> None:
    for options in ((), ("--format", "csv"), ("--email", f"1{NASTY}@x.org")):
        shown = at_terminal("persons", *options)
        assert shown.code == 0
        assert "pwned" in shown.text
    Path(FILE).write_text(f"0\n1\n{NASTY}\n")
    assert at_terminal("persons", "--distinct-ids", FILE).code == 0
    objects = [json.loads(line) for line in at_terminal("persons").text.splitlines() if line.startswith("{")]
    assert {NASTY} <= {key for person in objects for key in person["properties"]}


@pytest.mark.parametrize(
    "arguments",
    [
        (NASTY,),
        ("persons", f"--{NASTY}"),
        ("persons", "--distinct-ids", f"{FILE}.none"),
        ("persons", "--distinct-ids", "csv", "--column", f"a{NASTY.upper()}"),
        ("persons", "--distinct-ids", "csv", "--column", NASTY),
        ("persons", "--where", f"{NASTY} {NASTY} {NASTY}"),
        ("persons", "--properties", NASTY),
        ("persons", "--properties", json.dumps([{"key": "a", NASTY: 1}])),
        ("persons", "--host", NASTY),
        ("persons", "--host", f"http://{NASTY}"),
        ("persons", "--project-id", NASTY),
        ("persons", "--key-file", FILE),
        ("persons", "--rate-limits", NASTY),
        ("persons", "--cohort", NASTY),
        ("persons", "-o", f"{FILE}/x"),
        ("plan", NASTY, "-o", "x"),
        ("plan", "update", NASTY, "--everyone", "-o", "x"),
        ("plan", "update", f"{NASTY}:={NASTY}", "--everyone", "-o", "x"),
        ("report", "x.journal.jsonl", "-o", FILE),
        ("run", FILE),
        ("shred", FILE, "--yes"),
        ("verify-signature", FILE),
        ("server", "--port", "0", "--fault", NASTY),
        ("server", "--port", "0", "--fault", f"status,{NASTY}={NASTY}"),
        ("demo", "--keep", FILE),
        ("completion", NASTY),
        ("persons", "--profile", NASTY),
        ("persons", "--proxy", NASTY),
        ("persons", "--ca-file", FILE),
        ("persons", "--ingest-host", NASTY),
        ("status", "x", "--log-level", NASTY),
        ("status", "x", "--log-file", f"{FILE}/x"),
    ],
    ids=lambda arguments: "-".join(arguments[:2]).encode("ascii", "ignore").decode()[:20].strip("\x1b\x07"),
)
def test_error_messages_are_sanitized(posthog: Any, arguments: tuple[str, ...]) -> None:
    Path("csv").write_text(f"{NASTY.lower()},b\n1,2\n".replace("\n", "", NASTY.count("\n")))
    if arguments[0] == "demo":
        Path(FILE).mkdir()
        (Path(FILE) / "report.md").touch()
    shown = at_terminal(*arguments)
    assert shown.code in (2, 74, 77)
    assert "posthog-bulk:" in shown.text


class _Evil(BaseHTTPRequestHandler):
    """Responds to everything with an error in which every text acts on a terminal."""

    status = 400

    def do_GET(self) -> None:
        body = json.dumps({"type": NASTY, "code": NASTY, "detail": NASTY, "attr": NASTY}, ensure_ascii=False).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Location", "http://x/\x9b2J\x85")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=[302, 400, 401, 403, 404, 409])
def evil(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that means harm."""
    handler = type("Evil", (_Evil,), {"status": request.param, "do_POST": _Evil.do_GET})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_errors_of_a_server_are_sanitized(posthog: Any, run: Run, evil: str) -> None:
    assert run("plan", "delete", "--everyone", "-o", "x.plan.jsonl").code == 0
    for command in (("persons",), ("plan", "delete", "--everyone", "-o", "y"), ("run", "x.plan.jsonl", "--json")):
        with load_plan("x.plan.jsonl") as plan:
            approved = ("--approve", plan.digest) if command[0] == "run" else ()
        assert at_terminal(*command, *approved, "--host", evil).code not in (0, 70)


def test_json_is_ascii_and_a_name_that_is_not_utf_8_ends_no_job_with_70(posthog: Any, run: Run) -> None:
    plan, journal = f"{FILE}é.plan.jsonl", f"{FILE}é.journal.jsonl"
    done = run("delete", "--everyone", "--plan", plan, "--yes", "--expect-count", 4, "--json")
    again = run("verify", journal, "--json")
    assert (done.code, again.code) == (0, 0)
    for result in (done, again):
        assert result.out.isascii()
        events = [json.loads(line) for line in result.out.splitlines()]
        assert events[-1]["journal"] == journal
    assert run("report", journal, "-o", f"{FILE}.json").code == 0
    assert Path(f"{FILE}.json").read_bytes().isascii()
    assert run("status", journal).code == 0


def test_the_line_to_type_next_works_for_any_name(posthog: Any, run: Run) -> None:
    shown = run("plan", "delete", "--everyone", "-o", f"{FILE}.plan.jsonl").out.splitlines()[-1]
    word = shown.removeprefix("  posthog-bulk run ").rpartition(" --approve ")[0]
    printed = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
    assert printed == os.fsencode(f"{FILE}.plan.jsonl")


def test_no_command_is_left_out() -> None:
    here = Path(__file__).read_text()
    assert not [name for name in COMMANDS if f'"{name}"' not in here]
