"""Listing: how fast all persons are listed, against bare aiohttp that decodes the same bytes into the same objects.

Pages are requested one after the other, as a complete listing requires. The server caches its pages and responds at
once; but client and server still wait for each other, so the CPU time per person is the steadier figure.
"""

import time
from functools import partial
from typing import Any

from benchmarks.contenders import other_clients, product
from benchmarks.contenders.event_loops import run
from benchmarks.figures import Check, Result, ratio, row_of
from benchmarks.harness import Bench, Entry
from benchmarks.servers.server_control import ServerControl

ASKS = "How fast are all persons listed, page by page, and does memory use stay flat?"
PERSONS, SMOKE_PERSONS = 20_000, 2_000
TIMES, SMOKE_TIMES = 10, 1
MANY, FEW = 1_000_000, 10_000
SMOKE_MANY, SMOKE_FEW = 5_000, 1_000
FIGURES = ("persons_s", "pages_s", "cpu_us_person", "peak_mb")


def measure(bench: Bench) -> Result:
    """List with pages of 100 and 1,000, then a million persons."""
    says = {"persons": bench.size(PERSONS, SMOKE_PERSONS), "times": bench.size(TIMES, SMOKE_TIMES)}
    entries, checks = [], []
    for size in (100, 1_000):
        entries += [
            Entry(label=f"{what}, pages of {size:,}", name=name, arguments={"page_size": size})
            for what, name in (
                ("posthog-bulk", "iter"),
                ("aiohttp + msgspec", "aiohttp"),
                ("posthog-bulk, IDs only", "refs"),
                ("posthog-bulk, objects as sent", "raw"),
            )
        ]
    many, few = bench.size(MANY, SMOKE_MANY), bench.size(FEW, SMOKE_FEW)
    with bench.server() as url:
        rows = bench.compare("listing", entries, {"url": url, **says}, figures=FIGURES)
        flat = bench.compare(
            "listing",
            [
                Entry(
                    label=f"posthog-bulk, {count:,} persons, pages of 1,000", name="iter", arguments={"persons": count}
                )
                for count in (few, many)
            ],
            {"url": url, "times": 1, "page_size": 1_000},
            figures=FIGURES,
            warm_up=False,
            max_repeats=2,
        )
    for size in (100, 1_000):
        mine, bare = f"posthog-bulk, pages of {size:,}", f"aiohttp + msgspec, pages of {size:,}"
        checks.append(
            Check(what=f"pages of {size:,}: persons/s against bare aiohttp and msgspec",
                  value=ratio(rows, mine, bare, "persons_s"), bound=0.9, sense=">=")
        )  # fmt: skip
        checks.append(
            Check(what=f"pages of {size:,}: IDs only against whole persons, persons/s",
                  value=ratio(rows, f"posthog-bulk, IDs only, pages of {size:,}", mine, "persons_s"),
                  bound=1.0, sense=">=")
        )  # fmt: skip
    less, more = (row_of(flat, row.contender).median("peak_mb") for row in flat)
    checks.append(
        Check(what=f"{many:,} persons: more memory than {few:,}, bytes per person",
              value=(more - less) * 1e6 / (many - few), bound=16, sense="<=")
    )  # fmt: skip
    note = (
        "A page of 100 persons is 150 kB. The product's pages overlap by three rows, so that shifted rows "
        "are detected, and it remembers every person that it has yielded, so that none is yielded twice."
    )
    return Result(question="listing", asks=ASKS, rows=[*rows, *flat], checks=checks, notes=[note])


def _list(arguments: dict[str, Any], listing: Any) -> dict[str, float]:
    server, persons = ServerControl(arguments["url"]), arguments["persons"]
    if server.state()["count"] != persons:
        server.reset(persons=persons)
    found, pages, wall_s, cpu_s = run(listing(arguments))
    if found != persons * arguments["times"]:
        raise RuntimeError(f"{found} persons were listed instead of {persons * arguments['times']}")
    return {"persons_s": found / wall_s, "pages_s": pages / wall_s, "cpu_us_person": cpu_s * 1e6 / found}


async def _ours(arguments: dict[str, Any], method: str) -> tuple[int, int, float, float]:
    from asyncclient import RequestFinished

    found, pages = 0, 0

    def count(event: Any) -> None:
        nonlocal pages
        pages += isinstance(event, RequestFinished)

    async with product.client(arguments["url"]) as client:
        await client.settle_prefix()
        listing = getattr(client.observed(count).persons, method)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(arguments["times"]):
            async for _ in listing(page_size=arguments["page_size"]):
                found += 1
        return found, pages, time.perf_counter() - wall, time.process_time() - cpu


async def _bare(arguments: dict[str, Any]) -> tuple[int, int, float, float]:
    import aiohttp
    import msgspec

    from asyncclient import Page, Person

    decode = msgspec.json.Decoder(Page[Person]).decode
    first = f"{arguments['url']}/api/projects/1/persons/?limit={arguments['page_size']}"
    found = pages = 0
    async with aiohttp.ClientSession(headers=other_clients.HEADERS) as session:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(arguments["times"]):
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
