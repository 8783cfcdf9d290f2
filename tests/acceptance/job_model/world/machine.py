"""The machine that jobs of the model run on: its clocks, its threads and its disk, all by the loop's virtual time.

Whatever in the engine and the client takes a clock is given one of these, wherever it keeps it: as a default argument,
as a name of its module, or by asking `time`. So a test moves the wall clock, or lets the machine sleep.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FunctionType
from typing import Any
from unittest.mock import patch

from virtual_time import SyncedAtOnce, called_at_once

import bulk.engine
import bulk.plan.planner
import bulk.report.load
from asyncclient._protocol import server_clock

EPOCH = 1_795_000_000.0
JUST_S = 0.01
TICK_S = 30.0
"""Between two reports of progress: at one per second, hours of waiting would be little else."""
PACKAGES = ("asyncclient", "bulk")

_NAMES = (
    (time, "time"),
    (time, "monotonic"),
    (time, "clock_gettime"),
    (server_clock, "boot_time"),  # made from the one before
    (os, "fsync"),
    (os, "fdatasync"),
)
_REAL = tuple(getattr(module, name) for module, name in _NAMES)
_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


class Machine:
    """Clocks that agree until something sets them apart. Made inside the loop whose time they show."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.slept_s = 0.0
        self.woke_at = float("-inf")
        self.wall_off_s = 0.0

    def monotonic(self) -> float:
        """Seconds that stand still while the machine sleeps."""
        return self._loop.time()

    def boot(self) -> float:
        """Seconds since the machine was started, asleep or not; nobody can set them."""
        return self._loop.time() + self.slept_s

    def true(self) -> float:
        """The time that it is, which is what the server's clock shows, in seconds since the epoch."""
        return EPOCH + self.boot()

    def wall(self) -> float:
        """The machine's own clock, which anybody can set."""
        return self.true() + self.wall_off_s

    def gettime(self, clock: int) -> float:
        """Any of the system's clocks."""
        if clock == _BOOT:
            return self.boot()
        return self.wall() if clock == time.CLOCK_REALTIME else self.monotonic()

    def sleep(self, seconds: float) -> None:
        """Be suspended for so long."""
        self.slept_s += seconds
        self.woke_at = self.monotonic()

    @property
    def just_woke(self) -> bool:
        """Whether a request that leaves now may have been on its way out when the machine went to sleep."""
        return self.monotonic() - self.woke_at < JUST_S

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let engine and client live by these clocks, without threads, and without waiting for the disk."""
        own = dict(zip(_REAL, (self.wall, self.monotonic, self.gettime, self.boot, _nothing, _nothing), strict=True))
        with ExitStack() as stack:
            for (module, name), ours in zip(_NAMES, own.values(), strict=True):
                stack.enter_context(patch.object(module, name, ours))
            for put in _places():
                stack.callback(put(own))
            stack.enter_context(patch("anyio.to_thread.run_sync", called_at_once))
            stack.enter_context(patch("bulk.journal.writer.SyncThread", SyncedAtOnce))
            stack.enter_context(patch("bulk.concurrency.ticker.TICK_S", TICK_S))
            yield


def _nothing(_fd: int) -> None:
    pass


Undo = Callable[[], None]
Put = Callable[[dict[Any, Any]], Undo]
_FOUND: list[Put] = []


def _places() -> list[Put]:
    """Where a real clock is kept as a value, looked for once; each takes other clocks and tells how to undo that."""
    if not _FOUND:
        for name, module in list(sys.modules.items()):
            if name.split(".")[0] in PACKAGES and module is not None and ".testing" not in name:
                _FOUND.extend(_of_module(module))
    return _FOUND


def _of_module(module: Any) -> Iterator[Put]:
    for name, value in list(vars(module).items()):
        if _is_real(value):
            yield _name(module, name, value)
        kinds = vars(value).values() if isinstance(value, type) else (value,)
        for each in kinds:
            function = getattr(each, "__func__", each)
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield from _of_function(function)


def _is_real(value: object) -> bool:
    return any(value is real for real in _REAL)


def _of_function(function: FunctionType) -> Iterator[Put]:
    by_name, by_place = function.__kwdefaults__ or {}, function.__defaults__ or ()
    if not any(map(_is_real, (*by_name.values(), *by_place))):
        return

    def put(own: dict[Any, Any]) -> Undo:
        function.__kwdefaults__ = {name: own[v] if _is_real(v) else v for name, v in by_name.items()} or None
        function.__defaults__ = tuple(own[v] if _is_real(v) else v for v in by_place) or None

        def undo() -> None:
            function.__kwdefaults__, function.__defaults__ = by_name or None, by_place or None

        return undo

    yield put


def _name(module: Any, name: str, real: Any) -> Put:
    def put(own: dict[Any, Any]) -> Undo:
        setattr(module, name, own[real])
        return lambda: setattr(module, name, real)

    return put


LOADED = (bulk.engine, bulk.plan.planner, bulk.report.load)
"""The engine, whole, so that its clocks are found."""
