"""Ctrl-Z and `fg` in a shell: the terminal is usable meanwhile, and the job continues."""

import os
import pty
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from readable import is_readable

import bulk
from asyncclient.testing import Fault

SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
COMMAND = ("delete", "--everyone", "--yes", "--expect-count", "60", "--plan", "y.plan.jsonl")
CTRL_Z = "\x1a"


class Shell:
    """An interactive shell at a terminal of its own, on which the test types."""

    def __init__(self) -> None:
        self.seen = ""
        self._screen, inner = pty.openpty()
        source = str(Path(next(iter(bulk.__path__))).parent)
        # a new session has no terminal, and the first one that it opens becomes its own
        start = 'exec bash --norc --noprofile -i <"$0" >"$0" 2>&1'
        self._process = subprocess.Popen(
            ["sh", "-c", start, os.ttyname(inner)],
            env={**os.environ, "PYTHONPATH": source, "TERM": "xterm", "COLUMNS": "100", "LC_ALL": "C", "PS1": "% "},
            start_new_session=True,
        )
        self._inner = inner

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def read_until(self, text: str) -> str:
        """Return what is shown up to a text, from where the last call ended."""
        while text not in self.seen:
            assert is_readable(self._screen, 15), f"nothing more came after {self.seen!r}"
            self.seen += os.read(self._screen, 65536).decode(errors="replace")
        shown, text, self.seen = self.seen.partition(text)
        return shown + text

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._inner)
        os.close(self._screen)


@pytest.fixture
def shell(posthog: Any) -> Iterator[Shell]:
    del posthog  # sets the environment, which the shell inherits
    if shutil.which("bash") is None:
        pytest.skip("no shell with job control")
    one = Shell()
    yield one
    one.close()


@pytest.mark.slow
def test_a_suspended_job_leaves_a_usable_terminal_and_continues(
    shell: Shell, posthog: Any, run: Callable[..., Any]
) -> None:
    posthog.server.faults.add(Fault("status", status=503, after=8))
    shell.type(shlex.join([sys.executable, "-m", "bulk", *COMMAND]) + "\n")
    running = shell.read_until("Server not reachable since")
    assert running.rfind(HIDE_CURSOR) > running.rfind(SHOW_CURSOR)
    shell.type(CTRL_Z)
    stopped = shell.read_until("Stopped")
    assert SHOW_CURSOR in stopped
    shell.type("echo usable''\n")
    shell.read_until("usable\r\n")
    posthog.server.faults.clear()
    shell.type("fg\n")
    continued = shell.read_until("Complete: 60 persons")
    assert HIDE_CURSOR in continued
    assert "Server reachable again after" in continued
    shell.type("echo code=$?\n")
    shell.read_until("code=0\r\n")
    assert posthog.server.world.count() == 0
    assert run("status", "y.journal.jsonl").code == 0
