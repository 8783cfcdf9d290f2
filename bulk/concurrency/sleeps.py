"""The sleeps of a command that are under way, so that it can show what it waits for."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import msgspec

from bulk.events import Wait, WaitKind


class _Sleep(msgspec.Struct, frozen=True):
    kind: WaitKind
    since: float
    until: float
    targets: int | None

    def as_wait(self, now: float) -> Wait:
        return Wait(kind=self.kind, waited_s=now - self.since, left_s=max(0.0, self.until - now), targets=self.targets)


class Sleeps:
    """The sleeps under way; a sleep that is cancelled leaves them."""

    def __init__(self) -> None:
        self._current: dict[int, _Sleep] = {}
        self._next = 0

    async def sleep(self, seconds: float, kind: WaitKind, *, targets: int | None = None) -> None:
        """Sleep, and be one of `waits` meanwhile.

        Arguments:
            seconds: how long.
            kind: what for.
            targets: how many persons it concerns.
        """
        with self._noted(seconds, kind, targets):
            await anyio.sleep(seconds)

    def waits(self, now: float) -> list[Wait]:
        """Return the sleeps as waits.

        Arguments:
            now: the time of the event loop.
        """
        return [sleep.as_wait(now) for sleep in self._current.values()]

    @contextmanager
    def _noted(self, seconds: float, kind: WaitKind, targets: int | None) -> Iterator[None]:
        now = anyio.current_time()
        self._next += 1
        number = self._next
        self._current[number] = _Sleep(kind, now, now + seconds, targets)
        try:
            yield
        finally:
            del self._current[number]
