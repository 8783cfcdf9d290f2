"""What a command waits for: which wait is shown, and how much time was waited."""

import anyio
import pytest
from virtual_time import run_virtual

from asyncclient import (
    Bucket,
    Limits,
    Paused,
    RateLimits,
    RequestFinished,
    Retrying,
    ServerReachable,
    ServerUnreachable,
)
from bulk.concurrency.sleeps import Sleeps
from bulk.events import Wait, WaitKind
from bulk.progress.wait_tracker import WaitTracker, choose_wait

LIMITED = RateLimits(others_per_minute=2, others_per_hour=None)


def wait(kind: WaitKind, waited_s: float, left_s: float | None = None) -> Wait:
    return Wait(kind=kind, waited_s=waited_s, left_s=left_s)


PAUSE, LIMIT = wait(WaitKind.PAUSE, 1, 39), wait(WaitKind.RATE_LIMIT, 5, 5)


@pytest.mark.parametrize(
    ("waits", "shown"),
    [
        ([], None),
        ([wait(WaitKind.CATCHING_UP, 0, 2)], None),
        ([wait(WaitKind.RESPONSE, 2)], None),
        ([wait(WaitKind.RESPONSE, 2.1)], wait(WaitKind.RESPONSE, 2.1)),
        ([wait(WaitKind.CATCHING_UP, 0, 5)], wait(WaitKind.CATCHING_UP, 0, 5)),
        ([LIMIT, PAUSE], PAUSE),
        ([PAUSE, wait(WaitKind.OUTAGE, 3, 0)], wait(WaitKind.OUTAGE, 3, 0)),
        ([wait(WaitKind.RATE_LIMIT, 5, 50), LIMIT], LIMIT),
        ([wait(WaitKind.PAUSE, 40, 0.01), wait(WaitKind.RESPONSE, 9)], wait(WaitKind.RESPONSE, 9)),
    ],
)
def test_the_wait_shown_lasts_more_than_2_s_and_comes_first_in_the_order(waits: list[Wait], shown: Wait | None) -> None:
    assert choose_wait(waits) == shown


def finished(bucket: Bucket = Bucket.OTHERS) -> RequestFinished:
    return RequestFinished(action="list", bucket=bucket, mutating=False, status=200, elapsed_s=0.1, attempt=1)


async def send(limits: Limits, *, for_s: float = 0.0) -> None:
    async with limits.permit(Bucket.OTHERS) as permit:
        permit.mark_sent()
        await anyio.sleep(for_s)


def loop_limits(rates: RateLimits = LIMITED) -> Limits:
    return Limits(rates, clock=anyio.current_time)


def test_a_request_that_waits_for_the_rate_limit_is_one_wait_with_its_end() -> None:
    async def main() -> None:
        limits = loop_limits()
        tracker = WaitTracker(limits, Sleeps())
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(send, limits)
            await anyio.sleep(10)
            shown = tracker.sample()
            assert shown is not None
            assert (shown.kind, shown.bucket) == (WaitKind.RATE_LIMIT, "others")
            assert shown.waited_s + (shown.left_s or 0) == pytest.approx(60, abs=2)
            assert len(limits.waits()) == 1
            group.cancel_scope.cancel()
        assert limits.waits() == []

    run_virtual(main())


def test_a_pause_that_another_process_left_is_shown_to_those_who_wait_for_it() -> None:
    async def main() -> None:
        limits = loop_limits(RateLimits.off())
        tracker = WaitTracker(limits, Sleeps())
        limits.pause(Bucket.OTHERS, 40)
        assert tracker.sample() is None  # nothing has to be sent
        async with anyio.create_task_group() as group:
            group.start_soon(send, limits)
            await anyio.sleep(10)
            shown = tracker.sample()
            assert shown is not None
            assert (shown.kind, round(shown.left_s or 0)) == (WaitKind.PAUSE, 30)
            group.cancel_scope.cancel()

    run_virtual(main())


def test_a_read_that_sits_out_a_pause_before_its_retry_shows_the_pause() -> None:
    async def main() -> None:
        tracker = WaitTracker(loop_limits(), Sleeps())
        tracker.client_event(Paused(bucket=Bucket.OTHERS, for_s=40, reason="429"))
        tracker.client_event(Retrying(action="list", attempt=1, after_s=40, reason="429"))
        await anyio.sleep(10)
        shown = tracker.sample()
        assert shown is not None
        assert (shown.kind, shown.bucket, round(shown.left_s or 0)) == (WaitKind.PAUSE, "others", 30)

    run_virtual(main())


def test_a_response_that_does_not_come_is_a_wait_from_the_last_response_on() -> None:
    async def main() -> None:
        limits = loop_limits(RateLimits.off())
        tracker = WaitTracker(limits, Sleeps())
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: send(limits, for_s=60))
            await anyio.sleep(10)
            tracker.client_event(finished())  # of another request
            await anyio.sleep(5)
            shown = tracker.sample()
            assert shown is not None
            assert (shown.kind, round(shown.waited_s), shown.left_s) == (WaitKind.RESPONSE, 5, None)
            group.cancel_scope.cancel()
        assert tracker.sample() is None

    run_virtual(main())


def test_an_outage_counts_down_until_the_server_responds() -> None:
    async def main() -> None:
        tracker = WaitTracker(loop_limits(), Sleeps())
        tracker.client_event(ServerUnreachable(away_s=3, retry_in_s=8, gives_up_in_s=900, reason="503"))
        await anyio.sleep(5)
        shown = tracker.sample()
        assert shown is not None
        assert (shown.kind, shown.reason) == (WaitKind.OUTAGE, "503")
        assert [round(each or 0) for each in (shown.waited_s, shown.left_s, shown.gives_up_in_s)] == [8, 3, 895]
        tracker.client_event(ServerReachable(away_s=9))
        assert tracker.sample() is None

    run_virtual(main())


def test_the_time_waited_is_counted_without_waits_that_let_others_work() -> None:
    async def main() -> None:
        limits, sleeps = loop_limits(RateLimits.off()), Sleeps()
        tracker = WaitTracker(limits, sleeps)
        tracker.sample()

        async def sampled(kind: WaitKind, seconds: int) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: sleeps.sleep(wait(kind, 0, seconds)))
                for _ in range(seconds):
                    await anyio.sleep(0.99)
                    tracker.sample()

        await sampled(WaitKind.CATCHING_UP, 10)
        await sampled(WaitKind.RETRY, 10)
        tracker.client_event(ServerUnreachable(away_s=0, retry_in_s=30, gives_up_in_s=900, reason="503"))
        await anyio.sleep(20)
        tracker.sample()
        assert tracker.interrupted_s == pytest.approx(20, abs=1)
        assert tracker.standstill_s == pytest.approx(30, abs=1.5)
        assert tracker.requests == 0

    run_virtual(main())


def test_a_sleep_is_a_wait_until_it_ends_or_is_cancelled() -> None:
    async def main() -> None:
        sleeps = Sleeps()
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: sleeps.sleep(Wait(kind=WaitKind.SECOND_READ, waited_s=0, left_s=30, targets=7)))
            await anyio.sleep(10)
            (shown,) = sleeps.waits(anyio.current_time())
            assert (shown.kind, shown.targets, round(shown.waited_s), round(shown.left_s or 0)) == (
                WaitKind.SECOND_READ, 7, 10, 20,
            )  # fmt: skip
            group.cancel_scope.cancel()
        assert sleeps.waits(anyio.current_time()) == []

    run_virtual(main())
