"""Breaks a copy of the packages on purpose and runs tests against it. Knows no promise."""

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
from itertools import count
from pathlib import Path

from twin import Cut, Twin

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 100
TEST_LIMIT_S = 80
"""Less than the interpreter's limit, so that a test that hangs is named."""
_TIMED_OUT = re.compile(r"\bTimeout \(>[0-9.]+s\)")
_PLUGINS = tuple(
    word
    for name in ("pytest_asyncio.plugin", "anyio.pytest_plugin", "_hypothesis_pytestplugin", "pytest_timeout")
    for word in ("-p", name)
)
_OURS = shutil.ignore_patterns("__pycache__", "promises", ".hypothesis")
_SERVER = Path(__file__).with_name("fork_server.py")


class Workshop:
    """A copy of the packages and their tests in an empty folder, and a warm interpreter that runs tests against it.

    Arguments:
        folder: exists and is empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("asyncclient", "bulk", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=_OURS)
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

    def close(self) -> None:
        """End the interpreter."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(LIMIT_S)
        assert self._server.stdout is not None
        self._server.stdout.close()

    @contextmanager
    def broken(self, changes: tuple[Cut, ...]) -> Iterator[None]:
        """The copy with these changes in it, and whole again afterwards."""
        whole = {self.folder / change.file: (self.folder / change.file).read_bytes() for change in changes}
        try:
            for change in changes:
                cut(self.folder, change)
            self._touch(whole)
            yield
        finally:
            for path, content in whole.items():
                path.write_bytes(content)
            self._touch(whole)

    def _touch(self, paths: dict[Path, bytes]) -> None:
        """Give changed files times that no compiled file was made from: those tell one second from the next only."""
        for path in paths:
            at = 1_000_000_000 + next(self._changes)
            os.utime(path, (at, at))

    def run(
        self,
        nodes: tuple[str, ...],
        *,
        first_failure: bool,
        test_limit_s: int = TEST_LIMIT_S,
        limit_s: float = LIMIT_S,
    ) -> tuple[int, str]:
        """Run tests against the copy.

        Arguments:
            first_failure: stop there.
            test_limit_s: seconds that one test may take.
            limit_s: seconds until the child is killed.

        Returns:
            The exit code of pytest, negative where a signal ended it, and what it said.
        """
        options = [*_PLUGINS, "-q", "-p", "no:cacheprovider", "--no-header", "--tb=line", "-rfE"]
        options += ["--timeout", str(test_limit_s)]
        request = {
            "folder": str(self.folder),
            "output": str(self._output),
            "bytecode": str(self.folder / "bytecode"),
            "environment": {"PYTHONPATH": str(self.folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            "arguments": [*options, *(["-x"] if first_failure else []), *nodes],
        }
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        child = self._answer()["child"]
        code = self._answer(of=child, limit_s=limit_s)["code"]
        return code, self._output.read_text(errors="replace")

    def _answer(self, of: int | None = None, limit_s: float = LIMIT_S) -> dict[str, int]:
        """The server's next line; a child that takes too long is ended, with all that it started."""
        assert self._server.stdout is not None
        if not select.select([self._server.stdout], [], [], limit_s)[0] and of is not None:
            with suppress(ProcessLookupError):
                os.killpg(of, signal.SIGKILL)
        line = self._server.stdout.readline()
        assert line, "the interpreter that runs the tests is gone"
        answer: dict[str, int] = json.loads(line)
        return answer


def cut(folder: Path, change: Cut) -> None:
    """Make one textual change.

    Raises:
        AssertionError: the old text is not there exactly once, so the table has to be brought up to date.
    """
    path = folder / change.file
    text = path.read_text()
    found = text.count(change.old)
    assert found == 1, f"{change.file} holds the text to break {found} times, not once: {change.old!r}"
    assert change.old != change.new
    path.write_text(text.replace(change.old, change.new))
    compile(path.read_text(), change.file, "exec")  # a twin that is no Python breaks everything and proves nothing


def is_red(code: int, said: str) -> bool:
    """Whether a test ran and failed: no collection error, no error of a fixture, no time limit, nothing else."""
    return code == 1 and re.search(r"^FAILED ", said, re.MULTILINE) is not None and not _TIMED_OUT.search(said)


def sound_nodes(twins: tuple[Twin, ...]) -> tuple[str, ...]:
    """Every guarding test once."""
    return tuple(sorted({node for twin in twins for node in twin.tests}))
