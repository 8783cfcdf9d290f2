"""Handles signals while a coroutine runs: the first asks it to stop, the second ends the process at once.

INT, TERM and HUP are handled alike; a signal that the parent process ignores (nohup) stays ignored. The second signal
ends the process even while a system call blocks. Only the command uses this: an application that awaits `run_job`
handles its own signals.
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
from bulk.cli.signals.raising import SIGNALS, raise_if_due, signals_held
from bulk.cli.streams.text import as_text_output
from bulk.errors import NotFinished

T = TypeVar("T")

DRAIN_S = 20.0
RESTORE_S = 0.2
"""Seconds for restoring the terminal before the process ends."""
_HOW_TO_REPEAT = {int(signal.SIGINT): "Press Ctrl-C again"}


class Stopper:
    """Stops a task at the first signal.

    Outside of `draining` the signal cancels the task. Inside, it sets `stop`, and cancels only if the requests in
    flight take too long.

    Arguments:
        task: the task to stop.
        notice: called with a message for people.
        drain_s: seconds that requests in flight may take to finish.
    """

    def __init__(self, task: asyncio.Task[Any], *, notice: Callable[[str], None], drain_s: float = DRAIN_S) -> None:
        self.stop = anyio.Event()
        self._task = task
        self._notice = notice
        self._drain_s = drain_s
        self._draining = False

    @contextmanager
    def draining(self) -> Iterator[anyio.Event]:
        """Mark work that finishes by itself, in good order, once the event is set."""
        self._draining = True
        try:
            yield self.stop
        finally:
            self._draining = False

    def received(self, number: int) -> None:
        """Handle the first signal."""
        self.stop.set()
        if not self._draining:
            self._task.cancel()
            return
        self._notice(
            f"{signal.Signals(number).name}: stopping. No further requests; waiting up to {self._drain_s:.0f} s for "
            f"those in flight. {_HOW_TO_REPEAT.get(number, 'Send it again')} to quit now; you can resume either way"
        )
        asyncio.get_running_loop().call_later(self._drain_s, self._task.cancel)


class _SignalCatcher:
    """Catches signals in the main thread: passes the first one to the event loop, ends the process at the second.

    Arguments:
        restore: restores the terminal; never blocks.
    """

    def __init__(self, restore: Callable[[], None]) -> None:
        self.number: int | None = None
        self._restore = restore
        self._received: Callable[[int], None] | None = None

    def hand_to(self, received: Callable[[int], None]) -> None:
        """Set the function that gets the first signal, in the running loop; it is called at once if that has come."""
        loop = asyncio.get_running_loop()
        self._received = lambda number: _call_in(loop, received, number)
        if self.number is not None:
            received(self.number)

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Catch the signals that the parent process does not ignore."""
        before = {number: signal.getsignal(number) for number in SIGNALS}
        handled = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
        for number in handled:
            signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number in handled:
                # after a first signal, the next one ends the process during cleanup too
                signal.signal(number, before[number] if self.number is None else signal.SIG_DFL)

    def _handle(self, number: int, _: object) -> None:
        if self.number is not None:
            _end_process(number)
        self.number = number
        for stream in (sys.stdout, sys.stderr):
            if (output := as_text_output(stream)) is not None:
                output.limit_flush_time()
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
    """Run a coroutine in a new event loop, with signals handled, and return its result.

    Arguments:
        work: gets the stopper.
        notice: called with a message for people when the first signal arrives inside of `Stopper.draining`.
        restore: called in the signal handler to restore the terminal; must not block.
        drain_s: seconds that requests in flight may take to finish after a signal.

    Raises:
        Interrupted: a signal arrived. Errors that the work raises are raised in its place, except for `NotFinished`
            and `OSError`.
    """
    catcher = _SignalCatcher(restore)

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        stopper = Stopper(task, notice=notice, drain_s=drain_s)
        catcher.hand_to(stopper.received)
        try:
            with _woken_by_signals():
                result = await work(stopper)
        except (asyncio.CancelledError, NotFinished, OSError):  # an OSError of the output: its terminal was closed
            if catcher.number is None:
                raise
            raise Interrupted(catcher.number) from None
        if catcher.number is not None:
            raise Interrupted(catcher.number)
        return result

    raise_if_due()
    with catcher.catching():
        result = asyncio.run(guarded())
    if catcher.number is not None:
        raise Interrupted(catcher.number)  # it arrived after the work had ended
    return result


def run_to_its_end(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine that ends soon, or that calls `raise_if_due`, in a new event loop, and return its result.

    Raises:
        Interrupted: a signal arrived; raised after the work, unless the work raised it.
    """
    with signals_held:
        return asyncio.run(work())


@contextmanager
def _woken_by_signals() -> Iterator[None]:
    """Wake the event loop at each signal; otherwise one that arrives just before it blocks is handled too late."""
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
    with suppress(RuntimeError):  # the loop is closed, so the work has ended
        loop.call_soon_threadsafe(received, number)


def _end_process(number: int) -> None:
    if (output := as_text_output(sys.stderr)) is not None:
        with suppress(Exception):
            output.drain(timeout_s=RESTORE_S)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
