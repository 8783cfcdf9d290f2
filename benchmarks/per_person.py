"""A call a person: how many a second, and what each costs, with every call noted on disk before it leaves.

Properties are set by REST, limits off. Measured by the server, from the first PATCH to the last one's answer: the
job's planning and reading back are outside; its reading of every person before it is sent to is inside.
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

ASKS = "How many persons a second does a job update by REST, one call each, against other ways to send the same calls?"
WORKERS = 32
PERSONS, SLOW_PERSONS, SMOKE_PERSONS = 64_000, 6_000, 300
"""In a full run, for rivals that are several times slower, and in a smoke run."""


def measure(bench: Bench) -> Result:
    """Run them all."""
    many, few = bench.size(PERSONS, SMOKE_PERSONS), bench.size(SLOW_PERSONS, SMOKE_PERSONS)
    entries = [
        *(Entry(label=f"{name}, {loop}", name=name, says={"loop": loop, "persons": many})
          for loop in ("asyncio", "uvloop") for name in ("posthog-bulk", "aiohttp")),
        Entry(label="requests, 32 threads", name="requests-threads", says={"persons": few}),
        Entry(label="requests, a loop", name="requests-loop", says={"persons": few}),
        Entry(label="httpx + aiolimiter + tenacity", name="httpx", says={"persons": few, "loop": "asyncio"}),
    ]  # fmt: skip
    with bench.server() as url:
        rows = bench.contest("per_person", entries, {"url": url, "workers": WORKERS})
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
        "within the measured span; server busy is the share of that span in which the server's process had a processor."
    )
    return Result(question="per_person", asks=ASKS, rows=rows, checks=checks, notes=[note])


def _measured(said: dict[str, Any], told: dict[str, Any]) -> dict[str, float]:
    persons = said["persons"]
    return {
        "persons_s": persons / told["wall_s"],
        "cpu_ms_person": told["cpu_s"] * 1000 / persons,
        "server_busy": told["server_busy"],
    }


def _job(said: dict[str, Any]) -> dict[str, float]:
    from bulk import ByPersonIds, UpdateProperties

    lab, persons = Lab(said["url"]), said["persons"]
    lab.reset(persons=persons)
    operation = UpdateProperties(properties=UPDATED, route="rest")
    selection = ByPersonIds(ours.uuids(persons))
    job = ours.job(
        said["url"],
        operation,
        selection,
        Path(said["folder"]),
        workers=said["workers"],
        planned=lambda: lab.arm(requests=persons),
    )
    run(job, said["loop"])
    if (changed := lab.state()["changed"]) != persons:
        raise RuntimeError(f"{changed} of {persons} persons changed")
    return _measured(said, lab.span())


def _rival(said: dict[str, Any], send: Any) -> dict[str, float]:
    lab, persons = Lab(said["url"]), said["persons"]
    lab.reset(persons=persons)
    calls = rivals.Calls(
        method="PATCH",
        url=lab.persons,
        paths=[f"{uuid}/" for uuid in ours.uuids(persons)],
        body=msgspec.json.encode({"properties": UPDATED}),
    )
    send(said, calls, lambda: lab.arm(requests=persons))
    return _measured(said, lab.span())


CONTENDERS = {
    "posthog-bulk": _job,
    "aiohttp": partial(
        _rival, send=lambda said, calls, ready: run(rivals.aiohttp_workers(calls, said["workers"], ready), said["loop"])
    ),
    "requests-threads": partial(
        _rival, send=lambda said, calls, ready: rivals.requests_threads(calls, said["workers"], ready)
    ),
    "requests-loop": partial(_rival, send=lambda _, calls, ready: rivals.requests_loop(calls, ready)),
    "httpx": partial(
        _rival, send=lambda said, calls, ready: run(rivals.httpx_stack(calls, said["workers"], ready), said["loop"])
    ),
}
