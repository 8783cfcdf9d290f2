"""Real processes in which the system fails or kills at a chosen call."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

# What strace does from outside, done from inside where there is no strace: the N-th call of that name kills the
# process before anything happens, fails, or is short.
_FAULTS = """
import errno, os, signal
def _arm(name, when, fault):
    real, calls = getattr(os, name), 0
    def call(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls != when:
            return real(*args, **kwargs)
        if fault == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "short":
            return real(args[0], args[1][:3])
        raise OSError(getattr(errno, fault), "")
    setattr(os, name, call)
_arm({name!r}, {when!r}, {fault!r})
"""
_SYSCALLS = {"link": "linkat", "pwrite": "pwrite64", "unlink": "unlinkat,unlink", "rename": "renameat,rename,renameat2"}


# Without this option, strace stops a process at each call, also at the thousands that it does not trace while Python
# starts. With it, strace 6.1 sends no signal.
_FILTER = "--seccomp-bpf"


@cache
def _strace_works(*options: str) -> bool:
    strace = shutil.which("strace")
    if strace is None:
        return False
    probe = subprocess.run(
        [strace, "-f", *options, "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=1", "true"],
        capture_output=True,
        check=False,
    )
    return probe.returncode == 0


Faulty = Callable[..., "subprocess.CompletedProcess[str]"]


LEVELS = ["kernel", "interpreter"] if os.environ.get("POSTHOG_BULK_SLOW") == "1" else ["kernel"]


@pytest.fixture(params=LEVELS)
def faulty(request: pytest.FixtureRequest, tmp_path: Path) -> Faulty:
    """Run a script in a process whose `when`-th system call of a name has a fault: SIGKILL, an errno, or short.

    The kernel level uses strace where that works, and is the interpreter's level everywhere else: by default each case
    runs at that one alone. With `only`, calls on other files do not count; calls of this process's log are in `stderr`
    at the kernel's level alone.
    """
    strace = shutil.which("strace") if request.param == "kernel" and _strace_works() else None

    def run(
        script: str, *args: Any, call: str, when: int, fault: str, only: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        if strace is None:
            text = _FAULTS.format(name=call, when=when, fault=fault) + script
            command = [sys.executable, "-c", text, *map(str, args)]
        else:
            what = {"SIGKILL": "signal=SIGKILL", "short": "retval=3"}.get(fault, f"error={fault}")
            syscalls = _SYSCALLS.get(call, call)
            paths = ["-P", str(only)] if only else []
            command = [strace, "-f", "-qq", "-o", str(tmp_path / "strace.log"), *paths]
            command += [_FILTER] if fault != "SIGKILL" and _strace_works(_FILTER) else []
            command += ["-e", f"trace={syscalls}", "-e", f"inject={syscalls}:{what}:when={when}"]
            command += [sys.executable, "-c", script, *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    return run


@pytest.fixture
def child() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start scripts as processes of their own; those left at the end are killed."""
    running: list[subprocess.Popen[str]] = []

    def start(script: str, *args: Any) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()
