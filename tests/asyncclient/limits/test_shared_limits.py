"""Processes that share a limits file, against Django REST framework's own throttles (guarantee 13)."""

import asyncio
import os
from pathlib import Path
from random import Random

import pytest
from drf_throttles import Throttles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_time import run_virtual

from asyncclient import Bucket, InvalidArgument, Limits, LimitsFileError, RateLimits

KEY = "phx_0123456789abcdef"
HOUR_S = 3600.0
POSTHOG = {"burst": "480/min", "sustained": "4800/hour"}


class Oracle:
    """A server that counts as PostHog does and responds after a random time."""

    def __init__(self, rates: dict[str, str], random: Random, latency_s: float) -> None:
        self._throttles = Throttles(rates, lambda: asyncio.get_running_loop().time())
        self._random = random
        self._latency_s = latency_s
        self.allowed = self.refused = 0

    async def response(self) -> None:
        await asyncio.sleep(self._random.uniform(0, self._latency_s))
        if self._throttles.wait_s() is None:
            self.allowed += 1
        else:
            self.refused += 1
        await asyncio.sleep(self._random.uniform(0, self._latency_s))


def join(path: Path, rates: RateLimits | None = None, *, key: str = KEY) -> Limits:
    """Return the limits as another process opens them."""
    limits = Limits(rates, file=path, clock=asyncio.get_running_loop().time)
    limits.open(key)
    return limits


async def use_up(limits: Limits, oracle: Oracle, *, for_s: float, workers: int = 8) -> None:
    async def worker() -> None:
        while True:
            async with limits.permit(Bucket.DELETES) as permit:
                permit.mark_sent()
                await oracle.response()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await asyncio.sleep(for_s)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.slow
@pytest.mark.parametrize("latency_s", [0.01, 0.2, 4.0])
def test_several_processes_use_the_allowance_of_a_key_and_never_exceed_it(tmp_path: Path, latency_s: float) -> None:
    async def main() -> Oracle:
        oracle = Oracle(POSTHOG, Random(1), latency_s)
        joined = [join(tmp_path / "limits") for _ in range(3)]
        await asyncio.gather(*(use_up(limits, oracle, for_s=2 * HOUR_S - 1) for limits in joined))
        return oracle

    oracle = run_virtual(main())
    assert oracle.refused == 0
    assert oracle.allowed >= 0.95 * 9600


