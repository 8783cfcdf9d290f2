"""Listing persons: how quickly, against bare aiohttp that decodes the same bytes into the same objects.

One page is asked for after the other, as any complete listing must. The server keeps its pages, so that it answers at
once; still, client and server take turns here, and the processor time a person is the steadier figure.
"""

import time
from functools import partial
from typing import Any

from benchmarks import ours, rivals
from benchmarks.figures import Check, Result, ratio, row_of
from benchmarks.harness import Bench, Entry
from benchmarks.lab import Lab
from benchmarks.loops import run

ASKS = "How quickly are all persons listed, page by page, and does the memory stay flat?"
PERSONS, SMOKE_PERSONS = 20_000, 2_000
TIMES, SMOKE_TIMES = 10, 1
MANY, FEW = 1_000_000, 10_000
SMOKE_MANY, SMOKE_FEW = 5_000, 1_000
FIGURES = ("persons_s", "pages_s", "cpu_us_person", "peak_mb")


def measure(bench: Bench) -> Result:
    """List with pages of 100 and 1,000, then very many."""
    says = {"persons": bench.size(PERSONS, SMOKE_PERSONS), "times": bench.size(TIMES, SMOKE_TIMES)}
    entries, checks = [], []
    for size in (100, 1_000):
        entries += [
            Entry(label=f"{what}, pages of {size:,}", name=name, says={"page_size": size})
            for what, name in (
                ("posthog-bulk", "iter"),
                ("aiohttp + msgspec", "aiohttp"),
                ("posthog-bulk, ids only", "refs"),
                ("posthog-bulk, objects as sent", "raw"),
            )
        ]
    many, few = bench.size(MANY, SMOKE_MANY), bench.size(FEW, SMOKE_FEW)
    with bench.server() as url:
        rows = bench.contest("listing", entries, {"url": url, **says}, figures=FIGURES)
        flat = bench.contest(
            "listing",
            [
                Entry(label=f"posthog-bulk, {count:,} persons, pages of 1,000", name="iter", says={"persons": count})
                for count in (few, many)
            ],
            {"url": url, "times": 1, "page_size": 1_000},
            figures=FIGURES,
            warm_up=False,
            most_repeats=2,
        )
    for size in (100, 1_000):
        mine, bare = f"posthog-bulk, pages of {size:,}", f"aiohttp + msgspec, pages of {size:,}"
        checks.append(
            Check(what=f"pages of {size:,}: persons/s against bare aiohttp and msgspec",
                  value=ratio(rows, mine, bare, "persons_s"), bound=0.9, sense=">=")
        )  # fmt: skip
        checks.append(
            Check(what=f"pages of {size:,}: ids only against whole persons, persons/s",
                  value=ratio(rows, f"posthog-bulk, ids only, pages of {size:,}", mine, "persons_s"),
                  bound=1.0, sense=">=")
        )  # fmt: skip
    less, more = (row_of(flat, row.contender).median("peak_mb") for row in flat)
    checks.append(
        Check(what=f"{many:,} persons: more memory than {few:,}, bytes per person",
              value=(more - less) * 1e6 / (many - few), bound=16, sense="<=")
    )  # fmt: skip
    note = (
        "A page of 100 persons is 150 kB. The product's pages overlap by three rows, so that rows that shift are "
        "noticed, and it keeps every person that it has yielded, so that none comes twice."
    )
    return Result(question="listing", asks=ASKS, rows=[*rows, *flat], checks=checks, notes=[note])


def _list(said: dict[str, Any], listing: Any) -> dict[str, float]:
    lab, persons = Lab(said["url"]), said["persons"]
    if lab.state()["count"] != persons:
        lab.reset(persons=persons)
    found, pages, wall_s, cpu_s = run(listing(said))
    if found != persons * said["times"]:
        raise RuntimeError(f"{found} persons were listed where there are {persons * said['times']}")
    return {"persons_s": found / wall_s, "pages_s": pages / wall_s, "cpu_us_person": cpu_s * 1e6 / found}


async def _ours(said: dict[str, Any], method: str) -> tuple[int, int, float, float]:
    from asyncclient import RequestFinished

    found, pages = 0, 0

    def count(event: Any) -> None:
        nonlocal pages
        pages += isinstance(event, RequestFinished)

    async with ours.client(said["url"]) as client:
        await client.settle_prefix()
        listing = getattr(client.observed(count).persons, method)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(said["times"]):
            async for _ in listing(page_size=said["page_size"]):
                found += 1
        return found, pages, time.perf_counter() - wall, time.process_time() - cpu


async def _bare(said: dict[str, Any]) -> tuple[int, int, float, float]:
    import aiohttp
    import msgspec

    from asyncclient import Page, Person

    decode = msgspec.json.Decoder(Page[Person]).decode
    first = f"{said['url']}/api/projects/1/persons/?limit={said['page_size']}"
    found = pages = 0
    async with aiohttp.ClientSession(headers=rivals.HEADERS) as session:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(said["times"]):
            url: str | None = first
            while url is not None:
                async with session.get(url) as response:
                    page = decode(await response.read())
                pages += 1
                for _ in page.results:
                    found += 1
                url = page.next
        return found, pages, time.perf_counter() - wall, time.process_time() - cpu


CONTENDERS = {
    **{
        name: partial(_list, listing=partial(_ours, method=method))
        for name, method in (("iter", "iter"), ("refs", "iter_refs"), ("raw", "iter_raw"))
    },
    "aiohttp": partial(_list, listing=_bare),
}
