"""The rate limits against Django REST framework's own throttle classes, in virtual time (guarantee 13)."""

import asyncio
from random import Random

import pytest
from drf_throttles import Throttles
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run_virtual

from asyncclient import Bucket, InvalidArgument, Limits, RateLimits

HOUR_S = 3600.0


class Oracle:
    """A server that counts as PostHog does and responds after a random time."""

    def __init__(self, rates: dict[str, str], random: Random, latency: tuple[float, float]) -> None:
        self._throttles = Throttles(rates, lambda: asyncio.get_running_loop().time())
        self._random = random
        self._latency = latency
        self.allowed = self.refused = 0

    async def response(self) -> None:
        before, after = (self._random.uniform(*self._latency) for _ in range(2))
        await asyncio.sleep(before)
        if self._throttles.wait_s() is None:
            self.allowed += 1
        else:
            self.refused += 1
        await asyncio.sleep(after)


async def use_up(limits: Limits, oracle: Oracle, *, until: float, workers: int = 32) -> None:
    """Make as many requests as the limits allow until a time of the loop's clock."""
    loop = asyncio.get_running_loop()

    async def worker() -> None:
        while loop.time() < until:
            async with limits.permit(Bucket.DELETES) as permit:
                permit.mark_sent()
                await oracle.response()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await asyncio.sleep(until - loop.time())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def live(rates: RateLimits) -> Limits:
    return Limits(rates, clock=asyncio.get_running_loop().time)


POSTHOG = {"burst": "480/min", "sustained": "4800/hour"}


@pytest.mark.slow
@pytest.mark.parametrize("latency", [(0.0, 0.01), (0.02, 0.2), (0.0, 8.0)])
def test_two_hours_use_the_allowance_and_never_exceed_it(latency: tuple[float, float]) -> None:
    async def main() -> Oracle:
        oracle = Oracle(POSTHOG, Random(1), latency)
        start = asyncio.get_running_loop().time()
        await use_up(live(RateLimits.posthog()), oracle, until=start + 2 * HOUR_S - 1)
        return oracle

    oracle = run_virtual(main())
    assert oracle.refused == 0
    assert oracle.allowed >= 0.98 * 9600


@pytest.mark.slow
def test_restarts_within_the_hour_lose_no_knowledge() -> None:
    async def main() -> Oracle:
        oracle = Oracle(POSTHOG, Random(2), (0.0, 0.5))
        loop = asyncio.get_running_loop()
        start, ages = loop.time(), []
        for end in (100.0, 400.0, 900.0, 3700.0, 7199.0):
            limits = live(RateLimits.posthog())
            limits.charge(Bucket.DELETES, ages)
            await use_up(limits, oracle, until=start + end)
            recent = limits.recent(Bucket.DELETES)
            await asyncio.sleep(2.0)  # the process is away
            ages = [age + 2.0 for age in recent]
        return oracle

    oracle = run_virtual(main())
    assert oracle.refused == 0
    assert oracle.allowed >= 0.98 * 9600


def test_twelve_hundred_calls_take_no_more_than_five_percent_over_the_ideal() -> None:
    async def main() -> tuple[float, Oracle]:
        loop = asyncio.get_running_loop()
        oracle, limits, start = Oracle(POSTHOG, Random(3), (0.001, 0.02)), live(RateLimits.posthog()), loop.time()
        left = iter(range(1200))

        async def worker() -> None:
            for _ in left:
                async with limits.permit(Bucket.DELETES) as permit:
                    permit.mark_sent()
                    await oracle.response()

        await asyncio.gather(*(worker() for _ in range(8)))
        return loop.time() - start, oracle

    took, oracle = run_virtual(main())
    assert oracle.refused == 0
    assert oracle.allowed == 1200
    assert 120.0 <= took <= 126.0


