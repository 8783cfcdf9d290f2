"""How fast a phase of a run is, and how long the rest takes. Pure.

A pause of the server or an outage says nothing about the speed of the remaining work, so the estimate leaves its time
out. Waits for the rate limit, or for the server to catch up, are part of the work: they come again.
"""

import msgspec

from bulk.events import Wait
from bulk.progress.wait_tracker import INTERRUPTIONS, STANDSTILLS

SHORTEST_S = 1.0
"""A rate over less time says nothing, so it is one over at least these seconds."""


class PhaseProgress(msgspec.Struct, frozen=True, kw_only=True):
    """What a phase has done so far.

    `done` targets in `elapsed_s`. In `standstill_s` of these no work was possible, of which `interrupted_s` were pauses
    of the server and outages.
    """

    done: int
    elapsed_s: float
    standstill_s: float = 0.0
    interrupted_s: float = 0.0

    @property
    def targets_per_s(self) -> float:
        """The rate over the time in which work was possible."""
        return _rate(self.done, self.elapsed_s - self.standstill_s)

    @property
    def overall_per_s(self) -> float:
        """The rate over all time."""
        return _rate(self.done, self.elapsed_s)


def estimate_left_s(
    progress: PhaseProgress,
    *,
    left: int,
    at_least_s: float,
    wait: Wait | None,
    at_most_s: float | None = None,
    is_sample: bool = False,
) -> float | None:
    """Return how many seconds the rest of a phase takes; None if nothing tells.

    Arguments:
        progress: of the phase.
        left: how many targets are left.
        at_least_s: what the rate limits need for them, the rest of a pause included.
        wait: what is waited for now.
        at_most_s: seconds after which the phase ends in any case.
        is_sample: whether the phase is too small to tell the speed, as the test batch is.
    """
    standing_s, wait_left_s = 0.0, 0.0
    if wait is not None and wait.kind in STANDSTILLS:
        wait_left_s = wait.left_s or 0.0
        standing_s = 0.0 if wait.kind in INTERRUPTIONS else wait.waited_s  # a part of a wait would count too much
    by_rate_s = wait_left_s
    if progress.done > 0 and not is_sample:
        worked_s = max(0.0, progress.elapsed_s - progress.interrupted_s - standing_s)
        by_rate_s += left * worked_s / progress.done
    left_s = max(by_rate_s, at_least_s)
    if at_most_s is not None:
        left_s = min(left_s or at_most_s, at_most_s)
    return left_s or None


def _rate(done: int, seconds: float) -> float:
    return max(0.0, done / max(seconds, SHORTEST_S))
