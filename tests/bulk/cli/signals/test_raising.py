"""Signals to commands without an event loop: `Interrupted` may be raised at any step, and is never dropped."""

import os
import pty
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bulk.cli.approval import read_terminal
from bulk.cli.exit_codes import Interrupted
from bulk.cli.signals.raising import raise_if_due, raising_interrupted, signals_held
from bulk.cli.streams.input import InputReader
from bulk.cli.streams.output import OutputThread

pytestmark = pytest.mark.slow

LINES = 120
"""More lines than are run before each of the waits below."""


READS = """
from bulk.cli.streams.input import InputReader
inner, outer = os.pipe()
os.write(outer, b"one\\n")
reader = InputReader(Path("pipe"), lambda: inner)
reader.readline()  # its thread runs now
wait, end = reader.readline, lambda: os.write(outer, b"two\\n")
"""
PROMPTS = """
import pty
from bulk.cli.approval import read_terminal
outer, inner = pty.openpty()
sys.stdin = os.fdopen(inner)
wait, end = read_terminal, lambda: os.write(outer, b"two\\n")
"""
FLUSHES = """
from bulk.cli.streams.output import OutputThread
is_read = threading.Event()
output = OutputThread(lambda data: len(data) * is_read.wait())
output.write(b"one")
wait, end = output.flush, is_read.set
"""


@pytest.mark.parametrize("stream", [READS, PROMPTS, FLUSHES], ids=["input", "prompt", "output"])
def test_a_signal_that_does_not_interrupt_the_wait_for_a_stream_is_handled(stream: str) -> None:
    script = """
import os, signal, sys, threading
from pathlib import Path
from bulk.cli.exit_codes import Interrupted
from bulk.cli.signals.raising import raising_interrupted
sys.setswitchinterval(60.0)  # another thread runs only while this one waits in a system call
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # so that the other thread gets it
STREAM
waits = threading.Event()
def send():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    waits.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    if not handled.wait(5.0):
        print("not handled", flush=True)
        end()
handled = threading.Event()
threading.Thread(target=send, daemon=True).start()
try:
    with raising_interrupted():
        waits.set()
        wait()
except Interrupted as error:
    handled.set()
    print("Interrupted", error.signal_number)
"""
    script = script.replace("STREAM", stream)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["Interrupted 15"]


@contextmanager
def signal_at_line(number: int) -> Iterator[None]:
    """Get a signal at a line of the block: each call in it adds its lines."""
    lines = count(1)

    def trace(_frame: Any, event: str, _: Any) -> Any:
        if event == "line" and next(lines) == number:
            sys.settrace(None)
            signal.raise_signal(signal.SIGTERM)
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        yield
    finally:
        sys.settrace(before)


def test_a_signal_may_come_at_each_line_of_a_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.cli.approval.LOOK_EVERY_S", 0.0)
    outer, inner = pty.openpty()
    with os.fdopen(inner) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        for number in range(1, LINES):
            with pytest.raises(Interrupted), raising_interrupted(), signal_at_line(number):
                read_terminal()
    os.close(outer)


def test_a_signal_may_come_at_each_line_of_reading_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before is not lost, and the thread that reads is not blocked."""
    monkeypatch.setattr("bulk.cli.streams.input.LOOK_EVERY_S", 0.0)
    for number in range(1, LINES):
        inner, outer = os.pipe()
        reader = InputReader(Path("pipe"), lambda inner=inner: inner)  # type: ignore[misc]
        os.write(outer, b"one\ntw")
        assert reader.readline() == b"one\n"
        with pytest.raises(Interrupted), raising_interrupted(), signal_at_line(number):
            reader.readline()
        os.write(outer, b"o\n")
        os.close(outer)
        assert reader.read() == b"two\n"  # and its thread has ended
        os.close(inner)


def test_a_signal_may_come_at_each_line_of_writing_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost or written twice, and the thread that writes is not blocked."""
    monkeypatch.setattr("bulk.cli.streams.output.LOOK_EVERY_S", 0.0001)  # 0 would end a flush
    for number in range(1, LINES):
        is_read = threading.Event()
        written: list[bytes] = []

        def sink(data: bytes, is_read: threading.Event = is_read, written: list[bytes] = written) -> int:
            is_read.wait()
            written.append(data)
            return len(data)

        output = OutputThread(sink)
        queued = [b"1"]
        output.write(b"1")
        with pytest.raises(Interrupted), raising_interrupted(), signal_at_line(number):
            output.write(b"2")
            queued.append(b"2")
            output.offer(b"3")
            queued.append(b"3")
            output.flush()
            while True:
                raise_if_due()
        is_read.set()
        assert output.flush(timeout_s=10.0)
        assert b"".join(written).startswith(b"".join(queued))
        assert b"".join(written) in b"123"
        output.close()


