import anyio
import pytest

from bulk.concurrency.stop_gate import StopGate, Stopped
from bulk.events import WaitKind


async def test_closing_the_gate_ends_waits_at_once() -> None:
    gate = StopGate()
    ended = anyio.Event()

    async def wait() -> None:
        with pytest.raises(Stopped):
            await gate.sleep(10_000, WaitKind.RETRY)
        ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert not ended.is_set()
        gate.close(RuntimeError("over"))
        await ended.wait()


async def test_a_request_in_flight_is_awaited() -> None:
    gate = StopGate()
    response = anyio.Event()
    got: list[str] = []

    async def request() -> None:
        with gate.cancel_on_stop() as scope:
            gate.finish_despite_stop(scope)
            await response.wait()
            got.append("response")

    async with anyio.create_task_group() as group:
        group.start_soon(request)
        await anyio.wait_all_tasks_blocked()
        gate.close(RuntimeError("over"))
        await anyio.wait_all_tasks_blocked()
        assert got == []
        response.set()
    assert got == ["response"]


async def test_no_request_leaves_once_the_gate_is_closed() -> None:
    gate = StopGate()
    with pytest.raises(Stopped), gate.cancel_on_stop() as scope:
        gate.close(RuntimeError("over"))
        gate.finish_despite_stop(scope)
    with pytest.raises(Stopped):
        gate.check()


async def test_a_stop_by_the_caller_closes_the_gate_without_an_error() -> None:
    stop = anyio.Event()
    gate = StopGate(stop)
    stop.set()
    assert gate.closed
    assert gate.error is None


async def test_the_gate_keeps_the_first_error() -> None:
    gate = StopGate()
    first = RuntimeError("first")
    gate.close(first)
    gate.close(RuntimeError("second"))
    assert gate.error is first
