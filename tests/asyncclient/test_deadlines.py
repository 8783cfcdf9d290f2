"""One timer for all calls: each ends in its time, on uvloop too, and nobody else is cancelled."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run_virtual

from asyncclient._deadlines import Deadlines


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
            with pytest.raises(TimeoutError), deadlines.within(seconds):
                await never.wait()
            await asyncio.sleep(0)  # and nobody cancels what comes after

        await asyncio.gather(*(call(seconds) for seconds in (1e-5, 1e-6, 2e-4, 1e-7, 1e-5, 0.0)))
        deadlines.close()

    run(main())


@given(st.lists(st.tuples(st.sampled_from([0.5, 1.0, 3.0]), st.floats(0.01, 4.0), st.floats(0.0, 5.0)), max_size=12))
@settings(deadline=None)
def test_a_call_ends_in_time_or_is_ended_at_its_deadline(calls: list[tuple[float, float, float]]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop)

        async def call(within: float, takes: float, begins: float) -> None:
            await asyncio.sleep(begins)
            began = loop.time()
            try:
                with deadlines.within(within):
                    await asyncio.sleep(takes)
            except TimeoutError:
                assert within - 1e-3 <= loop.time() - began <= within + 1e-3
                assert takes >= within - 1e-3
            else:
                assert takes <= within + 1e-3

        await asyncio.gather(*(call(*each) for each in calls))
        deadlines.close()

    run_virtual(main())


async def test_closing_ends_who_is_under_way_and_nobody_else() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    inside = asyncio.Event()

    async def call() -> None:
        with deadlines.within(60.0):
            inside.set()
            await asyncio.Event().wait()

    task, other = asyncio.create_task(call()), asyncio.create_task(asyncio.sleep(0))
    await inside.wait()
    deadlines.close()
    with pytest.raises(ConnectionAbortedError):
        await task
    await other
    assert not task.cancelled()
