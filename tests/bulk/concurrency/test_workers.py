import anyio
import anyio.lowlevel
import pytest

from bulk.concurrency.workers import run_workers


async def test_every_item_is_worked_on_once_by_a_limited_number_of_workers() -> None:
    done: list[int] = []
    running = max_running = 0

    async def work(item: int) -> None:
        nonlocal running, max_running
        running += 1
        max_running = max(max_running, running)
        await anyio.lowlevel.checkpoint()
        running -= 1
        done.append(item)

    await run_workers(work, range(50), workers=3)
    assert sorted(done) == list(range(50))
    assert max_running == 3


async def test_the_first_error_is_raised_unchanged_and_ends_the_other_workers() -> None:
    started: list[int] = []

    async def work(item: int) -> None:
        started.append(item)
        if item == 1:
            raise KeyError("this one")
        await anyio.sleep_forever()

    with pytest.raises(KeyError, match="this one"):
        await run_workers(work, range(100), workers=2)
    assert started == [0, 1]
