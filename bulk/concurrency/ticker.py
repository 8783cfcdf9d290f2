"""Calls a function every second while other work runs, so that a display never stands still."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

TICK_S = 1.0


@asynccontextmanager
async def ticking(
    tick: Callable[[], None] | None, *, failed: Callable[[Exception], None] | None = None
) -> AsyncIterator[None]:
    """Call a function every second until the block ends.

    Arguments:
        tick: the function; None to call nothing.
        failed: called with an exception of `tick`, which is then not called again; None to raise it where the block
            ends.

    Raises:
        the exception of `tick`, unless the block ends with another one.
    """
    if tick is None:
        yield
        return
    errors: list[Exception] = []
    task = asyncio.create_task(_tick(tick, errors.append if failed is None else failed))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    if errors:
        raise errors[0]


async def _tick(tick: Callable[[], None], failed: Callable[[Exception], None]) -> None:
    try:
        while True:
            await asyncio.sleep(TICK_S)
            tick()
    except Exception as error:
        failed(error)
