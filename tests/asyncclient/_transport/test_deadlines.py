"""One timer for all calls: each ends in its time, on uvloop too, and nobody else is cancelled."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run_virtual

from asyncclient._transport.deadlines import Deadlines


class Ended(Exception):
    """The call was ended by the deadlines."""


@contextlib.contextmanager
def within(deadlines: Deadlines, seconds: float | None) -> Iterator[None]:
    call = deadlines.begin(seconds)
    try:
        yield
    except asyncio.CancelledError:
        if call.takes_cancellation():
            raise Ended from None
        raise
    finally:
        deadlines.over(call)


def on_uvloop(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


@pytest.mark.parametrize("run", [asyncio.run, on_uvloop])
def test_deadlines_that_are_due_at_once_pass_as_others_do(run: Callable[[Any], None]) -> None:
    """uvloop uses another kind of timer for them."""

    async def main() -> None:
        deadlines = Deadlines(asyncio.get_running_loop())
        never = asyncio.Event()

        async def call(seconds: float) -> None:
            with pytest.raises(Ended), within(deadlines, seconds):
                await never.wait()
            await asyncio.sleep(0)  # and nobody cancels what comes after

        await asyncio.gather(*(call(seconds) for seconds in (1e-5, 1e-6, 2e-4, 1e-7, 1e-5, 0.0)))
        deadlines.close()

    run(main())


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from([0.5, 1.0, 3.0]), st.floats(0.01, 4.0), st.floats(0.0, 5.0)), max_size=12))
@settings(deadline=None)
def test_a_call_ends_in_time_or_is_ended_at_its_deadline(calls: list[tuple[float, float, float]]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop)

        async def call(limit: float, takes: float, begins: float) -> None:
            await asyncio.sleep(begins)
            began = loop.time()
            try:
                with within(deadlines, limit):
                    await asyncio.sleep(takes)
            except Ended:
                assert limit - 1e-3 <= loop.time() - began <= limit + 1e-3
                assert takes >= limit - 1e-3
            else:
                assert takes <= limit + 1e-3

        await asyncio.gather(*(call(*each) for each in calls))
        deadlines.close()

    run_virtual(main())


async def test_closing_ends_the_calls_of_that_client_only() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    inside = asyncio.Event()

    async def call(seconds: float | None) -> None:
        with within(deadlines, seconds):
            inside.set()
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(call(seconds)) for seconds in (60.0, None)]
    other = asyncio.create_task(asyncio.sleep(0))
    await inside.wait()
    await asyncio.sleep(0)
    deadlines.close()
    for task in tasks:
        with pytest.raises(Ended):
            await task
    await other
    assert [task.cancelled() for task in tasks] == [False, False]


async def test_a_cancellation_by_the_caller_is_raised_although_the_time_is_over() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())

    async def call() -> None:
        with within(deadlines, 0.0):
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    deadlines.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
