"""Raises `Interrupted` at the first signal that a command without an event loop receives.

Python runs a signal's handler in the main thread, between any two of its steps, so the error may come anywhere. Three
moments need care:

- Between steps that belong together, such as those under a lock or in an event loop, which drops errors of its
  callbacks: `signals_held` delays the error until after them.
- In a finalizer or the callback of a weak reference, as each import has one: Python drops the error. It is raised again
  after the next `signals_held`, by `raise_if_due`, or at the end of the command.
- Just before the thread blocks, or if the system gives the signal to another thread: it does not end the wait. A thread
  that waits looks for signals every `LOOK_EVERY_S` seconds.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bulk.cli.exit_codes import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a command in good order."""
LOOK_EVERY_S = 0.2


class _Received:
    """The signal that this process received: signal handlers, too, belong to the process."""

    number: int | None = None
    due: int | None = None
    """The same, while its error still has to be raised, because it was held back or dropped."""


class _SignalsHeld(threading.local):
    """A context manager, which may be entered again inside; only the main thread's depth matters."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        if not self.depth:
            raise_if_due()


_received = _Received()
signals_held = _SignalsHeld()
"""Holds back the error of a signal until the block ends; a wait inside has to end soon, or to call `raise_if_due`."""


@contextmanager
def raising_interrupted() -> Iterator[None]:
    """Raise `Interrupted` at the first signal, unless the parent process ignores it; the second ends the process."""
    before: dict[signal.Signals, Any] = {}

    def handle(number: int, _: object) -> None:
        if _received.number is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        _received.number = number
        if signals_held.depth:
            _received.due = number
        else:
            raise Interrupted(number)

    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        before |= {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}
    _received.number = _received.due = None
    with _dropped_errors_noted():
        try:
            for number in before:
                signal.signal(number, handle)
            yield
            if _received.number is not None:
                raise Interrupted(_received.number)
        finally:
            for number, handler in before.items():
                if signal.getsignal(number) is handle:
                    # after a first signal, the next one ends the process during cleanup too
                    signal.signal(number, handler if _received.number is None else signal.SIG_DFL)


def raise_if_due() -> None:
    """Raise `Interrupted` in the main thread, if a signal came whose error was held back or dropped."""
    if (number := _received.due) is not None and threading.current_thread() is threading.main_thread():
        _received.due = None
        raise Interrupted(number)


@contextmanager
def _dropped_errors_noted() -> Iterator[None]:
    """Note that Python dropped an `Interrupted`, in place of the traceback that Python shows for it."""
    before = sys.unraisablehook

    def note(dropped: "sys.UnraisableHookArgs") -> None:
        if isinstance(dropped.exc_value, Interrupted):
            _received.due = dropped.exc_value.signal_number
        else:
            before(dropped)

    sys.unraisablehook = note
    try:
        yield
    finally:
        sys.unraisablehook = before
