"""The sleeps of a command that are under way, so that it can show what it waits for."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import msgspec

from bulk.events import Wait


def later(wait: Wait, by_s: float) -> Wait:
    """Return a wait as it is some seconds later."""
    return msgspec.structs.replace(
        wait,
        waited_s=wait.waited_s + by_s,
        left_s=None if wait.left_s is None else max(0.0, wait.left_s - by_s),
        gives_up_in_s=None if wait.gives_up_in_s is None else max(0.0, wait.gives_up_in_s - by_s),
    )


class Sleeps:
    """The sleeps under way; a sleep that is cancelled leaves them."""

    def __init__(self) -> None:
        self._current: dict[int, tuple[float, Wait]] = {}
        self._next = 0

    async def sleep(self, wait: Wait) -> None:
        """Sleep until the wait is over, and be one of `waits` meanwhile.

        Arguments:
            wait: what for, and how long (`left_s`).
        """
        with self.noted(wait):
            await anyio.sleep(wait.left_s or 0.0)

    def waits(self, now: float) -> list[Wait]:
        """Return the sleeps as they are now.

        Arguments:
            now: the time of the event loop.
        """
        return [later(wait, now - since) for since, wait in self._current.values()]

    @contextmanager
    def noted(self, wait: Wait) -> Iterator[None]:
        """Make a wait one of `waits` while the block runs."""
        self._next += 1
        number = self._next
        self._current[number] = anyio.current_time(), wait
        try:
            yield
        finally:
            del self._current[number]