class Anything:
    """An object that can have weak references."""


def signal_in_a_callback() -> None:
    """Get a signal in the callback of a weak reference, as each import has one: Python drops the error there."""
    one = Anything()
    reference = weakref.ref(one, lambda _: signal.raise_signal(signal.SIGTERM))
    del one
    assert reference() is None


def hold_nothing() -> None:
    with signals_held:
        pass


@pytest.mark.parametrize("then", [hold_nothing, raise_if_due, lambda: None], ids=["held", "looks", "ends"])
def test_an_error_that_python_drops_is_raised_later(
    capsys: pytest.CaptureFixture[str], then: Callable[[], None]
) -> None:
    is_behind = False
    with pytest.raises(Interrupted) as caught, raising_interrupted():
        signal_in_a_callback()
        then()
        is_behind = True
    assert caught.value.signal_number == signal.SIGTERM
    assert is_behind is (then not in (hold_nothing, raise_if_due))
    assert capsys.readouterr().err == ""


def test_other_errors_that_python_drops_are_shown_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda args: dropped.append(args.exc_value))
    error = ValueError("in a callback")

    def fail(_: object) -> None:
        raise error

    with raising_interrupted():
        one = Anything()
        reference = weakref.ref(one, fail)
        del one
    assert reference() is None
    assert dropped == [error]


SIGNAL_IN_A_CALL = """
import os, signal, sys
from itertools import count
from bulk.cli.main import main
from bulk.journal.writer import JournalWriter
name, number, nth, *arguments = sys.argv[1:]
owner = os if name == "pwrite" else JournalWriter
calls, called = count(1), getattr(owner, name)
def call(*arguments):
    if next(calls) == int(nth):
        os.kill(os.getpid(), int(number))
    return called(*arguments)
setattr(owner, name, call)
sys.exit(main(arguments))
"""


@pytest.mark.parametrize(
    ("name", "number", "nth"), [("_commit", 2, 1), ("_synced", 15, 1), ("_synced", 2, 2), ("pwrite", 15, 1)]
)
def test_shred_ends_by_a_signal_in_its_event_loop(
    run: Callable[..., Any], posthog: Any, name: str, number: int, nth: int
) -> None:
    """An event loop drops errors that its callbacks raise; a file that is being overwritten is kept."""
    assert run("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "x.plan.jsonl").code == 0
    line = ("shred", "x.journal.jsonl", "--yes")
    arguments = [sys.executable, "-c", SIGNAL_IN_A_CALL, name, str(number), str(nth), *line]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == -number
    assert done.stderr == (
        f"posthog-bulk: interrupted by {signal.Signals(number).name}. Some files may already be destroyed. "
        "To continue:\n  posthog-bulk shred x.journal.jsonl --yes\n"
    )
    assert Path("x.plan.jsonl").exists() is (nth == 1)
    assert run(*line).code == 0
    assert not Path("x.plan.jsonl").exists()


TWO_SIGNALS = """
import os, signal
from bulk.cli.signals.raising import raising_interrupted
both = {signal.SIGINT, signal.SIGTERM}
with raising_interrupted():
    signal.pthread_sigmask(signal.SIG_BLOCK, both)
    for number in both:
        os.kill(os.getpid(), number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
"""


def test_the_second_of_two_signals_at_once_ends_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", TWO_SIGNALS], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode in (-signal.SIGINT, -signal.SIGTERM)
    assert done.stderr == ""


def test_only_the_main_thread_raises() -> None:
    raised: list[BaseException] = []

    def look() -> None:
        try:
            raise_if_due()
        except BaseException as error:
            raised.append(error)

    with suppress(Interrupted), raising_interrupted():
        signal_in_a_callback()
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert raised == []


def test_an_event_loop_does_not_start_after_a_signal_whose_error_was_dropped() -> None:
    from bulk.cli.signals.event_loop import run_until_signal

    started = False

    async def work(_: object) -> None:
        nonlocal started
        started = True

    with pytest.raises(Interrupted), raising_interrupted():
        signal_in_a_callback()
        run_until_signal(work, notice=print)
    assert not started
