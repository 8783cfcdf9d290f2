"""Signals to the real process: the first ends it in good order, the second at once; the journal resumes."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncclient.testing import Fault
from bulk.plan.plan_file import load_plan
from bulk.report.load import read_report

Spawn = Callable[..., "subprocess.Popen[bytes]"]
Run = Callable[..., Any]

pytestmark = pytest.mark.slow

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def plan(run: Run, posthog: Any) -> Path:
    assert run("plan", "delete", "--everyone", "-o", "x.plan.jsonl").code == 0
    return Path("x.plan.jsonl")


def running(spawn: Spawn, plan: Path, posthog: Any, fault: Fault, **options: Any) -> "subprocess.Popen[bytes]":
    """A run that hangs in its second deletion call."""
    posthog.server.faults.add(fault)
    with load_plan(plan) as loaded:
        digest = loaded.digest
    process = spawn("run", plan, "--approve", digest, "--batch-size", "10", "--concurrency", "1", **options)
    posthog.until(lambda: len(posthog.mutations) == 2)
    return process


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_waits_for_requests_in_flight_and_ends_the_process(
    spawn: Spawn, run: Run, posthog: Any, plan: Path, number: signal.Signals
) -> None:
    posthog.server.reconfigure(latency_s=0.3)
    process = running(spawn, plan, posthog, Fault("garbage", times=0))
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == -number
    assert b"No further requests" in err
    assert b"Not finished" in out
    report = read_report("x.journal.jsonl")
    assert report.runs[-1].ended is not None
    assert not any(state.state == "unknown" for axis in report.axes for state in axis.states)
    assert len(posthog.mutations) == 2
    posthog.server.reconfigure(latency_s=0.0)
    assert run("run", plan).code == 0
    assert posthog.server.world.count() == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_ends_the_process_at_once_and_the_journal_resumes(
    spawn: Spawn, run: Run, posthog: Any, plan: Path, number: signal.Signals
) -> None:
    process = running(spawn, plan, posthog, Fault("stall", action="bulk_delete", after=1, times=1))
    process.send_signal(number)
    seen = b""
    while b"No further requests" not in seen:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line, f"it ended without a word, after {seen!r}"
        seen += line
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait(timeout=15) == -number
    assert len(posthog.mutations) == 2
    assert run("run", plan).code == 0
    assert posthog.server.world.count() == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_planning_leaves_nothing_behind(
    spawn: Spawn, posthog: Any, own_folder: Path, number: signal.Signals
) -> None:
    posthog.server.faults.add(Fault("stall", action="list"))
    process = spawn("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "x.plan.jsonl")
    posthog.until(lambda: any(request.action == "list" for request in posthog.server.requests))
    process.send_signal(number)
    assert process.wait(timeout=18) == -number
    assert list(own_folder.iterdir()) == []
    assert not posthog.mutations


@pytest.mark.parametrize("ignored", [False, True])
def test_an_interrupt_while_the_modules_load_leaves_no_traceback(
    own_folder: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch, *, ignored: bool
) -> None:
    interrupt = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (own_folder / "click.py").write_text(interrupt + "raise SystemExit(3)\n")  # the first module that the command loads
    monkeypatch.setenv("PYTHONPATH", str(own_folder))
    ignore = (lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignored else None
    process = spawn("--help", preexec_fn=ignore)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (3 if ignored else -signal.SIGINT, b"", b"")


def test_a_signal_while_a_pipe_keeps_it_waiting_ends_it(spawn: Spawn, posthog: Any, own_folder: Path) -> None:
    process = spawn("plan", "delete", "--distinct-ids", "-", "-o", "x.plan.jsonl", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"user-1\n")
    process.stdin.flush()
    posthog.until(lambda: any(request.action == "projects" for request in posthog.server.requests))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=18) == -signal.SIGTERM
    assert list(own_folder.iterdir()) == []


def test_a_hangup_that_the_parent_ignores_stays_ignored(spawn: Spawn, posthog: Any, plan: Path) -> None:
    posthog.server.reconfigure(latency_s=0.2)
    process = running(
        spawn,
        plan,
        posthog,
        Fault("garbage", times=0),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert posthog.server.world.count() == 0


def test_a_killed_process_resumes(spawn: Spawn, run: Run, posthog: Any, plan: Path) -> None:
    process = running(spawn, plan, posthog, Fault("stall", action="bulk_delete", after=1, times=1))
    process.kill()
    process.wait()
    assert run("run", plan).code == 0
    assert posthog.server.world.count() == 0


def test_a_second_process_on_a_journal_leaves_at_once(spawn: Spawn, run: Run, posthog: Any, plan: Path) -> None:
    running(spawn, plan, posthog, Fault("stall", action="bulk_delete", after=1, times=1))
    result = run("run", plan)
    assert result.code == 75
    assert "another process" in result.sentence
    assert len(posthog.mutations) == 2
    status = run("status", "x.journal.jsonl")
    assert status.code == 75
    assert "Waiting for the end of the run that is in progress." in status.out
    assert ", running" in status.out
    assert "Progress " in status.out


def test_a_process_whose_journal_is_removed_ends_with_74(spawn: Spawn, run: Run, posthog: Any, plan: Path) -> None:
    posthog.server.reconfigure(latency_s=0.3)
    process = running(spawn, plan, posthog, Fault("garbage", times=0))
    Path("x.journal.jsonl").unlink()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 74
    assert b"x.journal.jsonl was removed or renamed during the run; put the file back" in err
    assert len(posthog.mutations) == 2


def test_requests_in_flight_that_take_too_long_are_cut_off() -> None:
    script = """
