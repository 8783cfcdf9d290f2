"""Breaks a copy of the packages on purpose and runs tests against it."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from itertools import count
from pathlib import Path

from twin import Cut, Twin

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 400
"""Of a run that takes seconds: on a busy machine it takes minutes."""
TEST_LIMIT_S = 380
"""Less than LIMIT_S, so that pytest names the test that hangs."""
_TIMED_OUT = re.compile(r"\bTimeout \(>[0-9.]+s\)")
_OURS = shutil.ignore_patterns("__pycache__", "guarantees", ".hypothesis")
_SERVER = Path(__file__).with_name("fork_server.py")


class Workshop:
    """A copy of the packages and their tests, and a preloaded interpreter that runs tests against it.

    Arguments:
        folder: an existing empty folder for the copy.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("asyncclient", "bulk", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=_OURS)
        self._bytecode = folder / "bytecode"
        self._copy_compiled()
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / name)
        self._changes = count(1)
        self._output = folder / "output.txt"
        self._server = subprocess.Popen(
            [sys.executable, "-P", str(_SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
            env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "POSTHOG_"))},
        )

    def _copy_compiled(self) -> None:
        """Copy what this interpreter compiled of the originals, so that only changed files are compiled again."""
        for source in self.folder.rglob("*.py"):
            compiled = Path(cache_from_source(str(ROOT / source.relative_to(self.folder))))
            target = Path(f"{self._bytecode}{source.parent}")
            for each in compiled.parent.glob(f"{source.stem}.{sys.implementation.cache_tag}*.pyc"):
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(each, target)

    def close(self) -> None:
        """End the interpreter."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(LIMIT_S)
        assert self._server.stdout is not None
        self._server.stdout.close()

    @contextmanager
    def broken(self, changes: tuple[Cut, ...]) -> Iterator[None]:
        """Apply changes to the copy within a `with` block, and restore it afterwards."""
        original = {self.folder / change.file: (self.folder / change.file).read_bytes() for change in changes}
        try:
            for change in changes:
                cut(self.folder, change)
            self._touch(original)
            yield
        finally:
            for path, content in original.items():
                path.write_bytes(content)
            self._touch(original)

    def _touch(self, paths: dict[Path, bytes]) -> None:
        """Give files modification times that no compiled file has; compiled files store them in whole seconds."""
        for path in paths:
            at = 1_000_000_000 + next(self._changes)
            os.utime(path, (at, at))

    def run(
        self,
        nodes: tuple[str, ...],
        *,
        first_failure: bool,
        one_of_each_file: bool = False,
        test_limit_s: int = TEST_LIMIT_S,
        limit_s: float = LIMIT_S,
    ) -> tuple[int, str]:
        """Run tests against the copy.

        Arguments:
            first_failure: stop at the first failure.
            one_of_each_file: leave one of these tests of each file, and one case of it.
            test_limit_s: maximum seconds per test.
            limit_s: maximum seconds for all tests; the child is killed after that.

        Returns:
            The exit code of pytest, negative if a signal ended it, and its output.
        """
        options = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb=line", "-rfE"]
        options += ["--timeout", str(test_limit_s)]
        request = {
            "folder": str(self.folder),
            "output": str(self._output),
            "bytecode": str(self._bytecode),
            "one_of_each_file": one_of_each_file,
            "environment": {"PYTHONPATH": str(self.folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            "arguments": [*options, *(["-x"] if first_failure else []), *nodes],
        }
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        child = self._reply()["child"]
        code = self._reply(of=child, limit_s=limit_s)["code"]
        return code, self._output.read_text(errors="replace")

    def _reply(self, of: int | None = None, limit_s: float = LIMIT_S) -> dict[str, int]:
        """Return the server's next line; kill a child that takes too long, with all processes that it started."""
        assert self._server.stdout is not None
        if not select.select([self._server.stdout], [], [], limit_s)[0] and of is not None:
            with suppress(ProcessLookupError):
                os.killpg(of, signal.SIGKILL)
        line = self._server.stdout.readline()
        assert line, "the interpreter that runs the tests is gone"
        reply: dict[str, int] = json.loads(line)
        return reply


def cut(folder: Path, change: Cut) -> None:
    """Make one textual change.

    Raises:
        AssertionError: the old text does not occur exactly once; update the table.
    """
    path = folder / change.file
    text = path.read_text()
    found = text.count(change.old)
    assert found == 1, f"{change.file} has the quoted text {found} times, not once: {change.old!r}"
    assert change.old != change.new
    path.write_text(text.replace(change.old, change.new))
    compile(path.read_text(), change.file, "exec")  # a twin with a syntax error would fail every test


def is_red(code: int, output: str) -> bool:
    """Return whether a test ran and failed, and did not end by a collection error, a fixture error or a time limit."""
    return code == 1 and re.search(r"^FAILED ", output, re.MULTILINE) is not None and not _TIMED_OUT.search(output)


def guarding_tests(twins: tuple[Twin, ...]) -> tuple[str, ...]:
    """Return every guarding test once."""
    return tuple(sorted({node for twin in twins for node in twin.tests}))