@pytest.mark.slow
@given(
    burst=st.integers(1, 20),
    sustained=st.integers(1, 60),
    latency_s=st.floats(0.0, 20.0),
    seed=st.integers(0, 1000),
    stays=st.lists(st.lists(st.floats(1.0, 2000.0), min_size=1, max_size=3), min_size=1, max_size=3),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_limits_latencies_and_restarts_nothing_is_refused(
    tmp_path: Path, burst: int, sustained: int, latency_s: float, seed: int, stays: list[list[float]]
) -> None:
    rates = RateLimits(deletes_per_minute=burst, deletes_per_hour=sustained)
    path = tmp_path / f"limits{Random(seed).random()}{os.urandom(4).hex()}"

    async def main() -> Oracle:
        oracle = Oracle({"burst": f"{burst}/min", "sustained": f"{sustained}/hour"}, Random(seed), latency_s)

        async def process(lives: list[float]) -> None:
            for stay_s in lives:  # started again without knowing anything but the file
                await use_up(join(path, rates), oracle, for_s=stay_s, workers=3)

        await asyncio.gather(*(process(lives) for lives in stays))
        return oracle

    assert run_virtual(main()).refused == 0


def test_a_request_in_flight_elsewhere_counts_and_a_returned_permit_does_not(tmp_path: Path) -> None:
    async def main() -> list[float]:
        rates, loop = RateLimits(deletes_per_minute=1, deletes_per_hour=None), asyncio.get_running_loop()
        first, second = join(tmp_path / "limits", rates), join(tmp_path / "limits", rates)
        start, times = loop.time(), []
        permit = first.permit(Bucket.DELETES)
        assert permit.take_at_once() or await permit.take() is None

        async def ask() -> None:
            async with second.permit(Bucket.DELETES) as asked:
                asked.mark_sent()
                times.append(loop.time() - start)

        task = asyncio.create_task(ask())
        await asyncio.sleep(20)
        permit.release()  # not sent
        await task
        async with first.permit(Bucket.DELETES) as again:
            again.mark_sent()
            times.append(loop.time() - start)
        return times

    second_s, third_s = run_virtual(main())
    assert 20 <= second_s <= 25.1
    assert third_s == pytest.approx(second_s + 60, abs=0.2)


def test_a_pause_and_a_lowered_limit_hold_for_every_process(tmp_path: Path) -> None:
    async def main() -> tuple[float, list[int]]:
        first, second = join(tmp_path / "limits"), join(tmp_path / "limits")
        for limits in (first, second):
            for _ in range(30):
                async with limits.permit(Bucket.OTHERS) as permit:
                    permit.mark_sent()
        await asyncio.sleep(30)
        assert first.pause(Bucket.OTHERS, 20.0)
        lowered = first.lower(Bucket.OTHERS, 20.0)
        assert [each.new for each in lowered] == [120]
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with second.permit(Bucket.OTHERS) as permit:
            permit.mark_sent()
        paused_s = loop.time() - start
        third = join(tmp_path / "limits")
        return paused_s, [limits.budget(Bucket.OTHERS)[0].limit for limits in (first, second, third)]

    paused_s, limits = run_virtual(main())
    assert paused_s == pytest.approx(20, abs=0.1)
    assert limits == [120, 120, 120]


def test_a_cancelled_wait_blocks_no_process(tmp_path: Path) -> None:
    async def main() -> int:
        rates = RateLimits(deletes_per_minute=1, deletes_per_hour=None)
        first, second = join(tmp_path / "limits", rates), join(tmp_path / "limits", rates)
        for turn in range(3):
            async with (first, second)[turn % 2].permit(Bucket.DELETES) as permit:
                permit.mark_sent()
            waiting = asyncio.create_task(first.permit(Bucket.DELETES).take())
            await asyncio.sleep(7)
            assert [wait.bucket for wait in first.waits()] == ["deletes"]
            assert first.waits()[0].left_s == pytest.approx(53, abs=0.5)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return len(second.recent(Bucket.DELETES))

    assert run_virtual(main()) == 3


@pytest.mark.slow
def test_the_file_is_rewritten_without_what_no_longer_counts(tmp_path: Path) -> None:
    path = tmp_path / "limits"

    async def main() -> tuple[list[int], int]:
        rates = RateLimits(deletes_per_minute=10_000, deletes_per_hour=None)
        first, second = join(path, rates), join(path, rates)
        held = second.permit(Bucket.DELETES)
        await held.take()
        sizes = []
        for _ in range(10):
            for _ in range(1000):
                permit = first.permit(Bucket.DELETES)
                assert await permit.take() is None
                permit.mark_sent()
                permit.release()
            sizes.append(path.stat().st_size)
            await asyncio.sleep(2 * HOUR_S if len(sizes) < 9 else 1)
        held.mark_sent()
        held.release()
        await asyncio.sleep(1)
        async with second.permit(Bucket.DELETES):
            pass
        return sizes, second.budget(Bucket.DELETES)[0].used

    sizes, used = run_virtual(main())
    assert max(sizes) < 16_500 * 32
    assert used == 2001
    assert [each.name for each in tmp_path.iterdir()] == ["limits"]


def test_limits_with_a_file_are_those_of_one_key(tmp_path: Path) -> None:
    async def main() -> None:
        limits = join(tmp_path / "limits")
        limits.open(KEY)
        with pytest.raises(InvalidArgument, match="one key"):
            limits.open("phx_another")
        with pytest.raises(LimitsFileError, match="belongs to another key: name another file"):
            join(tmp_path / "limits", key="phx_another")
        assert join(tmp_path / "token", key="pha_0123456789").rates == RateLimits.user()
        with pytest.raises(RuntimeError, match="opened by a client"):
            await Limits(file=tmp_path / "limits").permit(Bucket.DELETES).take()

    run_virtual(main())


def test_a_file_that_is_removed_while_it_is_used_is_written_again_with_what_counted(tmp_path: Path) -> None:
    async def main() -> int:
        first = join(tmp_path / "limits")
        for _ in range(5):
            async with first.permit(Bucket.DELETES) as permit:
                permit.mark_sent()
        (tmp_path / "limits").unlink()
        async with first.permit(Bucket.DELETES) as permit:
            permit.mark_sent()
        return join(tmp_path / "limits").budget(Bucket.DELETES)[0].used

    assert run_virtual(main()) == 6