import asyncio, os, signal, sys
from bulk.cli.signals.event_loop import run_until_signal
async def work(stopper):
    with stopper.draining() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        print("draining", flush=True)
        await asyncio.Event().wait()
try:
    run_until_signal(work, notice=print, drain_s=0.05)
except BaseException as error:
    print(type(error).__name__, error.signal_number)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[1:] == ["draining", "Interrupted 15"]


def test_a_signal_that_does_not_interrupt_the_waiting_loop_wakes_it() -> None:
    script = """
import asyncio, os, signal, sys, threading
from bulk.cli.signals.event_loop import run_until_signal
sys.setswitchinterval(60.0)  # another thread runs only while this one waits in a system call
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # so that the other thread gets it
def send(waits):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    waits.wait()
    os.kill(os.getpid(), signal.SIGTERM)
async def work(stopper):
    loop, waits = asyncio.get_running_loop(), threading.Event()
    thread = threading.Thread(target=send, args=(waits,), daemon=True)
    thread.start()
    loop.call_later(5.0, print, "woken by a timer")
    loop.call_soon(waits.set)
    await asyncio.Event().wait()
try:
    run_until_signal(work, notice=print)
except BaseException as error:
    print(type(error).__name__, error.signal_number)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["Interrupted 15"]


def test_an_error_after_a_signal_is_raised_in_its_place() -> None:
    script = """
import os, signal
from bulk.cli.signals.event_loop import run_until_signal
async def work(stopper):
    with stopper.draining() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        raise ValueError("disk")
try:
    run_until_signal(work, notice=lambda _: None)
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "disk\n"


def test_a_reader_that_closes_stdout_ends_the_command_quietly(spawn: Spawn, serve: Callable[..., Any]) -> None:
    served = serve(20_000)
    process = spawn("persons", env=served.env)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(timeout=30) == -signal.SIGPIPE


def test_a_job_continues_after_the_reader_of_its_events_ends(spawn: Spawn, posthog: Any, plan: Path) -> None:
    posthog.server.reconfigure(latency_s=0.1)
    process = running(spawn, plan, posthog, Fault("garbage", times=0), bufsize=0)
    process.kill()
    process.wait()
    process = spawn("run", plan, "--json", "--batch-size", "10", "--concurrency", "1")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert posthog.server.world.count() == 0
