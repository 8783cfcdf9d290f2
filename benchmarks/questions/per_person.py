"""Per person: persons per second and CPU per person with one REST call each, every call on disk before it leaves.

The job sets properties, without rate limits. The server measures from the first PATCH to the response to the last one.
Planning and reading back are outside of this span; the read of every person before its call is inside.
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

ASKS = "How many persons per second does a job update by REST, against other ways to send the same calls?"
WORKERS = 32
PERSONS, SLOW_PERSONS, SMOKE_PERSONS = 64_000, 6_000, 300
"""In a full run, for contenders that are several times slower, and in a smoke run."""


def measure(bench: Bench) -> Result:
    """Run all contenders."""
    many, few = bench.size(PERSONS, SMOKE_PERSONS), bench.size(SLOW_PERSONS, SMOKE_PERSONS)
    entries = [
        *(Entry(label=f"{name}, {loop}", name=name, arguments={"loop": loop, "persons": many})
          for loop in ("asyncio", "uvloop") for name in ("posthog-bulk", "aiohttp")),
        Entry(label="requests, 32 threads", name="requests-threads", arguments={"persons": few}),
        Entry(label="requests, a loop", name="requests-loop", arguments={"persons": few}),
        Entry(label="httpx + aiolimiter + tenacity", name="httpx", arguments={"persons": few, "loop": "asyncio"}),
    ]  # fmt: skip
    with bench.server() as url:
        rows = bench.compare("per_person", entries, {"url": url, "workers": WORKERS})
    compare = partial(ratio, rows)
    checks = []
    for loop in ("asyncio", "uvloop"):
        mine, bare = f"posthog-bulk, {loop}", f"aiohttp, {loop}"
        speed, cost = compare(mine, bare, "persons_s"), compare(mine, bare, "cpu_ms_person")
        checks.append(Check(what=f"{loop}: persons/s against bare aiohttp", value=speed, bound=0.85, sense=">="))
        checks.append(Check(what=f"{loop}: CPU against bare aiohttp", value=cost, bound=1.2, sense="<="))
    for label, bound in (("requests, 32 threads", 3.5), ("httpx + aiolimiter + tenacity", 5.0)):
        value = compare("posthog-bulk, asyncio", label, "persons_s")
        checks.append(Check(what=f"persons/s against {label}", value=value, bound=bound, sense=">="))
    note = (
        f"{many:,} persons ({few:,} for requests and httpx), {WORKERS} at once. CPU is that of the contender's process "
        "within the measured span; server busy is the share of that span in which the server's process used a CPU."
    )
    return Result(question="per_person", asks=ASKS, rows=rows, checks=checks, notes=[note])


def _measured(arguments: dict[str, Any], span: dict[str, Any]) -> dict[str, float]:
    persons = arguments["persons"]
    return {
        "persons_s": persons / span["wall_s"],
        "cpu_ms_person": span["cpu_s"] * 1000 / persons,
        "server_busy": span["server_busy"],
    }


def _job(arguments: dict[str, Any]) -> dict[str, float]:
    from bulk import ByPersonIds, UpdateProperties

    server, persons = ServerControl(arguments["url"]), arguments["persons"]
    server.reset(persons=persons)
    operation = UpdateProperties(properties=UPDATED, route="rest")
    selection = ByPersonIds(product.uuids(persons))
    job = product.job(
        arguments["url"],
        operation,
        selection,
        Path(arguments["folder"]),
        workers=arguments["workers"],
        planned=lambda: server.arm(requests=persons),
    )
    run(job, arguments["loop"])
    if (changed := server.state()["changed"]) != persons:
        raise RuntimeError(f"{changed} of {persons} persons changed")
    return _measured(arguments, server.span())


def _other_client(arguments: dict[str, Any], send: Any) -> dict[str, float]:
    server, persons = ServerControl(arguments["url"]), arguments["persons"]
    server.reset(persons=persons)
    calls = other_clients.Calls(
        method="PATCH",
        url=server.persons,
        paths=[f"{uuid}/" for uuid in product.uuids(persons)],
        body=msgspec.json.encode({"properties": UPDATED}),
    )
    send(arguments, calls, lambda: server.arm(requests=persons))
    return _measured(arguments, server.span())


CONTENDERS = {
    "posthog-bulk": _job,
    "aiohttp": partial(
        _other_client,
        send=lambda arguments, calls, ready: run(
            other_clients.aiohttp_workers(calls, arguments["workers"], ready), arguments["loop"]
        ),
    ),
    "requests-threads": partial(
        _other_client,
        send=lambda arguments, calls, ready: other_clients.requests_threads(calls, arguments["workers"], ready),
    ),
    "requests-loop": partial(_other_client, send=lambda _, calls, ready: other_clients.requests_loop(calls, ready)),
    "httpx": partial(
        _other_client,
        send=lambda arguments, calls, ready: run(
            other_clients.httpx_stack(calls, arguments["workers"], ready), arguments["loop"]
        ),
    ),
}
