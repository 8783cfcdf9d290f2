"""The rate limits: how much of what PostHog allows is used, and what passing them costs.

Two hours in virtual time against the throttle classes of Django REST framework, which PostHog uses; a rival sleeps
for as long as the server asks when it is answered 429. Then the processor time of a request that has not to wait.
"""

import asyncio
import time
from random import Random
from types import SimpleNamespace
from typing import Any

from benchmarks.figures import Check, Result, row_of
from benchmarks.harness import Bench, Entry
from benchmarks.loops import run

ASKS = "Is the hourly allowance used to the full without a single 429, and what does it cost a request?"
RATES = {"burst": "480/min", "sustained": "4800/hour"}
HOURS, SMOKE_HOURS = 2.0, 0.05
WORKERS = 32
LATENCY_S = (0.02, 0.2)
SLOTS, SMOKE_SLOTS = 200_000, 2_000
PLENTY = 1_000_000_000


def measure(bench: Bench) -> Result:
    """Use up the allowance, then pass the limits unhindered."""
    hours = SMOKE_HOURS if bench.smoke else HOURS
    used = bench.contest(
        "limiter",
        [Entry(label="posthog-bulk", name="use-ours"), Entry(label="two AsyncLimiters", name="use-aiolimiter")],
        {"hours": hours},
        figures=("used", "refused"),
        warm_up=False,
        most_repeats=1,  # the same each time
    )
    cost = bench.contest(
        "limiter",
        [
            Entry(label="posthog-bulk, limits that do not bind", name="pass-ours", says={"off": False}),
            Entry(label="posthog-bulk, limits off", name="pass-ours", says={"off": True}),
            Entry(label="AsyncLimiter that does not bind", name="pass-aiolimiter"),
        ],
        {"slots": bench.size(SLOTS, SMOKE_SLOTS)},
        figures=("us",),
    )
    mine = row_of(used, "posthog-bulk")
    return Result(
        question="limiter",
        asks=ASKS,
        rows=[*used, *cost],
        checks=[
            Check(what="share of the hourly allowance", value=mine.median("used"), bound=0.98, sense=">="),
            Check(what="429s", value=mine.median("refused"), bound=0, sense="<="),
            Check(what="µs a request", value=row_of(cost, cost[0].contender).median("us"), bound=10, sense="<="),
        ],
        notes=[f"{WORKERS} workers, answers after {LATENCY_S[0]:g} to {2 * LATENCY_S[1]:g} s, {hours:g} hours."],
    )


class Oracle:
    """A server that counts as PostHog does and answers after a random time."""

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

    async def answer(self) -> float:
        """Take a request; returns how many seconds to wait before the next one, 0 when it was allowed."""
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


async def _use(said: dict[str, Any], make: Any) -> dict[str, float]:
    loop, oracle = asyncio.get_running_loop(), Oracle()
    until = loop.time() + said["hours"] * 3600 - 1
    request = make(oracle)

    async def work() -> None:
        while loop.time() < until:
            await request()

    tasks = [asyncio.create_task(work()) for _ in range(WORKERS)]
    await asyncio.sleep(until - loop.time())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # what is allowed in so many hours; a part of one has its minutes' worth, up to the hour's
    minutes, hours = round(said["hours"] * 60), said["hours"]
    allowance = min(480 * minutes, 4800 * max(1, int(hours)))
    return {"used": oracle.allowed / allowance, "refused": oracle.refused}


def _ours(oracle: Oracle) -> Any:
    from asyncclient import Bucket, Limits, RateLimits

    limits = Limits(RateLimits.posthog(), clock=asyncio.get_running_loop().time)

    async def request() -> None:
        async with limits.permit(Bucket.DELETES) as permit:
            permit.mark_sent()
            await oracle.answer()

    return request


def _aiolimiters(oracle: Oracle) -> Any:
    from aiolimiter import AsyncLimiter

    minute, hour = AsyncLimiter(480, 60), AsyncLimiter(4800, 3600)

    async def request() -> None:
        async with hour, minute:
            wait_s = await oracle.answer()
        if wait_s:
            await asyncio.sleep(wait_s)

    return request


async def _pass_ours(said: dict[str, Any]) -> dict[str, float]:
    from asyncclient import Bucket, Limits, RateLimits

    plenty = RateLimits(deletes_per_minute=PLENTY, deletes_per_hour=PLENTY)
    limits = Limits(RateLimits.off() if said["off"] else plenty)
    start = time.process_time()
    for _ in range(said["slots"]):
        async with limits.permit(Bucket.DELETES) as permit:
            permit.mark_sent()
    return {"us": (time.process_time() - start) * 1e6 / said["slots"]}


async def _pass_aiolimiter(said: dict[str, Any]) -> dict[str, float]:
    from aiolimiter import AsyncLimiter

    limiter = AsyncLimiter(PLENTY, 60)
    start = time.process_time()
    for _ in range(said["slots"]):
        async with limiter:
            pass
    return {"us": (time.process_time() - start) * 1e6 / said["slots"]}


CONTENDERS = {
    "use-ours": lambda said: run(_use(said, _ours), "virtual"),
    "use-aiolimiter": lambda said: run(_use(said, _aiolimiters), "virtual"),
    "pass-ours": lambda said: run(_pass_ours(said)),
    "pass-aiolimiter": lambda said: run(_pass_aiolimiter(said)),
}
