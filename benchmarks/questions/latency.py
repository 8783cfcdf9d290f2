"""Latency: whether a job keeps all its workers busy on a slow server, as bare aiohttp with as many workers does.

Each response takes 50 or 200 ms. The server measures the time from the first PATCH to the response to the last one. A
second span starts after the test batch, which is read back before the other batches are sent.
"""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.contenders import other_clients, product
from benchmarks.contenders.event_loops import run
from benchmarks.figures import Check, Result, ratio
from benchmarks.harness import Bench, Entry
from benchmarks.servers.canned import UPDATED
from benchmarks.servers.server_control import ServerControl

ASKS = "How much longer does a job take than bare aiohttp with as many workers, at 50 and 200 ms per call?"
WORKERS = 32
"""Few enough that the machine is not the bottleneck: 640 calls per second at 50 ms, a quarter of what bare aiohttp
reaches on one core."""
LATENCIES_MS = (50, 200)
SECONDS = 100
"""Duration of bare aiohttp in a full run: long enough that fixed costs of a job weigh as in practice."""
SMOKE_PERSONS = 32
TEST_BATCH_SIZE = 25
MAX_REPEATS = 2


def measure(bench: Bench) -> Result:
    """Run both contenders at each latency."""
    rows, checks = [], []
    with bench.server() as url:
        for latency_ms in LATENCIES_MS[: 1 if bench.smoke else None]:
            persons = bench.size(SECONDS * 1000 // latency_ms * WORKERS, SMOKE_PERSONS)
            labels = mine, bare = f"posthog-bulk, {latency_ms} ms", f"aiohttp, {latency_ms} ms"
            measured = bench.compare(
                "latency",
                [Entry(label=label, name=label.partition(",")[0]) for label in labels],
                {"url": url, "workers": WORKERS, "latency_ms": latency_ms, "persons": persons},
                figures=("span_s", "after_test_batch_s", "ideal_s", "cpu_ms_person"),
                warm_up=False,
                max_repeats=MAX_REPEATS,
            )
            rows += measured
            for figure, what in (("span_s", "the whole job"), ("after_test_batch_s", "after the test batch")):
                value = ratio(measured, mine, bare, figure)
                text = f"{latency_ms} ms: time against bare aiohttp, {what}"
                checks.append(Check(what=text, value=value, bound=1.02, sense="<="))
    note = f"{WORKERS} workers. Ideal is the number of calls times the latency, divided by the workers."
    return Result(question="latency", asks=ASKS, rows=rows, checks=checks, notes=[note])


def _begin(arguments: dict[str, Any]) -> ServerControl:
    server = ServerControl(arguments["url"])
    server.reset(persons=arguments["persons"], latency_s=arguments["latency_ms"] / 1000)
    return server


def _measured(arguments: dict[str, Any], span: dict[str, Any]) -> dict[str, float]:
    persons = arguments["persons"]
    return {
        "span_s": span["wall_s"],
        "after_test_batch_s": span["later_wall_s"],
        "ideal_s": persons * arguments["latency_ms"] / 1000 / arguments["workers"],
        "cpu_ms_person": span["cpu_s"] * 1000 / persons,
    }


def _job(arguments: dict[str, Any]) -> dict[str, float]:
    from bulk import ByPersonIds, UpdateProperties

    server, persons = _begin(arguments), arguments["persons"]
    operation = UpdateProperties(properties=UPDATED, route="rest")
    job = product.job(
        arguments["url"],
        operation,
        ByPersonIds(product.uuids(persons)),
        Path(arguments["folder"]),
        workers=arguments["workers"],
        planned=lambda: server.arm(requests=persons, skip=TEST_BATCH_SIZE),
    )
    run(job)
    return _measured(arguments, server.span())


def _bare(arguments: dict[str, Any]) -> dict[str, float]:
    server, persons = _begin(arguments), arguments["persons"]
    calls = other_clients.Calls(
        method="PATCH",
        url=server.persons,
        paths=[f"{uuid}/" for uuid in product.uuids(persons)],
        body=msgspec.json.encode({"properties": UPDATED}),
    )
    arm = partial(server.arm, requests=persons, skip=TEST_BATCH_SIZE)
    run(other_clients.aiohttp_workers(calls, arguments["workers"], arm))
    return _measured(arguments, server.span())


CONTENDERS = {"posthog-bulk": _job, "aiohttp": _bare}
