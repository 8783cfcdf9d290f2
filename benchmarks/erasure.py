"""A million persons erased with their events, from a file of UUIDs to the report, by a server that answers at once.

Both stages: events are queued while the person is kept, each deletion row is read back, the person is deleted, and is
read as gone. Limits off.
"""

import time
from pathlib import Path
from typing import Any

from benchmarks import ours
from benchmarks.figures import Check, Result, row_of
from benchmarks.harness import Bench, Entry
from benchmarks.lab import Lab
from benchmarks.loops import run

ASKS = "How long does erasing a million persons and their events take, all read back, and in how much memory?"
MANY, FEW = 1_000_000, 10_000
SMOKE_MANY, SMOKE_FEW = 3_000, 500
WORKERS = 8
BATCH_SIZE = 250
MOST_REPEATS = 3
NOTE = (
    f"From a file of UUIDs, {WORKERS} batches of {BATCH_SIZE} at once; `make_plan` and `run_job`, which ends with the "
    "report. Server is the processor time of the server's process: far less than the whole, it is not waited for."
)
MIB = 1.048576


def measure(bench: Bench) -> Result:
    """Erase many and few."""
    many, few = bench.size(MANY, SMOKE_MANY), bench.size(FEW, SMOKE_FEW)
    big, small, fast = f"{many:,}, asyncio", f"{few:,}, asyncio", f"{many:,}, uvloop"
    entries = [
        Entry(label=label, name="posthog-bulk", says={"persons": count, "loop": loop})
        for label, count, loop in ((big, many, "asyncio"), (small, few, "asyncio"), (fast, many, "uvloop"))
    ]
    with bench.server() as url:
        rows = bench.contest(
            "erasure",
            entries,
            {"url": url, "workers": WORKERS, "batch_size": BATCH_SIZE},
            figures=("plan_s", "run_s", "total_s", "persons_s", "process_cpu_s", "peak_mb", "journal_mb", "server_s"),
            warm_up=False,
            most_repeats=MOST_REPEATS,
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


def _job(said: dict[str, Any]) -> dict[str, float]:
    from bulk import ByPersonIds, DeletePersons

    lab, persons, folder = Lab(said["url"]), said["persons"], Path(said["folder"])
    lab.reset(persons=persons)
    ids = folder / "ids.txt"
    with ids.open("w") as file:
        file.writelines(f"{uuid}\n" for uuid in ours.uuids(persons))
    before_s = lab.state()["cpu_s"]
    start = time.perf_counter()
    job = ours.job(
        said["url"],
        DeletePersons(delete_events=True),
        ByPersonIds(ids),
        folder,
        workers=said["workers"],
        batch_size=said["batch_size"],
    )
    told = run(job, said["loop"])
    total_s = time.perf_counter() - start
    state = lab.state()
    if state["here"] or state["rows"] != persons:
        raise RuntimeError(f"of {persons} persons {state['here']} are left, {state['rows']} have a deletion row")
    return told | {"total_s": total_s, "persons_s": persons / total_s, "server_s": state["cpu_s"] - before_s}


CONTENDERS = {"posthog-bulk": _job}
