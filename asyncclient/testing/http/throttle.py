"""Rate limits, counted as Django REST framework counts them: a sliding log per key and window (contract 3).

The time of a request is an argument; no clock is read here.
"""

import hashlib
import math
from collections import deque

import msgspec

from asyncclient.testing.options import RateLimits

DELETES = "deletes"
OTHERS = "others"
DEFAULT = "default"
USERS = "users"

_MINUTE_S = 60.0
_HOUR_S = 3600.0


class Verdict(msgspec.Struct, frozen=True):
    """Whether a request may pass; if not, how long to wait, None when that cannot be computed."""

    allowed: bool
    wait_s: float | None = None


class SlidingLog:
    """The times of the requests that one window let through."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def admit(self, now: float, limit: int, window_s: float) -> Verdict:
        """Count a request made now, or refuse it: a refused request leaves no trace in this window."""
        times = self._times
        while times and times[0] <= now - window_s:
            times.popleft()
        if len(times) < limit:
            times.append(now)
            return Verdict(True)
        remaining = window_s - (now - times[0]) if times else window_s
        available = limit - len(times) + 1
        return Verdict(False, remaining / available if available > 0 else None)


class Throttle:
    """All windows of all keys and users."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, str, float], SlidingLog] = {}

    def admit(self, bucket: str, owner: str, now: float, limits: RateLimits) -> Verdict:
        """Count a request of a key, or of a user, in every window of its bucket.

        A request that one window refuses is still recorded by the bucket's other window, so hammering
        a full minute also fills the hour (contract 3).
        """
        hashed = hashlib.sha256(owner.encode()).hexdigest()
        verdicts = []
        for limit, window_s in _windows(bucket, limits):
            if limit is None:
                continue
            log = self._logs.setdefault((bucket, hashed, window_s), SlidingLog())
            verdicts.append(log.admit(now, limit, window_s))
        refused = [verdict for verdict in verdicts if not verdict.allowed]
        if not refused:
            return Verdict(True)
        waits = [verdict.wait_s for verdict in refused if verdict.wait_s is not None]
        return Verdict(False, max(waits, default=None))

    def clear(self) -> None:
        """Forget every request counted so far."""
        self._logs.clear()


def whole_seconds(wait_s: float | None) -> int | None:
    """The wait as it is told to the client: whole seconds, rounded up."""
    return None if wait_s is None else math.ceil(wait_s)


def _windows(bucket: str, limits: RateLimits) -> tuple[tuple[int | None, float], ...]:
    match bucket:
        case "deletes":
            return (limits.deletes_per_minute, _MINUTE_S), (limits.deletes_per_hour, _HOUR_S)
        case "others":
            return (limits.others_per_minute, _MINUTE_S), (limits.others_per_hour, _HOUR_S)
        case "users":
            return (limits.users_per_minute, _MINUTE_S), (limits.users_per_hour, _HOUR_S)
        case _:
            return (limits.default_per_minute, _MINUTE_S), (limits.default_per_hour, _HOUR_S)
