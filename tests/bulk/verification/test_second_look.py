"""A person that a response leaves out is read a second time, as soon as that may decide, and no other waits for it."""

from collections.abc import Iterable
from typing import Any

import anyio
import pytest
from virtual_time import run_virtual

from bulk.concurrency.stop_gate import StopGate, Stopped
from bulk.concurrency.workers import grouped
from bulk.verification.second_look import SecondLook
from bulk.verification.verifier import PersonCheck


class Reads:
    """A verifier whose first read leaves some targets out."""

    def __init__(self, left_out: Iterable[int]) -> None:
        self._left_out = {*left_out}
        self._first: dict[int, float] = {}
        self.at: dict[int, list[float]] = {}

    async def check_persons(self, numbers: list[int]) -> PersonCheck:
        now = anyio.current_time()
        await anyio.sleep(0.1)
        for number in numbers:
            self.at.setdefault(number, []).append(now)
        out = tuple(n for n in numbers if n in self._left_out and now < self._first.setdefault(n, now) + 5.0)
        return PersonCheck({}, now, out)

    def confirm_at(self, numbers: Iterable[int]) -> float:
        return max(self._first[n] for n in numbers) + 5.0


def look(reads: Any, gate: StopGate | None = None) -> SecondLook:
    return SecondLook(reads, gate or StopGate(), boot_time=anyio.current_time)


def test_only_left_out_persons_are_read_again_and_not_too_early() -> None:
    async def main() -> None:
        reads = Reads({3, 250})
        moved: list[bool] = []
        await look(reads).read(grouped(range(400), 200), readers=1, moved=lambda: moved.append(True))
        assert {n for n, at in reads.at.items() if len(at) > 1} == {3, 250}
        assert all(at[1] - at[0] >= 5.0 for at in reads.at.values() if len(at) > 1)
        assert max(at[0] for at in reads.at.values()) < 1.0 + min(at[0] for at in reads.at.values())
        assert len(moved) == 3

    run_virtual(main())


def test_many_left_out_persons_are_read_again_before_more_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.verification.second_look.MAX_LEFT_OUT", 300)

    async def main() -> None:
        reads = Reads(range(1_000))
        await look(reads).read(grouped(range(1_000), 200), readers=2)
        assert {len(at) for at in reads.at.values()} == {2}
        assert reads.at[0][1] < reads.at[999][0]

    run_virtual(main())


def test_a_stop_does_not_wait_for_the_second_read() -> None:
    async def main() -> None:
        gate = StopGate()
        reads = Reads({1})

        async def halt() -> None:
            await anyio.sleep(1.0)
            gate.close(RuntimeError())

        async with anyio.create_task_group() as group:
            group.start_soon(halt)
            with pytest.raises(Stopped):
                await look(reads, gate).read([[1]], readers=1)
        assert anyio.current_time() < reads.at[1][0] + 2.0

    run_virtual(main())
