"""Signals for one awaited piece of work: the first asks it to end in good order, the second ends the process.

INT, TERM and HUP are alike. One that the parent had ignored (nohup) stays ignored. Library code never comes here:
an application that awaits `run_job` handles its own signals.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import anyio

from bulk.cli.exits import Interrupted

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DRAIN_S = 20.0


class Stopper:
    """What a signal does to the work under way.

    Outside of `draining` the first signal cancels the work, because nothing is in flight that matters. Inside it
    sets `stop`, and cancels only when the drain takes too long.

    Args:
        task: the work.
        notice: called with a sentence for people.
        before_death: puts the terminal right when the second signal comes.
        drain_s: seconds that requests in flight may take to end.
    """

    def __init__(
        self,
        task: asyncio.Task[Any],
        *,
        notice: Callable[[str], None],
        before_death: Callable[[], None],
        drain_s: float = DRAIN_S,
    ) -> None:
        self.stop = anyio.Event()
        self.signal_number: int | None = None
        self._task = task
        self._notice = notice
        self._before_death = before_death
        self._drain_s = drain_s
        self._draining = False

    @contextmanager
    def draining(self) -> Iterator[anyio.Event]:
        """Around work that ends in good order by itself once the event is set."""
        self._draining = True
        try:
            yield self.stop
        finally:
            self._draining = False

    def received(self, number: int) -> None:
        """Take a signal."""
        if self.signal_number is not None:
            self._die(number)
        self.signal_number = number
        self.stop.set()
        name = signal.Signals(number).name
        if not self._draining:
            self._task.cancel()
            return
        self._notice(
            f"{name}: nothing more is sent; waiting at most {self._drain_s:.0f} s for what is in flight. "
            "Once more ends it at once; the journal resumes either way."
        )
        asyncio.get_running_loop().call_later(self._drain_s, self._task.cancel)

    def _die(self, number: int) -> None:
        with suppress(Exception):
            self._before_death()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def run_until_signal(
    work: Callable[[Stopper], Coroutine[Any, Any, T]],
    *,
    notice: Callable[[str], None],
    before_death: Callable[[], None] = lambda: None,
    drain_s: float = DRAIN_S,
) -> T:
    """Run a coroutine in a loop of its own, with signals handled.

    Args:
        work: gets the stopper.
        notice: called with a sentence for people when the first signal starts a drain.
        before_death: called when the second signal comes.
        drain_s: seconds that a drain may take.

    Raises:
        Interrupted: a signal came; whatever the work returned or raised because of it is dropped, unless it is an
            error that says more than the signal.
    """

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        stopper = Stopper(task, notice=notice, before_death=before_death, drain_s=drain_s)
        with _handled(stopper):
            try:
                result = await work(stopper)
            except asyncio.CancelledError:
                if stopper.signal_number is None:
                    raise
                raise Interrupted(stopper.signal_number) from None
        if stopper.signal_number is not None:
            raise Interrupted(stopper.signal_number)
        return result

    return asyncio.run(guarded())


@contextmanager
def _handled(stopper: Stopper) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    handled = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in handled:
        loop.add_signal_handler(number, stopper.received, number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
