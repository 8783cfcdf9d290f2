"""Runs a coroutine function over items with a fixed number of workers. The engine's only task groups."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def in_parallel(work: Callable[[T], Awaitable[None]], items: Iterable[T], *, workers: int = 4) -> None:
    """Run `work` on every item; the first error cancels the rest and is raised as itself.

    Arguments:
        items: pulled by the workers one at a time, so it may be long or endless.
        workers: how many run at once.
    """
    feed = iter(items)
    first: list[Exception] = []

    async def worker() -> None:
        try:
            for item in feed:
                await work(item)
        except Exception as error:
            first.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for _ in range(workers):
            group.start_soon(worker)
    if first:
        raise first[0]
