"""An event loop whose clock jumps to the next timer instead of waiting for it: hours pass in a blink."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

CREEP_S = 1e-6
"""Time never stands still between two passes, or a timer due "now" would be looked for for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, now: float) -> None:
        super().__init__()
        self.now = now

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits for something that no timer brings")
        self.now += CREEP_S if ready or not timeout else timeout + CREEP_S
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time; `time()` is its clock, which starts at `now`."""

    def __init__(self, now: float = 1000.0) -> None:
        self._jumping = _JumpingSelector(now)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class SyncedAtOnce:
    """The sync of the journal without its thread, which virtual time would not wait for."""

    def __init__(self, fd: int, sync: Callable[[int], None], loop: asyncio.AbstractEventLoop) -> None:
        self._fd, self._sync, self._loop = fd, sync, loop

    def start(self, done: Callable[[BaseException | None], None]) -> None:
        self._sync(self._fd)
        self._loop.call_soon(done, None)

    def stop(self) -> None:
        pass


async def called_at_once(work: Callable[..., Any], *args: Any, **_options: Any) -> Any:
    """Stands for `anyio.to_thread.run_sync` without a thread."""
    return work(*args)
