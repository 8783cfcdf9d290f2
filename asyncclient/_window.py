"""One window of a rate limit: which requests count in it, and until when. Pure; knows no clock."""

from collections import deque
from collections.abc import Iterable

MARGIN_S = 0.05
"""Added to each window, for clocks that do not run alike."""


class Window:
    """A sliding log: requests under way, and the times at which answered ones stop counting."""

    def __init__(self, window_s: float, limit: int) -> None:
        self.window_s = window_s
        self.limit = limit
        self.under_way = 0
        self.frees_at: deque[float] = deque()

    def used(self, now: float) -> int:
        """How many requests count."""
        while self.frees_at and self.frees_at[0] <= now:
            self.frees_at.popleft()
        return self.under_way + len(self.frees_at)

    def free_in_s(self, now: float) -> float | None:
        """Seconds until a slot is free; None when only an answer can free one."""
        over = self.used(now) - self.limit
        if over < 0:
            return 0.0
        return self.frees_at[over] - now if over < len(self.frees_at) else None

    def answered(self, now: float) -> None:
        """Count a request for a whole window from now."""
        self.frees_at.append(now + self.window_s + MARGIN_S)

    def charge(self, now: float, ages_s: Iterable[float]) -> None:
        """Count requests that others made, each by the seconds since its answer."""
        added = [now - age + self.window_s + MARGIN_S for age in ages_s if age < self.window_s + MARGIN_S]
        self.frees_at = deque(sorted([*self.frees_at, *added]))
