"""Throttle: counts requests against rate limits as Django REST framework does, with a sliding log per key and window.

Contract 3. The time of a request is an argument.
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
PREVIEWS = "previews"
SUBMISSIONS = "submissions"
PER_PROJECT = frozenset({PREVIEWS, SUBMISSIONS})
"""Buckets that count the requests of all keys of a project together (contract 13)."""

_MINUTE_S = 60.0
_HOUR_S = 3600.0


class Admission(msgspec.Struct, frozen=True):
    """Whether a request may pass; if not, the seconds to wait, or None if they cannot be computed."""

    allowed: bool
    wait_s: float | None = None


class SlidingLog:
    """The times of the requests that passed one window."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def admit(self, now: float, limit: int, window_s: float) -> Admission:
        """Count a request, or refuse it; a refused request does not count in this window."""
        times = self._times
        while times and times[0] <= now - window_s:
            times.popleft()
        if len(times) < limit:
            times.append(now)
            return Admission(True)
        remaining = window_s - (now - times[0]) if times else window_s
        available = limit - len(times) + 1
        return Admission(False, remaining / available if available > 0 else None)


class Throttle:
    """All windows of all keys and users."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, str, float], SlidingLog] = {}

    def admit(self, bucket: str, owner: str, now: float, limits: RateLimits) -> Admission:
        """Count a request of a key or a user in every window of its bucket.

        A request that one window refuses still counts in the other window of the bucket, so repeating requests after a
        429 also fills the hour (contract 3).
        """
        hashed = hashlib.sha256(owner.encode()).hexdigest()
        admissions = []
        for limit, window_s in _windows(bucket, limits):
            if limit is None:
                continue
            log = self._logs.setdefault((bucket, hashed, window_s), SlidingLog())
            admissions.append(log.admit(now, limit, window_s))
        refused = [admission for admission in admissions if not admission.allowed]
        if not refused:
            return Admission(True)
        waits = [admission.wait_s for admission in refused if admission.wait_s is not None]
        return Admission(False, max(waits, default=None))

    def clear(self) -> None:
        """Forget all counted requests."""
        self._logs.clear()


def whole_seconds(wait_s: float | None) -> int | None:
    """Return the wait as the response states it: in whole seconds, rounded up."""
    return None if wait_s is None else math.ceil(wait_s)


def _windows(bucket: str, limits: RateLimits) -> tuple[tuple[int | None, float], ...]:
    match bucket:
        case "deletes":
            return (limits.deletes_per_minute, _MINUTE_S), (limits.deletes_per_hour, _HOUR_S)
        case "others":
            return (limits.others_per_minute, _MINUTE_S), (limits.others_per_hour, _HOUR_S)
        case "users":
            return (limits.users_per_minute, _MINUTE_S), (limits.users_per_hour, _HOUR_S)
        case "previews":
            return (limits.previews_per_minute, _MINUTE_S), (limits.previews_per_hour, _HOUR_S)
        case "submissions":
            return ((limits.submissions_per_hour, _HOUR_S),)
        case _:
            return (limits.default_per_minute, _MINUTE_S), (limits.default_per_hour, _HOUR_S)
