"""When a job must stop because things go wrong: the failure breaker and the retry budget. Pure.

The breaker opens when half of the last 20 batches made no progress (promise 24); the budget bounds retries over
the whole run, so that a server that fails half the time is not hammered for a day (promise 12).
"""

from collections import deque

WINDOW = 20
OPENS_AT = 10
BUDGET_AT_START = 60.0
EARNED_BY_SUCCESS = 0.5


class Breaker:
    """Counts batches that made progress and batches that did not."""

    def __init__(self) -> None:
        self._last: deque[bool] = deque(maxlen=WINDOW)

    def batch(self, *, progress: bool) -> str | None:
        """Note one batch's first attempt.

        Returns:
            Why the job must stop, or None.
        """
        self._last.append(progress)
        without = self._last.count(False)
        if without < OPENS_AT:
            return None
        return f"{without} of the last {len(self._last)} batches made no progress"


class RetryBudget:
    """Retries that the run may still make. Each success earns half a retry; an attempt with progress costs none."""

    def __init__(self) -> None:
        self._left = BUDGET_AT_START

    def success(self) -> None:
        """An attempt made progress."""
        self._left = min(BUDGET_AT_START, self._left + EARNED_BY_SUCCESS)

    def spend(self) -> str | None:
        """An attempt made no progress and is to be repeated.

        Returns:
            Why the job must stop, or None.
        """
        self._left -= 1
        return "the retry budget is used up: too many attempts made no progress" if self._left < 0 else None
