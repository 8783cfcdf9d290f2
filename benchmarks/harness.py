"""Runs contenders: each in a process of its own, against the same server, taking turns.

A question gets a `Bench`. Every repeat runs all contenders once, beginning with another one each time, so that what
slows the machine for a while slows nobody alone. The first round warms up and does not count.
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
LONGEST_S = 3600.0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A contender in a question.

    Arguments:
        label: what it is called in the result.
        name: which of the question's contenders it is.
        says: what it is told beside the question's own words.
    """

    label: str
    name: str
    says: dict[str, Any] = {}


class Bench:
    """What a question measures with.

    Arguments:
        smoke: everything once and tiny: shows that it works, measures nothing.
        repeats: how often each contender runs.
        folder: for files; contenders may write there.
    """

    def __init__(self, *, smoke: bool, repeats: int, folder: Path) -> None:
        self.smoke = smoke
        self.repeats = 1 if smoke else repeats
        self.folder = folder

    def size(self, full: int, smoke: int) -> int:
        """How many, in a full run or a smoke run."""
        return smoke if self.smoke else full

    def contest(
        self,
        question: str,
        entries: Sequence[Entry],
        says: Mapping[str, Any],
        *,
        figures: Sequence[str] | None = None,
        warm_up: bool = True,
        most_repeats: int | None = None,
    ) -> list[Row]:
        """Run all contenders, taking turns.

        Arguments:
            question: the module that holds them.
            says: what all are told.
            figures: which of what they tell goes into the rows, in this order; None for all.
            warm_up: whether the first round does not count.
            most_repeats: of those that take long.
        """
        repeats = min(self.repeats, most_repeats or self.repeats)
        rows = {entry.label: Row(contender=entry.label) for entry in entries}
        for turn in range(-1 if warm_up and not self.smoke else 0, repeats):
            first = turn % len(entries)
            for entry in [*entries[first:], *entries[:first]]:
                told = self.run(question, entry.name, {**says, **entry.says})
                if turn >= 0:
                    names = figures if figures is not None else told
                    rows[entry.label].add({name: told[name] for name in names if name in told})
        return list(rows.values())

    def run(self, question: str, name: str, says: Mapping[str, Any]) -> dict[str, float]:
        """Run one contender once in a folder of its own.

        Raises:
            RuntimeError: it failed; with the end of what it had to say.
        """
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            words = msgspec.json.encode({"folder": folder, **says}).decode()
            ended = subprocess.run(
                [sys.executable, "-m", "benchmarks.contender", question, name, words],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=LONGEST_S,
                check=False,
            )
        if ended.returncode:
            raise RuntimeError(f"{question}: {name} ended with {ended.returncode}:\n{ended.stderr[-4000:]}")
        told = msgspec.json.decode(ended.stdout.splitlines()[-1], type=dict[str, float | None])
        return {figure: value for figure, value in told.items() if value is not None}

    @contextmanager
    def server(self) -> Iterator[str]:
        """The measuring server; gives its address."""
        with process("benchmarks.server") as (_, first):
            yield f"http://127.0.0.1:{int(first)}"


@contextmanager
def process(module: str, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A process of this package that ends when its standard input does; gives it and its first line."""
    started = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
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
