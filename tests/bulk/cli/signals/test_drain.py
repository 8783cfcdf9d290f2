"""Waiting for requests in flight after a signal is limited in time (guarantee 17)."""

import asyncio
import signal

from bulk.cli.signals.event_loop import Stopper
from bulk.cli.signals.raising import SIGNALS


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
        await asyncio.wait([task], timeout=20)
        assert task.cancelled()
    assert len(said) == 1


def test_interrupt_termination_and_hangup_are_all_handled() -> None:
    assert set(SIGNALS) == {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
