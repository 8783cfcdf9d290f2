"""A function that is called every second while other work runs."""

import anyio
import pytest
from virtual_time import run_virtual

from bulk.concurrency.ticker import ticking


def test_the_ticker_calls_every_second_until_the_block_ends() -> None:
    async def main() -> None:
        calls: list[float] = []
        async with ticking(lambda: calls.append(anyio.current_time())):
            await anyio.sleep(5.5)
        await anyio.sleep(5)
        assert len(calls) == 5

    run_virtual(main())


def test_an_exception_of_a_tick_is_raised_at_the_end_of_the_block_or_handed_over() -> None:
    def fail() -> None:
        raise OSError

    async def main() -> None:
        with pytest.raises(OSError):
            async with ticking(fail):
                await anyio.sleep(3)
        failed: list[Exception] = []
        async with ticking(fail, failed=failed.append):
            await anyio.sleep(3)
        assert len(failed) == 1

    run_virtual(main())


def test_the_exception_of_the_block_comes_first() -> None:
    async def main() -> None:
        with pytest.raises(KeyError):
            async with ticking(lambda: 1 / 0):  # type: ignore[arg-type,return-value]
                await anyio.sleep(3)
                raise KeyError

    run_virtual(main())
