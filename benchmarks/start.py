"""Starting: how long an import and the command's help take, and what they carry along.

All modules start from bytecode, as those that pip installs do; a checkout's own may have none.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import Check, Result, Row, ratio
from benchmarks.harness import ROOT, Bench

ASKS = "How long take `import asyncclient` beside `import aiohttp`, and `posthog-bulk --help` beside `import click`?"
TIMES_EACH = 4
"""Starts are short and unsteady: so many for each repeat."""
STARTS: dict[str, tuple[str, ...]] = {
    "python alone": ("-c", "pass"),
    "import aiohttp": ("-c", "import aiohttp"),
    "import asyncclient": ("-c", "import asyncclient"),
    "import click": ("-c", "import click"),
    "posthog-bulk --help": ("-m", "bulk", "--help"),
}
_IMPORTED = re.compile(r"^import time:.*\|\s*([\w.]+)\s*$", re.MULTILINE)


def measure(bench: Bench) -> Result:
    """Start each in turn, many times."""
    rows = {name: Row(contender=name) for name in STARTS}
    for turn in range(-1, bench.repeats * (1 if bench.smoke else TIMES_EACH)):
        for name, arguments in STARTS.items():
            used = _start(arguments, bench.folder)
            if turn >= 0:
                rows[name].add(used)
    carried = imported("-m", "bulk", "--help") & {"aiohttp", "asyncclient"}
    told, click, mine = [*rows.values()], "import click", "posthog-bulk --help"
    return Result(
        question="start",
        asks=ASKS,
        rows=told,
        checks=[
            Check(what="import asyncclient against import aiohttp",
                  value=ratio(told, "import asyncclient", "import aiohttp", "cpu_ms"), bound=1.3, sense="<="),
            Check(what="--help against import click",
                  value=ratio(told, mine, click, "cpu_ms"), bound=2, sense="<="),
            Check(what="--help: imports of asyncclient and aiohttp", value=len(carried), bound=0, sense="<="),
        ],
        notes=["Ratios are of processor time, which is steadier; all of them hold the start of Python itself."],
    )  # fmt: skip


def imported(*arguments: str) -> set[str]:
    """The modules that Python imports when it is started like this."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(_IMPORTED.findall(told.stderr))


def _start(arguments: tuple[str, ...], bytecode: Path) -> dict[str, float]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)  # the first round, which does not count, fills it
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
