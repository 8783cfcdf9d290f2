"""Every command ends at two signals, with an output that is not read and an input that stays silent (guarantee 17)."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from readable import is_readable

import bulk
from asyncclient.testing import Fault
from bulk.plan.plan_file import load_plan
from bulk.report.load import read_report

Spawn = Callable[..., "subprocess.Popen[bytes]"]
Run = Callable[..., Any]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="the system cannot make a pipe small"),
]

ENDS_WITHIN_S = 15.0
"""On a busy machine; a command that waits for its requests in flight takes 20 s (`DRAIN_S`)."""
SILENT_S = 20.0
"""A command that says nothing for so long waits for the reader of its output."""
DEMO_STARTS_WITHIN_S = 60.0
"""On a busy machine."""
JOB = ("--everyone", "--plan", "x.plan.jsonl", "--yes", "--expect-count", "60", "--json")
IDS = (b"u" * 390 + b"\n") * 25
"""More than two pipes of one page hold: after it is written, most of it was read, and the reader wants more."""
KINDS = {
    "delete": (),
    "unset": ("plan", "--route", "rest"),
    "update": ("tier=gold", "--route", "rest"),
    "delete-events": (),
    "delete-recordings": (),
}
SENT_BY = {"unset": "delete_property", "update": "update"}


class Blocked:
    """A command whose stdout is a pipe that is full, and whose stdin stays silent."""

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self.output, full = os.pipe()
        fcntl.fcntl(full, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(full, False)
        while _takes_more(full):
            pass
        os.set_blocking(full, True)
        self.full = full
        self._silent, self.input = os.pipe()
        fcntl.fcntl(self.input, fcntl.F_SETPIPE_SZ, 4096)

    def start(self, *arguments: object, **options: Any) -> "subprocess.Popen[bytes]":
        self.process = self._spawn(*arguments, stdin=self._silent, stdout=self.full, **options)
        return self.process

    def told(self, words: bytes, *, silent_s: float = SILENT_S) -> None:
        """Return when the process has said this on stderr; it may say nothing for `silent_s` seconds."""
        assert self.process.stderr is not None
        descriptor, seen = self.process.stderr.fileno(), b""
        while words not in seen:
            assert is_readable(descriptor, silent_s), f"it says no more, after {seen!r}"
            some = os.read(descriptor, 65536)
            assert some, f"it ended without it, after {seen!r}"
            seen += some

    def close(self) -> None:
        for descriptor in (self.output, self.full, self._silent, self.input):
            os.close(descriptor)


def _takes_more(descriptor: int) -> bool:
    try:
        return os.write(descriptor, b"x" * 512) > 0
    except BlockingIOError:
        return False


@pytest.fixture
def blocked(spawn: Spawn) -> Iterator[Blocked]:
    one = Blocked(spawn)
    yield one
    one.close()


def end_by_two_signals(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=ENDS_WITHIN_S) in (-signal.SIGINT, -signal.SIGTERM)


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_with_blocked_output_continues_ends_and_resumes(
    blocked: Blocked, run: Run, posthog: Any, kind: str
) -> None:
    posthog.server.faults.add(Fault("stall", action=SENT_BY.get(kind, "bulk_delete"), after=1, times=1))
    batches = ("--batch-size", "20", "--concurrency", "1")
    process = blocked.start(kind, *KINDS[kind], *JOB, *batches)
    blocked.told(b"Test batch: ")  # the job continues although its events are not read
    posthog.until(lambda: len(posthog.mutations) >= 2)
    end_by_two_signals(process)
    posthog.server.faults.clear()
    assert run(kind, *KINDS[kind], *JOB).code == 0
    waits = kind in ("delete-events", "delete-recordings")  # PostHog deletes those later
    assert read_report("x.journal.jsonl").exit_code == (75 if waits else 0)


def test_run_ends_by_the_first_signal_alone(blocked: Blocked, run: Run, posthog: Any) -> None:
    assert run("plan", "delete", "--everyone", "-o", "x.plan.jsonl").code == 0
    with load_plan("x.plan.jsonl") as plan:
        digest = plan.digest
    posthog.server.reconfigure(latency_s=0.2)
    process = blocked.start("run", "x.plan.jsonl", "--approve", digest, "--json", "--batch-size", "10")
    blocked.told(b"Test batch: ")
    process.send_signal(signal.SIGTERM)
    blocked.told(b"No further requests")
    assert process.wait(timeout=18) == -signal.SIGTERM
    report = read_report("x.journal.jsonl")
    assert report.runs[-1].ended is not None
    assert not any(state.state == "unknown" for axis in report.axes for state in axis.states)
    posthog.server.reconfigure(latency_s=0.0)
    assert run("run", "x.plan.jsonl").code == 0


@pytest.mark.parametrize("command", ["plan", "persons"])
def test_a_silent_standard_input_does_not_keep_the_command_from_ending(
    blocked: Blocked, posthog: Any, own_folder: Path, command: str
) -> None:
    arguments = {"plan": ("plan", "delete", "-o", "x.plan.jsonl"), "persons": ("persons",)}[command]
    process = blocked.start(*arguments, "--distinct-ids", "-")
    os.write(blocked.input, IDS)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=ENDS_WITHIN_S) == -signal.SIGINT
    assert list(own_folder.iterdir()) == []


def test_a_pipe_without_a_writer_does_not_keep_the_command_from_ending(
    blocked: Blocked, posthog: Any, own_folder: Path
) -> None:
    os.mkfifo("ids")
    process = blocked.start("plan", "delete", "--distinct-ids", "ids", "-o", "x.plan.jsonl")
    inner = os.open("ids", os.O_WRONLY)  # returns when it has opened the other end
    end_by_two_signals(process)
    os.close(inner)
    assert not Path("x.plan.jsonl").exists()


def test_a_refused_key_ends_the_command_while_input_is_silent(blocked: Blocked, posthog: Any) -> None:
    posthog.server.faults.add(Fault("status", status=401))
    process = blocked.start("plan", "delete", "--distinct-ids", "-", "-o", "x.plan.jsonl")
    os.write(blocked.input, b"user-1\n")
    assert process.wait(timeout=60) == 77


def test_persons_ends_while_its_output_is_not_read(blocked: Blocked, posthog: Any) -> None:
    os.read(blocked.output, 65536)
    process = blocked.start("persons")
    assert os.read(blocked.output, 1) == b"{"  # far more of them than the pipe holds
    end_by_two_signals(process)


def test_verify_ends_while_its_output_is_blocked(blocked: Blocked, run: Run, posthog: Any) -> None:
    assert run("delete", *JOB).code == 0
    requests = len(posthog.server.requests)
    posthog.server.faults.add(Fault("stall"))
    process = blocked.start("verify", "x.journal.jsonl", "--json")
    posthog.until(lambda: len(posthog.server.requests) > requests)
    end_by_two_signals(process)
    posthog.server.faults.clear()
    assert run("verify", "x.journal.jsonl").code == 0


@pytest.mark.parametrize("arguments", [("status", "--watch"), ("report",)])
def test_commands_without_a_server_end_while_output_is_blocked(
    blocked: Blocked, run: Run, posthog: Any, arguments: tuple[str, ...]
) -> None:
    assert run("delete", *JOB).code == 0
    Path("x.plan.jsonl").write_text("damaged")
    process = blocked.start(*arguments, "x.journal.jsonl")
    blocked.told(b"without the plan")
    end_by_two_signals(process)


SIGNAL_WHILE_LOADING = """
import signal, sys, weakref
from importlib import abc
from bulk.cli.main import main
class Finder(abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "bulk.report.load":
            dropped = Finder()
            reference = weakref.ref(dropped, lambda _: signal.raise_signal(signal.SIGINT))
            del dropped
sys.meta_path.insert(0, Finder())
sys.exit(main(sys.argv[1:]))
"""


def test_a_report_ends_by_a_signal_that_comes_while_a_module_loads(blocked: Blocked, run: Run, posthog: Any) -> None:
    """An import has callbacks of weak references, in which Python drops the error that the handler raises."""
    assert run("delete", *JOB).code == 0
    process = subprocess.run(
        [sys.executable, "-c", SIGNAL_WHILE_LOADING, "report", "x.journal.jsonl"],
        stdout=blocked.full,
        stderr=subprocess.PIPE,
        timeout=ENDS_WITHIN_S,
        check=False,
        text=True,
    )
    assert process.returncode == -signal.SIGINT
    assert process.stderr == "posthog-bulk: interrupted by SIGINT.\n"


def test_the_server_ends_while_its_output_is_blocked(blocked: Blocked) -> None:
    process = blocked.start("server", "--port", "0", "--persons", "5")
    blocked.told(b"press Ctrl-C to stop it")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=ENDS_WITHIN_S) == 0


def test_the_demo_ends_while_its_output_is_blocked(blocked: Blocked, posthog: Any, tmp_path: Path) -> None:
    folder = tmp_path / "demos"
    folder.mkdir()
    process = blocked.start("demo", "--persons", "200", env={"TMPDIR": str(folder)})
    blocked.told(b"in project 1", silent_s=DEMO_STARTS_WITHIN_S)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=18) == -signal.SIGINT
    assert list(folder.iterdir()) == []


def test_results_wait_for_their_reader_and_events_end_whole(blocked: Blocked, posthog: Any) -> None:
    """The reader comes late: it gets the result, and a job never waited for it."""
    process = blocked.start("delete", *JOB)
    blocked.told(b"Run finished")
    assert not posthog.server.world.count()
    assert process.poll() is None
    seen = b""
    while b'"event":"report"' not in seen or not seen.endswith(b"\n"):
        seen += os.read(blocked.output, 65536)
    assert process.wait(timeout=60) == 0
    assert seen.isascii()


def test_a_stopped_terminal_does_not_keep_the_command_from_ending(spawn: Spawn, run: Run, posthog: Any) -> None:
    assert run("plan", "delete", "--everyone", "-o", "x.plan.jsonl").code == 0
    posthog.server.faults.add(Fault("stall", action="bulk_delete", after=1))
    output, inner = pty.openpty()
    termios.tcflow(inner, termios.TCOOFF)  # as Ctrl-S does
    with load_plan("x.plan.jsonl") as plan:
        arguments = ["run", "x.plan.jsonl", "--approve", plan.digest, "--batch-size", "10", "--concurrency", "1"]
    try:
        process = spawn(*arguments, stdin=inner, stdout=inner, stderr=inner, start_new_session=True)
        posthog.until(lambda: len(posthog.mutations) >= 2)
        end_by_two_signals(process)
    finally:
        os.close(inner)
        os.close(output)
    posthog.server.faults.clear()
    assert run("run", "x.plan.jsonl").code == 0


IN_THE_BACKGROUND = """
import fcntl, os, subprocess, sys, termios
terminal = os.open(os.ttyname(0), os.O_RDWR)
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
attributes = termios.tcgetattr(terminal)
attributes[3] |= termios.TOSTOP
termios.tcsetattr(terminal, termios.TCSANOW, attributes)
done = subprocess.Popen([sys.executable, "-m", "bulk", *sys.argv[1:]], process_group=0)
_, status = os.waitpid(done.pid, os.WUNTRACED)
stopped = os.WIFSTOPPED(status)
if stopped:
    done.kill()
sys.exit(99 if stopped else os.waitstatus_to_exitcode(status))
"""


def test_a_job_in_the_background_of_a_terminal_is_not_stopped(posthog: Any) -> None:
    """The terminal stops background processes that write to it (`stty tostop`), and any that read from it."""
    output, inner = pty.openpty()
    arguments = ["delete", "--everyone", "--plan", "x.plan.jsonl"]
    process = subprocess.Popen(
        [sys.executable, "-c", IN_THE_BACKGROUND, *arguments],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(next(iter(bulk.__path__))).parent)},
    )
    os.close(inner)
    seen = b""
    try:
        while some := _read(output):
            seen += some
        assert process.wait(timeout=60) == 3, seen
    finally:
        process.kill()
        process.wait()
        os.close(output)
    assert b"--yes --expect-count 60" in seen


def _read(output: int) -> bytes:
    try:
        return os.read(output, 65536)
    except OSError:  # the other side is closed
        return b""
