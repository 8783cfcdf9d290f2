"""Requests that wait for their limits: their order, pauses, cancellation, and what waiting costs (guarantee 13)."""

import asyncio

import pytest
from virtual_time import run_virtual

from asyncclient import Bucket, Limits, PausedTooLong, RateLimits


def live(rates: RateLimits) -> Limits:
    return Limits(rates, clock=asyncio.get_running_loop().time)


def test_waiters_are_served_in_turn_and_a_cancelled_one_blocks_no_other() -> None:
    async def main() -> list[int]:
        limits, served = live(RateLimits(deletes_per_minute=1, deletes_per_hour=None)), []

        async def ask(number: int) -> None:
            async with limits.permit(Bucket.DELETES) as permit:
                permit.mark_sent()
                served.append(number)

        tasks = [asyncio.create_task(ask(number)) for number in range(5)]
        await asyncio.sleep(1)
        tasks[1].cancel()
        tasks[3].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return served

    assert run_virtual(main()) == [0, 2, 4]


def test_a_permit_that_was_not_spent_is_given_back_at_once() -> None:
    async def main() -> float:
        limits, loop = live(RateLimits(deletes_per_minute=600, deletes_per_hour=1)), asyncio.get_running_loop()
        start = loop.time()
        for _ in range(100):
            async with limits.permit(Bucket.DELETES):
                pass
        assert [window.used for window in limits.budget(Bucket.DELETES)] == [0, 0]
        return loop.time() - start

    assert run_virtual(main()) < 60


def test_a_pause_holds_all_requests_of_the_bucket_and_no_others() -> None:
    async def main() -> tuple[float, float]:
        limits, loop = live(RateLimits.off()), asyncio.get_running_loop()
        start = loop.time()
        limits.pause(Bucket.DELETES, 30.0)
        async with limits.permit(Bucket.OTHERS):
            others = loop.time() - start
        async with limits.permit(Bucket.DELETES):
            deletes = loop.time() - start
        return others, deletes

    others, deletes = run_virtual(main())
    assert others < 1
    assert 30 <= deletes < 31


def test_a_pause_that_comes_while_the_head_of_the_queue_waits_holds_it_too() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits(others_per_minute=5), clock=loop.time)
        for _ in range(2):  # the pace allows one a second
            async with limits.permit(Bucket.OTHERS) as permit:
                permit.mark_sent()
        began = loop.time()
        waiting = asyncio.create_task(enter(limits))
        await asyncio.sleep(0.1)
        limits.pause(Bucket.OTHERS, 30.0)
        await waiting
        assert loop.time() - began >= 30.0

    run_virtual(main())


async def enter(limits: Limits) -> None:
    async with limits.permit(Bucket.OTHERS):
        pass


@pytest.mark.slow
def test_a_thousand_waiters_look_at_the_clock_hardly_more_often_than_requests_are_made() -> None:
    async def main() -> tuple[int, int]:
        loop, looks, made = asyncio.get_running_loop(), 0, 0

        def clock() -> float:
            nonlocal looks
            looks += 1
            return loop.time()

        limits = Limits(RateLimits(deletes_per_minute=60, deletes_per_hour=None), clock=clock)

        async def work() -> None:
            nonlocal made
            while True:
                async with limits.permit(Bucket.DELETES) as permit:
                    permit.mark_sent()
                    await asyncio.sleep(0.1)
                made += 1

        tasks = [asyncio.create_task(work()) for _ in range(1000)]
        await asyncio.sleep(1800.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return looks, made

    looks, made = run_virtual(main())
    assert made >= 0.98 * 1800
    assert looks <= 1000 + 8 * made


def test_limits_of_a_second_event_loop_are_refused_in_one_sentence() -> None:
    limits = Limits(RateLimits.posthog())
    asyncio.run(enter(limits))
    with pytest.raises(RuntimeError, match=r"already used in another event loop: create new ones") as refused:
        asyncio.run(enter(limits))
    assert "new.charge(bucket, old.recent(bucket))" in str(refused.value)
    limits.charge(Bucket.OTHERS, Limits().recent(Bucket.OTHERS))  # what the sentence advises needs no loop


@pytest.mark.parametrize(("longest_s", "raises"), [(3600.0, True), (8000.0, False)])
def test_a_waiting_request_fails_at_once_when_too_long_a_pause_begins(longest_s: float, raises: bool) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limits = Limits(RateLimits.posthog(), clock=loop.time)
        limits.charge(Bucket.OTHERS, [0.0] * 240)

        async def ask() -> float:
            async with limits.permit(Bucket.OTHERS, longest_pause_s=longest_s):
                return loop.time()

        began = loop.time()
        waiting = [asyncio.create_task(ask()) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert limits.pause(Bucket.OTHERS, 7200.0, status=503)
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        if raises:
            assert [(type(end), round(end.left_s), end.status) for end in ends if isinstance(end, PausedTooLong)] == [
                (PausedTooLong, 7200, 503)
            ] * 3
            assert loop.time() - began < 1.0
        else:  # an hour later the server is asked again
            assert all(isinstance(end, float) and 3600.0 <= end - began < 3602.0 for end in ends)

    run_virtual(main())
