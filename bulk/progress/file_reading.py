"""FileReading: tells how far the reading or overwriting of a large file is, from its third second on."""

import time
from collections.abc import Callable
from pathlib import Path

from bulk.events import Activity, Wait, WaitKind
from bulk.progress.wait_tracker import SHOWN_FROM_S

OnRead = Callable[[Path, int, int], None]
"""Called while a file is read: with its path, the bytes read so far, and its size."""
OnOverwrite = Callable[[Path, int, int], None]
"""Called while a file is overwritten: with its path, the bytes that are on disk so far, and its size."""

EVERY_S = 1.0
DESTROYING = "destroying"
"""The phase in which files are overwritten."""


class FileReading:
    """Reports once per second what is read or overwritten, if it takes more than 2 s altogether.

    Arguments:
        phase: the phase of the events about reading.
        report: takes them; None for no events. An exception that it raises ends the reading.
        clock: returns seconds of a clock that cannot be set.
    """

    def __init__(
        self,
        phase: str,
        report: Callable[[Activity], None] | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._phase = phase
        self._report = report
        self._clock = clock
        self._began_at = clock()
        self._next_at = self._began_at + SHOWN_FROM_S

    def __call__(self, path: Path, read: int, size: int) -> None:
        """Report the reading of a file, if it is time to.

        Arguments:
            path: the file.
            read: how many of its bytes are read.
            size: how many it has.
        """
        self._note(self._phase, WaitKind.FILE, path, read, size)

    def overwritten(self, path: Path, written: int, size: int) -> None:
        """Report the overwriting of a file, if it is time to.

        Arguments:
            path: the file.
            written: how many of its bytes are overwritten on disk.
            size: how many it has.
        """
        self._note(DESTROYING, WaitKind.OVERWRITE, path, written, size)

    def _note(self, phase: str, kind: WaitKind, path: Path, done: int, size: int) -> None:
        now = self._clock()
        if self._report is None or now <= self._next_at:
            return
        self._next_at = now + EVERY_S
        elapsed_s = now - self._began_at
        percent = min(100, 100 * done // max(1, size))
        wait = Wait(kind=kind, waited_s=elapsed_s, file=path.name, percent=percent)
        self._report(Activity(phase=phase, elapsed_s=elapsed_s, requests=0, wait=wait))