@pytest.mark.slow
@given(
    burst=st.integers(1, 20),
    sustained=st.integers(1, 60),
    workers=st.integers(1, 8),
    latency=st.floats(0.0, 20.0),
    seed=st.integers(0, 1000),
    pauses=st.lists(st.floats(1.0, 2000.0), max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_limits_latencies_and_restarts_nothing_is_refused(
    burst: int, sustained: int, workers: int, latency: float, seed: int, pauses: list[float]
) -> None:
    rates = RateLimits(deletes_per_minute=burst, deletes_per_hour=sustained)

    async def main() -> Oracle:
        oracle = Oracle({"burst": f"{burst}/min", "sustained": f"{sustained}/hour"}, Random(seed), (0.0, latency))
        loop = asyncio.get_running_loop()
        ages: list[float] = []
        for stay in [*pauses, 5000.0]:
            limits = live(rates)
            limits.charge(Bucket.DELETES, ages)
            await use_up(limits, oracle, until=loop.time() + stay, workers=workers)
            ages = limits.recent(Bucket.DELETES)
        return oracle

    assert run_virtual(main()).refused == 0


def test_requests_of_other_processes_count_until_their_window_is_over() -> None:
    limits = Limits(RateLimits.posthog(), clock=lambda: 10_000.0)
    limits.charge(Bucket.DELETES, [0.0] * 480 + [100.0] * 1000 + [4000.0] * 7)
    assert [(window.used, round(window.frees_in_s)) for window in limits.budget(Bucket.DELETES)] == [
        (480, 60),
        (1480, 0),
    ]
    assert limits.eta_s(Bucket.DELETES, 1) == pytest.approx(60.05)
    assert limits.eta_s(Bucket.OTHERS, 240) == 0.0


async def enter(limits: Limits) -> None:
    async with limits.permit(Bucket.OTHERS):
        pass


def test_limits_that_are_off_keep_the_log_of_an_hour_and_still_pause() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.off(), clock=loop.time)
        for _ in range(100):
            async with limits.permit(Bucket.OTHERS) as permit:
                permit.mark_sent()
        assert (len(limits.recent(Bucket.OTHERS)), limits.budget(Bucket.OTHERS)) == (100, [])
        limits.pause(Bucket.OTHERS, 7.0)
        began = loop.time()
        await enter(limits)
        assert loop.time() - began >= 7.0

    run_virtual(main())


def test_an_hour_is_handed_on_though_only_a_minute_is_limited() -> None:
    now = [10_000.0]
    limits = Limits(RateLimits.posthog(), clock=lambda: now[0])
    limits.charge(Bucket.OTHERS, [10.0, 100.0, 3000.0, 3700.0])
    now[0] += 500.0
    assert limits.recent(Bucket.OTHERS) == [3500.0, 600.0, 510.0]
    assert [window.used for window in limits.budget(Bucket.OTHERS)] == [0]


def test_no_more_is_handed_on_than_a_plan_can_hold_unless_the_limits_allow_more() -> None:
    for hourly, handed_on in ((4800, 20_000), (25_000, 25_000)):
        limits = Limits(RateLimits(deletes_per_minute=None, deletes_per_hour=hourly), clock=lambda: 1000.0)
        limits.charge(Bucket.DELETES, [1.0] * 30_000)
        assert len(limits.recent(Bucket.DELETES)) == handed_on


def test_limits_per_user_are_the_same_for_deletions_and_the_other_calls() -> None:
    with pytest.raises(InvalidArgument, match="give deletes and others the same"):
        RateLimits(per_user=True)
    one = RateLimits(deletes_per_minute=9, deletes_per_hour=None, others_per_minute=9, per_user=True)
    assert one.windows(Bucket.OTHERS) == {60.0: 9}


def test_deletions_of_a_user_count_together_with_other_calls_and_are_recorded_separately() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.user(), clock=loop.time)
        for bucket, times in ((Bucket.DELETES, 100), (Bucket.OTHERS, 80)):
            for _ in range(times):
                async with limits.permit(bucket) as permit:
                    permit.mark_sent()
        assert [(each.limit, each.used) for each in limits.budget(Bucket.DELETES)] == [(180, 180), (1200, 180)]
        assert limits.budget(Bucket.OTHERS) == limits.budget(Bucket.DELETES)
        assert [len(limits.recent(bucket)) for bucket in (Bucket.DELETES, Bucket.OTHERS)] == [100, 80]
        began = loop.time()
        await enter(limits)
        assert loop.time() - began > 50.0

    run_virtual(main())
