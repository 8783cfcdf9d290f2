"""The drain after a first signal has an end (promise 17)."""

import asyncio
import signal

import pytest

from bulk.cli.signals import SIGNALS, Stopper


async def test_work_that_does_not_end_by_itself_is_cut_off_when_the_drain_is_over() -> None:
    said: list[str] = []
    under_way = asyncio.Event()

    async def endless() -> None:
        under_way.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await under_way.wait()
    stopper = Stopper(task, notice=said.append, drain_s=0.0)
    with stopper.draining() as stop:
        stopper.received(signal.SIGTERM)
        assert stop.is_set()
        assert not task.cancelling()
        for _ in range(10):
            await asyncio.sleep(0)
        assert task.cancelling()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(said) == 1


def test_interrupt_termination_and_hangup_are_all_handled() -> None:
    assert set(SIGNALS) == {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
