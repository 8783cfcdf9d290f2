"""Values: a million persons get the values of their own rows by capture, on a server without latency.

The rows name persons by UUID. Each person gets two properties, one of them with a value that no other person gets; all
are read back. Rate limits are off.
"""

import time
from pathlib import Path
from typing import Any

from benchmarks.contenders import product
from benchmarks.contenders.event_loops import run
from benchmarks.figures import Check, Result, row_of
from benchmarks.harness import Bench, Entry
from benchmarks.servers.server_control import ServerControl

ASKS = "How long does it take to give a million persons the values of their rows, all read back, in how much memory?"
MANY, FEW = 1_000_000, 10_000
SMOKE_MANY, SMOKE_FEW = 3_000, 500
WORKERS = 8
BATCH_SIZE = 1_000
MAX_REPEATS = 3
NOTE = (
    f"From a CSV file with UUIDs, {WORKERS} batches of {BATCH_SIZE:,} events at once; `make_plan` and `run_job`, which "
    "ends with the report. Server is the CPU time of the server's process."
)
MIB = 1.048576


def measure(bench: Bench) -> Result:
    """Change many persons, and few."""
    many, few = bench.size(MANY, SMOKE_MANY), bench.size(FEW, SMOKE_FEW)
    big, small = f"{many:,} rows", f"{few:,} rows"
    with bench.server() as url:
        rows = bench.compare(
            "values",
            [
                Entry(label=label, name="posthog-bulk", arguments={"persons": count})
                for label, count in ((big, many), (small, few))
            ],
            {"url": url, "workers": WORKERS, "batch_size": BATCH_SIZE},
            figures=("plan_s", "run_s", "total_s", "persons_s", "process_cpu_s", "peak_mb", "journal_mb", "server_s"),
            warm_up=False,
            max_repeats=MAX_REPEATS,
        )
    peak = row_of(rows, big).median("peak_mb")
    more = peak - row_of(rows, small).median("peak_mb")
    return Result(
        question="values",
        asks=ASKS,
        rows=rows,
        checks=[
            Check(what="peak memory, MB", value=peak, bound=150, sense="<="),
            Check(what=f"more memory than {few:,} rows need, MiB", value=more / MIB, bound=64, sense="<="),
        ],
        notes=[NOTE],
    )


def _job(arguments: dict[str, Any]) -> dict[str, float]:
    from bulk import UpdateProperties, open_rows

    server, persons, folder = ServerControl(arguments["url"]), arguments["persons"], Path(arguments["folder"])
    server.reset(persons=persons)
    path = folder / "values.csv"
    with path.open("w") as file:
        file.write("uuid,tier,score\n")
        file.writelines(f"{uuid},gold,{number}\n" for number, uuid in enumerate(product.uuids(persons)))
    before_s = server.state()["cpu_s"]
    start = time.perf_counter()
    rows = open_rows(path, id_column="uuid", types={"score": "number"})
    job = product.job(
        arguments["url"],
        UpdateProperties.per_person(rows, route="capture"),
        rows,
        folder,
        workers=arguments["workers"],
        batch_size=arguments["batch_size"],
    )
    figures = run(job, "asyncio")
    total_s = time.perf_counter() - start
    state = server.state()
    if state["with_own_score"] != persons:
        raise RuntimeError(f"of {persons} persons {state['with_own_score']} have the score of their row")
    return figures | {"total_s": total_s, "persons_s": persons / total_s, "server_s": state["cpu_s"] - before_s}


CONTENDERS = {"posthog-bulk": _job}
