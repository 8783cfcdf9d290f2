"""Start: how long an import and the command's help take, and which modules they load.

All modules are loaded from bytecode, like those that pip installs.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import Check, Result, Row, ratio
from benchmarks.harness import ROOT, Bench

ASKS = "How long do `import asyncclient` and `posthog-bulk --help` take, against `import aiohttp` and `import click`?"
TIMES_EACH = 4
"""Starts per repeat, because single starts are short and vary."""
STARTS: dict[str, tuple[str, ...]] = {
    "python alone": ("-c", "pass"),
    "import aiohttp": ("-c", "import aiohttp"),
    "import asyncclient": ("-c", "import asyncclient"),
    "import click": ("-c", "import click"),
    "posthog-bulk --help": ("-m", "bulk", "--help"),
}
_IMPORTED = re.compile(r"^import time:.*\|\s*([\w.]+)\s*$", re.MULTILINE)


def measure(bench: Bench) -> Result:
    """Start each program in turn, many times."""
    rows = {name: Row(contender=name) for name in STARTS}
    for turn in range(-1, bench.repeats * (1 if bench.smoke else TIMES_EACH)):
        for name, arguments in STARTS.items():
            used = _start(arguments, bench.folder)
            if turn >= 0:
                rows[name].add(used)
    loaded = imported("-m", "bulk", "--help") & {"aiohttp", "asyncclient"}
    measured, click, mine = [*rows.values()], "import click", "posthog-bulk --help"
    return Result(
        question="start",
        asks=ASKS,
        rows=measured,
        checks=[
            Check(what="import asyncclient against import aiohttp",
                  value=ratio(measured, "import asyncclient", "import aiohttp", "cpu_ms"), bound=1.3, sense="<="),
            Check(what="--help against import click",
                  value=ratio(measured, mine, click, "cpu_ms"), bound=2, sense="<="),
            Check(what="--help: imports of asyncclient and aiohttp", value=len(loaded), bound=0, sense="<="),
        ],
        notes=["Ratios are of CPU time, which is steadier; all of them include the start of Python itself."],
    )  # fmt: skip


def imported(*arguments: str) -> set[str]:
    """Return the modules that Python imports when it is started with these arguments."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(_IMPORTED.findall(done.stderr))


def _start(arguments: tuple[str, ...], bytecode: Path) -> dict[str, float]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)  # filled by the first round, which does not count
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"python {' '.join(arguments)} ended with {process.returncode}")
    return {"wall_ms": wall_s * 1000, "cpu_ms": (used.ru_utime + used.ru_stime) * 1000}
