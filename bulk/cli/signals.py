"""Signals for one awaited piece of work: the first asks it to end in good order, the second ends the process.

INT, TERM and HUP are alike. One that the parent had ignored (nohup) stays ignored. A signal is taken wherever the
process waits, in a system call too, so that nothing that blocks can keep the second one from ending it. Library code
never comes here: an application that awaits `run_job` handles its own signals.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import anyio

from bulk.cli.exit_codes import Interrupted
from bulk.cli.streams.text import queued

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DRAIN_S = 20.0
LAST_WORDS_S = 0.2
"""Seconds that a terminal has for getting its cursor back before the process dies."""
_AGAIN = {int(signal.SIGINT): "Press Ctrl-C again"}


class Stopper:
    """What a first signal does to the work under way.

    Outside of `draining` it cancels the work, because nothing is in flight that matters. Inside it sets `stop`, and
    cancels only when the drain takes too long.

    Args:
        task: the work.
        notice: called with a sentence for people.
        drain_s: seconds that requests in flight may take to end.
    """

    def __init__(self, task: asyncio.Task[Any], *, notice: Callable[[str], None], drain_s: float = DRAIN_S) -> None:
        self.stop = anyio.Event()
        self._task = task
        self._notice = notice
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
        """Take the first signal."""
        self.stop.set()
        if not self._draining:
            self._task.cancel()
            return
        self._notice(
            f"{signal.Signals(number).name}: nothing more is sent; waiting up to {self._drain_s:.0f} s for requests "
            f"in flight. {_AGAIN.get(number, 'Send it again')} to quit now; you can resume either way."
        )
        asyncio.get_running_loop().call_later(self._drain_s, self._task.cancel)


class _Catcher:
    """Takes signals in the main thread, whatever that is doing; hands the first one to the loop, dies of the second.

    Args:
        restore: puts the terminal right; waits for nothing.
    """

    def __init__(self, restore: Callable[[], None]) -> None:
        self.number: int | None = None
        self._restore = restore
        self._received: Callable[[int], None] | None = None

    def hand_to(self, received: Callable[[int], None]) -> None:
        """Call this, in the running loop, with the first signal; at once where it came already."""
        loop = asyncio.get_running_loop()
        self._received = lambda number: _call_in(loop, received, number)
        if self.number is not None:
            received(self.number)

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Handle the signals that the parent does not want ignored."""
        before = {number: signal.getsignal(number) for number in SIGNALS}
        caught = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
        for number in caught:
            signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number in caught:
                # after the first one the next ends the process, whatever is still to be put away
                signal.signal(number, before[number] if self.number is None else signal.SIG_DFL)

    def _handle(self, number: int, _: object) -> None:
        if self.number is not None:
            _die(number)
        self.number = number
        for stream in (sys.stdout, sys.stderr):
            if (output := queued(stream)) is not None:
                output.hurry()
        with suppress(Exception):
            self._restore()
        if self._received is not None:
            self._received(number)


def run_until_signal(
    work: Callable[[Stopper], Coroutine[Any, Any, T]],
    *,
    notice: Callable[[str], None],
    restore: Callable[[], None] = lambda: None,
    drain_s: float = DRAIN_S,
) -> T:
    """Run a coroutine in a loop of its own, with signals handled.

    Args:
        work: gets the stopper.
        notice: called with a sentence for people when the first signal starts a drain.
        restore: called in the signal's handler, to put the terminal right without waiting.
        drain_s: seconds that a drain may take.

    Raises:
        Interrupted: a signal came; whatever the work returned or raised because of it is dropped, unless it is an
            error that says more than the signal.
    """
    catcher = _Catcher(restore)

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        stopper = Stopper(task, notice=notice, drain_s=drain_s)
        catcher.hand_to(stopper.received)
        try:
            with _woken_by_signals():
                result = await work(stopper)
        except asyncio.CancelledError:
            if catcher.number is None:
                raise
            raise Interrupted(catcher.number) from None
        if catcher.number is not None:
            raise Interrupted(catcher.number)
        return result

    with catcher.catching():
        result = asyncio.run(guarded())
    if catcher.number is not None:
        raise Interrupted(catcher.number)  # it came when the work was over already
    return result


@contextmanager
def _woken_by_signals() -> Iterator[None]:
    """Wake the running loop at each signal: one that comes just before it waits would be handled only afterwards."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        loop.add_reader(ours, ours.recv, 4096)
        try:
            yield
        finally:
            loop.remove_reader(ours)
            signal.set_wakeup_fd(before)


def _call_in(loop: asyncio.AbstractEventLoop, received: Callable[[int], None], number: int) -> None:
    with suppress(RuntimeError):  # the loop is over, and so is the work
        loop.call_soon_threadsafe(received, number)


def _die(number: int) -> None:
    if (output := queued(sys.stderr)) is not None:
        with suppress(Exception):
            output.drain(timeout_s=LAST_WORDS_S)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
