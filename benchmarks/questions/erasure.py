"""Erasure: a million persons and their events, from a file of UUIDs to the report, on a server without latency.

The job has both stages: events are queued while the person is kept and each deletion row is read back; then the person
is deleted and its absence is read back. Rate limits are off.
"""

import time
from pathlib import Path
from typing import Any

from benchmarks.contenders import product
from benchmarks.contenders.event_loops import run
from benchmarks.figures import Check, Result, row_of
from benchmarks.harness import Bench, Entry
from benchmarks.servers.server_control import ServerControl

ASKS = "How long does erasing a million persons and their events take, all read back, and in how much memory?"
MANY, FEW = 1_000_000, 10_000
SMOKE_MANY, SMOKE_FEW = 3_000, 500
WORKERS = 8
BATCH_SIZE = 250
MAX_REPEATS = 3
NOTE = (
    f"From a file of UUIDs, {WORKERS} batches of {BATCH_SIZE} at once; `make_plan` and `run_job`, which ends with the "
    "report. Server is the CPU time of the server's process: far less than the total, so it is not the bottleneck."
)
MIB = 1.048576


def measure(bench: Bench) -> Result:
    """Erase many persons, and few."""
    many, few = bench.size(MANY, SMOKE_MANY), bench.size(FEW, SMOKE_FEW)
    big, small, fast = f"{many:,}, asyncio", f"{few:,}, asyncio", f"{many:,}, uvloop"
    entries = [
        Entry(label=label, name="posthog-bulk", arguments={"persons": count, "loop": loop})
        for label, count, loop in ((big, many, "asyncio"), (small, few, "asyncio"), (fast, many, "uvloop"))
    ]
    with bench.server() as url:
        rows = bench.compare(
            "erasure",
            entries,
            {"url": url, "workers": WORKERS, "batch_size": BATCH_SIZE},
            figures=("plan_s", "run_s", "total_s", "persons_s", "process_cpu_s", "peak_mb", "journal_mb", "server_s"),
            warm_up=False,
            max_repeats=MAX_REPEATS,
        )
    peak = row_of(rows, big).median("peak_mb")
    more = peak - row_of(rows, small).median("peak_mb")
    return Result(
        question="erasure",
        asks=ASKS,
        rows=rows,
        checks=[
            Check(what=f"{many:,} persons, seconds", value=row_of(rows, big).median("total_s"), bound=90, sense="<="),
            Check(what="peak memory, MB", value=peak, bound=150, sense="<="),
            Check(what=f"more memory than {few:,} persons need, MiB", value=more / MIB, bound=64, sense="<="),
        ],
        notes=[NOTE],
    )


def _job(arguments: dict[str, Any]) -> dict[str, float]:
    from bulk import ByPersonIds, DeletePersons

    server, persons, folder = ServerControl(arguments["url"]), arguments["persons"], Path(arguments["folder"])
    server.reset(persons=persons)
    ids = folder / "ids.txt"
    with ids.open("w") as file:
        file.writelines(f"{uuid}\n" for uuid in product.uuids(persons))
    before_s = server.state()["cpu_s"]
    start = time.perf_counter()
    job = product.job(
        arguments["url"],
        DeletePersons(delete_events=True),
        ByPersonIds(ids),
        folder,
        workers=arguments["workers"],
        batch_size=arguments["batch_size"],
    )
    figures = run(job, arguments["loop"])
    total_s = time.perf_counter() - start
    state = server.state()
    if state["here"] or state["rows"] != persons:
        raise RuntimeError(f"of {persons} persons {state['here']} are left, {state['rows']} have a deletion row")
    return figures | {"total_s": total_s, "persons_s": persons / total_s, "server_s": state["cpu_s"] - before_s}


CONTENDERS = {"posthog-bulk": _job}
