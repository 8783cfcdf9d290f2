"""Runs contenders in turns, each in a process of its own against the same server.

Every repeat runs all contenders once and starts with another one, so that a slow phase of the machine does not affect
one contender alone. The first round is a warm-up and does not count.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.figures import Row

ROOT = Path(__file__).parent.parent
TIMEOUT_S = 3600.0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A contender of a benchmark.

    Arguments:
        label: its name in the result.
        name: its name in the benchmark's `CONTENDERS`.
        arguments: its own arguments, added to those of the benchmark.
    """

    label: str
    name: str
    arguments: dict[str, Any] = {}


class Bench:
    """Runs the contenders of a benchmark.

    Arguments:
        smoke: run everything once with tiny sizes, to check that it works.
        repeats: runs per contender.
        folder: where contenders may write files.
    """

    def __init__(self, *, smoke: bool, repeats: int, folder: Path) -> None:
        self.smoke = smoke
        self.repeats = 1 if smoke else repeats
        self.folder = folder

    def size(self, full: int, smoke: int) -> int:
        """Return the size for a full run or a smoke run."""
        return smoke if self.smoke else full

    def compare(
        self,
        question: str,
        entries: Sequence[Entry],
        arguments: Mapping[str, Any],
        *,
        figures: Sequence[str] | None = None,
        warm_up: bool = True,
        max_repeats: int | None = None,
    ) -> list[Row]:
        """Run all contenders in turns and return their rows.

        Arguments:
            question: the module of the benchmark.
            arguments: for every contender.
            figures: the figures to keep, in this order; None for all.
            warm_up: whether the first round does not count.
            max_repeats: maximum of repeats, for long runs.
        """
        repeats = min(self.repeats, max_repeats or self.repeats)
        rows = {entry.label: Row(contender=entry.label) for entry in entries}
        for turn in range(-1 if warm_up and not self.smoke else 0, repeats):
            first = turn % len(entries)
            for entry in [*entries[first:], *entries[:first]]:
                measured = self.run(question, entry.name, {**arguments, **entry.arguments})
                if turn >= 0:
                    names = figures if figures is not None else measured
                    rows[entry.label].add({name: measured[name] for name in names if name in measured})
        return list(rows.values())

    def run(self, question: str, name: str, arguments: Mapping[str, Any]) -> dict[str, float]:
        """Run one contender once, in a folder of its own, and return its figures.

        Raises:
            RuntimeError: it failed; the message holds the end of its error output.
        """
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            words = msgspec.json.encode({"folder": folder, **arguments}).decode()
            ended = subprocess.run(
                [sys.executable, "-m", "benchmarks.contenders.contender", question, name, words],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        if ended.returncode:
            raise RuntimeError(f"{question}: {name} ended with {ended.returncode}:\n{ended.stderr[-4000:]}")
        measured = msgspec.json.decode(ended.stdout.splitlines()[-1], type=dict[str, float | None])
        return {figure: value for figure, value in measured.items() if value is not None}

    @contextmanager
    def server(self) -> Iterator[str]:
        """Start the measuring server and yield its URL."""
        with process("benchmarks.servers.server") as (_, first):
            yield f"http://127.0.0.1:{int(first)}"


@contextmanager
def process(module: str, *argv: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start a module that ends with its standard input, and yield the process and its first line of output."""
    started = subprocess.Popen(
        [sys.executable, "-m", module, *argv],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdin is not None
    assert started.stdout is not None
    try:
        first = started.stdout.readline()
        if not first:
            raise RuntimeError(f"{module} did not start")
        yield started, first
    finally:
        started.stdin.close()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        started.stdout.close()
