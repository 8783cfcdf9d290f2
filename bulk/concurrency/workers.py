"""Runs a coroutine function over many items, or groups of them, with a fixed number of workers."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import anyio

T = TypeVar("T")
R = TypeVar("R")


async def run_workers(work: Callable[[T], Awaitable[None]], items: Iterable[T], *, workers: int = 4) -> None:
    """Run `work` on every item. The first error cancels the other workers and is raised as it is.

    Arguments:
        items: the workers take one at a time, so there may be any number of items.
        workers: how many items are worked on at once.
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


async def in_order(work: Callable[[T], Awaitable[R]], items: Sequence[T], concurrency: int) -> list[R]:
    """Run `work` on every item, at most `concurrency` at once, and return the results in the order of the items."""
    results: dict[int, R] = {}

    async def one(index: int) -> None:
        results[index] = await work(items[index])

    await run_workers(one, range(len(items)), workers=concurrency)
    return [results[index] for index in range(len(items))]


def grouped(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`, in order."""
    remaining = iter(items)
    while group := list(islice(remaining, size)):
        yield group
