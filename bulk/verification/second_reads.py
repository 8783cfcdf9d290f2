"""Decides whether a second read confirms what a first one did not show of a target (guarantee 11). Pure."""

import math
from collections.abc import Collection, Iterable

from bulk.posthog import person_reader


class SecondReads:
    """The times of the first reads that lacked one thing, by target number."""

    def __init__(self) -> None:
        self._first_at: dict[int, float] = {}

    def confirms(self, number: int, asked_at: float) -> bool:
        """Return whether a read that lacks it decides; the first one does not, but its time is kept.

        Arguments:
            asked_at: when the request of this read left, by the boot-time clock.
        """
        first = self._first_at.get(number)
        if first is None or asked_at < first + person_reader.CONFIRM_AFTER_S:
            self._first_at.setdefault(number, asked_at)
            return False
        del self._first_at[number]
        return True

    def forget(self, numbers: Iterable[int]) -> None:
        """Forget earlier reads without it, because a read shows it."""
        if self._first_at:
            for number in numbers:
                self._first_at.pop(number, None)

    def confirm_at(self, numbers: Collection[int]) -> float:
        """Return when a second read of these targets may decide; minus infinity if no read lacked anything."""
        waiting = (self._first_at[number] for number in numbers if number in self._first_at)
        return max(waiting, default=-math.inf) + person_reader.CONFIRM_AFTER_S
