"""When failures stop a job: the failure breaker and the retry budget. Pure.

The breaker opens when half of the last 20 batches made no progress (guarantee 24). The budget bounds the retries of a
whole run, so that a server that fails half of the time does not get retries for a day (guarantee 12).
"""

from collections import deque

WINDOW = 20
FAILURES_TO_OPEN = 10
RETRY_BUDGET = 60.0
RETRIES_PER_SUCCESS = 0.5


class Breaker:
    """Counts batches that made progress and batches that did not."""

    def __init__(self) -> None:
        self._last: deque[bool] = deque(maxlen=WINDOW)

    def batch(self, *, progress: bool) -> str | None:
        """Count the first attempt of a batch.

        Returns:
            Why the job must stop, or None.
        """
        self._last.append(progress)
        failed = self._last.count(False)
        if failed < FAILURES_TO_OPEN:
            return None
        return f"{failed} of the last {len(self._last)} batches made no progress"


class RetryBudget:
    """Retries that the run may still make. Each success earns half a retry; an attempt with progress costs none."""

    def __init__(self) -> None:
        self._left = RETRY_BUDGET

    def success(self) -> None:
        """Count an attempt that made progress."""
        self._left = min(RETRY_BUDGET, self._left + RETRIES_PER_SUCCESS)

    def spend(self) -> str | None:
        """Count an attempt that made no progress and is to be repeated.

        Returns:
            Why the job must stop, or None.
        """
        self._left -= 1
        return "the retry budget is used up: too many attempts made no progress" if self._left < 0 else None
