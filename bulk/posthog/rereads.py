"""Reads again what responses left out, some seconds later, until it is known (guarantee 11)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bulk.concurrency.stop_gate import StopGate
from bulk.events import WaitKind
from bulk.posthog import person_reader

MAX_REREADS = 3
"""Further reads before what no response mentions counts as unread."""

K = TypeVar("K")
R = TypeVar("R")


async def read_until_known(
    read: Callable[[Sequence[K]], Awaitable[tuple[R, Sequence[K]]]], keys: Sequence[K], gate: StopGate
) -> tuple[list[R], Sequence[K]]:
    """Read keys again, at most `MAX_REREADS` times, each time those of which nothing is known yet.

    Arguments:
        read: returns what it found, and the keys of which nothing is known yet.
        gate: for the waits between reads.

    Returns:
        What each read found, and the keys that stay unknown.
    """
    found: list[R] = []
    for _ in range(MAX_REREADS):
        if not keys:
            break
        await gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=len(keys))
        more, keys = await read(keys)
        found.append(more)
    return found, keys
