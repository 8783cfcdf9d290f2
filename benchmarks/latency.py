"""A slow server: whether a job keeps all its workers busy, as bare aiohttp with as many workers does.

Each answer takes 50 or 200 ms. Measured by the server, from the first PATCH to the last one's answer, with the small
batch that goes first and is read back before the others, and once more from behind it.
"""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import ours, rivals
from benchmarks.canned import UPDATED
from benchmarks.figures import Check, Result, ratio
from benchmarks.harness import Bench, Entry
from benchmarks.lab import Lab
from benchmarks.loops import run

ASKS = "At 50 and 200 ms a call, how much longer than bare aiohttp with as many workers does a job take?"
WORKERS = 32
"""Few enough that the machine does not set the pace: 640 calls a second at 50 ms, a quarter of what bare aiohttp makes
of one core."""
LATENCIES_MS = (50, 200)
SECONDS = 100
"""How long bare aiohttp takes in a full run, so that what happens once in a job weighs as it does in practice."""
SMOKE_PERSONS = 32
CANARY = 25
MOST_REPEATS = 2


def measure(bench: Bench) -> Result:
    """Run both at each latency."""
    rows, checks = [], []
    with bench.server() as url:
        for latency_ms in LATENCIES_MS[: 1 if bench.smoke else None]:
            persons = bench.size(SECONDS * 1000 // latency_ms * WORKERS, SMOKE_PERSONS)
            labels = mine, bare = f"posthog-bulk, {latency_ms} ms", f"aiohttp, {latency_ms} ms"
            measured = bench.contest(
                "latency",
                [Entry(label=label, name=label.partition(",")[0]) for label in labels],
                {"url": url, "workers": WORKERS, "latency_ms": latency_ms, "persons": persons},
                figures=("span_s", "behind_first_batch_s", "ideal_s", "cpu_ms_person"),
                warm_up=False,
                most_repeats=MOST_REPEATS,
            )
            rows += measured
            for figure, what in (("span_s", "the whole job"), ("behind_first_batch_s", "behind the first batch")):
                value = ratio(measured, mine, bare, figure)
                text = f"{latency_ms} ms: time against bare aiohttp, {what}"
                checks.append(Check(what=text, value=value, bound=1.02, sense="<="))
    note = f"{WORKERS} workers. Ideal is the number of calls times the latency, divided by the workers."
    return Result(question="latency", asks=ASKS, rows=rows, checks=checks, notes=[note])


def _begin(said: dict[str, Any]) -> Lab:
    lab = Lab(said["url"])
    lab.reset(persons=said["persons"], latency_s=said["latency_ms"] / 1000)
    return lab


def _measured(said: dict[str, Any], told: dict[str, Any]) -> dict[str, float]:
    persons = said["persons"]
    return {
        "span_s": told["wall_s"],
        "behind_first_batch_s": told["later_wall_s"],
        "ideal_s": persons * said["latency_ms"] / 1000 / said["workers"],
        "cpu_ms_person": told["cpu_s"] * 1000 / persons,
    }


def _job(said: dict[str, Any]) -> dict[str, float]:
    from bulk import ByPersonIds, UpdateProperties

    lab, persons = _begin(said), said["persons"]
    operation = UpdateProperties(properties=UPDATED, route="rest")
    job = ours.job(
        said["url"],
        operation,
        ByPersonIds(ours.uuids(persons)),
        Path(said["folder"]),
        workers=said["workers"],
        planned=lambda: lab.arm(requests=persons, skip=CANARY),
    )
    run(job)
    return _measured(said, lab.span())


def _bare(said: dict[str, Any]) -> dict[str, float]:
    lab, persons = _begin(said), said["persons"]
    calls = rivals.Calls(
        method="PATCH",
        url=lab.persons,
        paths=[f"{uuid}/" for uuid in ours.uuids(persons)],
        body=msgspec.json.encode({"properties": UPDATED}),
    )
    arm = partial(lab.arm, requests=persons, skip=CANARY)
    run(rivals.aiohttp_workers(calls, said["workers"], arm))
    return _measured(said, lab.span())


CONTENDERS = {"posthog-bulk": _job, "aiohttp": _bare}
