"""Breaks a copy of the packages on purpose and runs tests against it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from twin import Cut

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 400
"""Of each test in the copy, which takes seconds: on a busy machine it takes minutes."""
_TIMED_OUT = re.compile(r"\bTimeout \(>[0-9.]+s\)")
_OURS = shutil.ignore_patterns("__pycache__", "guarantees", ".hypothesis")
_SERVER = Path(__file__).with_name("fork_server.py")


class Report(NamedTuple):
    """How one part of a test ended.

    Attributes:
        node: ID of the test.
        when: `setup`, `call` or `teardown`, and `collect` of a file that could not be collected.
        outcome: `passed`, `failed` or `skipped`.
        text: the end of what pytest says about a failure.
    """

    node: str
    when: str
    outcome: str
    text: str


class Result(NamedTuple):
    """What a run of tests showed.

    Attributes:
        code: exit code of the process, 0 if it ran the tests, however they ended.
        anew: whether everything was imported anew.
        reports: how each part of each test ended.
        error: why the process could not run the tests, as far as it could say.
    """

    code: int
    anew: bool = False
    reports: tuple[Report, ...] = ()
    error: str = ""

    @property
    def red(self) -> bool:
        """Whether a test ran and failed, and did not end by a collection error, a fixture error or a time limit."""
        failed = [each for each in self.reports if each.outcome == "failed"]
        return self.code == 0 and any(each.when == "call" and not _TIMED_OUT.search(each.text) for each in failed)

    @property
    def green(self) -> bool:
        """Whether tests ran and none failed."""
        outcomes = {each.outcome for each in self.reports if each.when == "call" or each.outcome == "failed"}
        return self.code == 0 and "passed" in outcomes and "failed" not in outcomes

    @property
    def failures(self) -> str:
        """What is known about failures, for a person."""
        failed = [f"{each.node}, {each.when}: {each.text}" for each in self.reports if each.outcome == "failed"]
        return "\n".join([f"exit code {self.code} {self.error}", *failed])


class Workshop:
    """A copy of the packages and their tests, and an interpreter that runs tests against it.

    Arguments:
        folder: an existing empty folder for the copy.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        for name in ("asyncclient", "bulk", "tests"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=_OURS)
        self._copy_compiled()
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, self.folder / name)
        self._changes = count(1)
        options = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb=native", "--timeout", str(LIMIT_S)]
        options += ["--basetemp", str(self.folder / "tmp")]
        self._command = [sys.executable, str(_SERVER), *options]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "POSTHOG_"))}
        environment |= {"PYTHONPATH": str(self.folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        environment.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(ROOT / ".hypothesis"))  # it keeps what it computed
        self._environment = environment
        self._server: subprocess.Popen[str] | None = None

    def _copy_compiled(self) -> None:
        """Copy what this interpreter compiled of the originals, so that only changed files are compiled again."""
        for source in self.folder.rglob("*.py"):
            compiled = Path(cache_from_source(str(ROOT / source.relative_to(self.folder))))
            target = Path(cache_from_source(str(source))).parent
            for each in compiled.parent.glob(f"{source.stem}.{sys.implementation.cache_tag}*.pyc"):
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(each, target)

    def close(self) -> None:
        """End the interpreter, and remove what was compiled outside of the copy."""
        self._end()
        if sys.pycache_prefix is not None:
            shutil.rmtree(f"{sys.pycache_prefix}{self.folder}", ignore_errors=True)

    @contextmanager
    def broken(self, changes: tuple[Cut, ...]) -> Iterator[dict[str, str]]:
        """Apply changes to the copy within a `with` block, and restore it afterwards; give the texts of before."""
        original = {self.folder / change.file: (self.folder / change.file).read_bytes() for change in changes}
        try:
            for change in changes:
                cut(self.folder, change)
            self._touch(original)
            yield {change.file: original[self.folder / change.file].decode() for change in changes}
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
        changes: tuple[Cut, ...] = (),
        *,
        anew: bool = False,
        first_failure: bool = True,
        one_of_each_file: bool = False,
    ) -> Result:
        """Run tests against the copy.

        Arguments:
            nodes: IDs of tests; without a case, all cases of a test.
            changes: what is changed in the copy meanwhile.
            anew: import everything anew, also if only bodies of functions are changed.
            first_failure: stop at the first failure.
            one_of_each_file: leave one of these tests of each file, and one case of it.
        """
        output = self.folder / "output.json"
        output.unlink(missing_ok=True)
        error = self._ask(files=sorted({node.partition("::")[0] for node in nodes}))["error"]
        assert not error, error
        with self.broken(changes) as originals:
            code = self._ask(
                nodes=nodes,
                originals=originals,
                anew=anew,
                first_failure=first_failure,
                one_of_each_file=one_of_each_file,
                output=str(output),
            )["code"]
        text = output.read_text() if output.exists() else ""
        if code:
            return Result(code, error=text)
        shown = json.loads(text)
        return Result(code, shown["anew"], tuple(Report(*each) for each in shown["reports"]))

    def _ask(self, **request: Any) -> dict[str, Any]:
        """Return the reply of the interpreter, which is started if there is none.

        It is ended if it does not reply, or if the time limit of the test that asks interrupts the wait: a reply that
        came later would be taken for that of the next request.
        """
        if self._server is None:
            self._server = subprocess.Popen(
                self._command,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=self._environment,
                start_new_session=True,  # one kill then ends it and all that it started
            )
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        try:
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
            line = self._server.stdout.readline()
            assert line, "the interpreter that runs the tests is gone"
        except BaseException:
            self._end()
            raise
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _end(self) -> None:
        """End the interpreter and the tests that it runs."""
        if self._server is None:
            return
        server, self._server = self._server, None
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        with suppress(BrokenPipeError):  # of a request that was not written
            server.communicate()


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
