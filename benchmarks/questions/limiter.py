"""Rate limiter: how much of PostHog's limits it uses, and what it costs per request.

First two hours in virtual time against the throttle classes of Django REST framework, which PostHog uses; the other
limiter waits after a 429 for as long as the server asks. Then the CPU time of a request that need not wait.
"""

import asyncio
import time
from random import Random
from types import SimpleNamespace
from typing import Any

from benchmarks.contenders.event_loops import run
from benchmarks.figures import Check, Result, row_of
from benchmarks.harness import Bench, Entry

ASKS = "How much of the hourly limit is used, with how many 429s, and what does the limiter cost per request?"
RATES = {"burst": "480/min", "sustained": "4800/hour"}
HOURS, SMOKE_HOURS = 2.0, 0.05
WORKERS = 32
LATENCY_S = (0.02, 0.2)
PERMITS, SMOKE_PERMITS = 200_000, 2_000
PLENTY = 1_000_000_000


def measure(bench: Bench) -> Result:
    """Use the limits up, then pass limits that never block."""
    hours = SMOKE_HOURS if bench.smoke else HOURS
    used = bench.compare(
        "limiter",
        [Entry(label="posthog-bulk", name="use-ours"), Entry(label="two AsyncLimiters", name="use-aiolimiter")],
        {"hours": hours},
        figures=("used", "refused"),
        warm_up=False,
        max_repeats=1,  # the same each time
    )
    cost = bench.compare(
        "limiter",
        [
            Entry(label="posthog-bulk, limits that never block", name="pass-ours", arguments={"off": False}),
            Entry(label="posthog-bulk, limits off", name="pass-ours", arguments={"off": True}),
            Entry(label="AsyncLimiter that never blocks", name="pass-aiolimiter"),
        ],
        {"permits": bench.size(PERMITS, SMOKE_PERMITS)},
        figures=("us",),
    )
    mine = row_of(used, "posthog-bulk")
    return Result(
        question="limiter",
        asks=ASKS,
        rows=[*used, *cost],
        checks=[
            Check(what="share of the hourly limit used", value=mine.median("used"), bound=0.98, sense=">="),
            Check(what="429s", value=mine.median("refused"), bound=0, sense="<="),
            Check(what="µs per request", value=row_of(cost, cost[0].contender).median("us"), bound=10, sense="<="),
        ],
        notes=[f"{WORKERS} workers, responses after {LATENCY_S[0]:g} to {2 * LATENCY_S[1]:g} s, {hours:g} hours."],
    )


class Oracle:
    """A server that counts requests as PostHog does and responds after a random time."""

    def __init__(self) -> None:
        from django.conf import settings

        settings.configure(CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}})
        from rest_framework.throttling import SimpleRateThrottle

        class Throttle(SimpleRateThrottle):
            THROTTLE_RATES = RATES

            def __init__(self, scope: str) -> None:
                self.scope = scope
                super().__init__()

            def timer(self) -> float:
                return asyncio.get_running_loop().time()

            def get_cache_key(self, _request: Any, _view: Any) -> str:
                return self.scope

        self._throttles = [Throttle(scope) for scope in RATES]
        self._random = Random(1)
        self.allowed = self.refused = 0

    async def respond(self) -> float:
        """Handle a request and return how many seconds to wait before the next one, 0 if it was allowed."""
        before, after = (self._random.uniform(*LATENCY_S) for _ in range(2))
        await asyncio.sleep(before)
        wait_s = 0.0
        for throttle in self._throttles:
            if not throttle.allow_request(SimpleNamespace(), None):
                wait_s = max(wait_s, throttle.wait() or 1.0)
        self.allowed += not wait_s
        self.refused += wait_s > 0
        await asyncio.sleep(after)
        return wait_s


async def _use(arguments: dict[str, Any], make: Any) -> dict[str, float]:
    loop, oracle = asyncio.get_running_loop(), Oracle()
    until = loop.time() + arguments["hours"] * 3600 - 1
    request = make(oracle)

    async def work() -> None:
        while loop.time() < until:
            await request()

    tasks = [asyncio.create_task(work()) for _ in range(WORKERS)]
    await asyncio.sleep(until - loop.time())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # part of an hour allows its minutes, up to the hourly limit
    minutes, hours = round(arguments["hours"] * 60), arguments["hours"]
    allowance = min(480 * minutes, 4800 * max(1, int(hours)))
    return {"used": oracle.allowed / allowance, "refused": oracle.refused}


def _ours(oracle: Oracle) -> Any:
    from asyncclient import Bucket, Limits, RateLimits

    limits = Limits(RateLimits.posthog(), clock=asyncio.get_running_loop().time)

    async def request() -> None:
        async with limits.permit(Bucket.DELETES) as permit:
            permit.mark_sent()
            await oracle.respond()

    return request


def _aiolimiters(oracle: Oracle) -> Any:
    from aiolimiter import AsyncLimiter

    minute, hour = AsyncLimiter(480, 60), AsyncLimiter(4800, 3600)

    async def request() -> None:
        async with hour, minute:
            wait_s = await oracle.respond()
        if wait_s:
            await asyncio.sleep(wait_s)

    return request


async def _pass_ours(arguments: dict[str, Any]) -> dict[str, float]:
    from asyncclient import Bucket, Limits, RateLimits

    plenty = RateLimits(deletes_per_minute=PLENTY, deletes_per_hour=PLENTY)
    limits = Limits(RateLimits.off() if arguments["off"] else plenty)
    start = time.process_time()
    for _ in range(arguments["permits"]):
        async with limits.permit(Bucket.DELETES) as permit:
            permit.mark_sent()
    return {"us": (time.process_time() - start) * 1e6 / arguments["permits"]}


async def _pass_aiolimiter(arguments: dict[str, Any]) -> dict[str, float]:
    from aiolimiter import AsyncLimiter

    limiter = AsyncLimiter(PLENTY, 60)
    start = time.process_time()
    for _ in range(arguments["permits"]):
        async with limiter:
            pass
    return {"us": (time.process_time() - start) * 1e6 / arguments["permits"]}


CONTENDERS = {
    "use-ours": lambda arguments: run(_use(arguments, _ours), "virtual"),
    "use-aiolimiter": lambda arguments: run(_use(arguments, _aiolimiters), "virtual"),
    "pass-ours": lambda arguments: run(_pass_ours(arguments)),
    "pass-aiolimiter": lambda arguments: run(_pass_aiolimiter(arguments)),
}
