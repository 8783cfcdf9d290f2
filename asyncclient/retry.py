"""When a request is sent again, and after how long: a pure decision. Knows no clock and no wire.

Reads are repeated after whatever may pass. A mutating call is repeated only where it certainly had no effect:
a 500 may come after the person is gone and before its events are queued (contract 6.4), and only reading back
tells, which is the caller's business. Captured events that come to the same twice are repeated as reads are.
"""

import math
import random
from collections.abc import Callable

import msgspec

from asyncclient.errors import ApiStatusError, ConnectFailed, InvalidArgument, PostHogError, RateLimited, TransportError

UNAVAILABLE = frozenset({502, 503, 504, 512})


class Retry(msgspec.Struct, frozen=True):
    """Send again after so many seconds."""

    after_s: float


class GiveUp(msgspec.Struct, frozen=True):
    """Do not send again."""

    reason: str


Decision = Retry | GiveUp


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how patiently requests are repeated.

    Arguments:
        attempts: in all, the first included.
        base_s, cap_s: full jitter between 0 and base * 2^n seconds, at most the cap.
        longest_pause_s: a server that asks for more is not waited for.
    """

    attempts: int = 5
    base_s: float = 0.5
    cap_s: float = 30.0
    longest_pause_s: float = 3600.0

    def __post_init__(self) -> None:
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int) or not 1 <= self.attempts <= 100:
            raise InvalidArgument(f"attempts {self.attempts!r} is not a whole number from 1 to 100")
        for name in ("base_s", "cap_s", "longest_pause_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise InvalidArgument(f"{name} {value!r} is not a number of seconds, 0 or more")

    @classmethod
    def never(cls) -> "RetryPolicy":
        """Each request once."""
        return cls(attempts=1)


def decide(
    policy: RetryPolicy,
    error: PostHogError,
    *,
    attempt: int,
    mutating: bool,
    uniform: Callable[[float, float], float] = random.uniform,
) -> Decision:
    """Whether to send again.

    Arguments:
        error: how the attempt ended.
        attempt: how many were made, 1 or more.
        mutating: whether the request may change anything, and doing it twice may come to something else than once.
        uniform: draws between two numbers.
    """
    if attempt >= policy.attempts:
        return GiveUp("attempts used up")
    pause_s = shared_pause_s(policy, error, attempt=attempt) if isinstance(error, ApiStatusError) else None
    if isinstance(error, RateLimited):
        return _after_pause(policy, pause_s or 0.0)
    if isinstance(error, ConnectFailed):
        return Retry(_backoff(policy, attempt, uniform))
    if mutating:
        return GiveUp("whether it was done is not known")
    if isinstance(error, TransportError):
        return Retry(_backoff(policy, attempt, uniform))
    if isinstance(error, ApiStatusError) and (error.status in UNAVAILABLE or (error.status == 500 and attempt == 1)):
        return _after_pause(policy, max(pause_s or 0.0, _backoff(policy, attempt, uniform)))
    return GiveUp("the answer would be the same")


def shared_pause_s(policy: RetryPolicy, error: ApiStatusError, *, attempt: int) -> float | None:
    """How many seconds everybody of the bucket stays away because of an answer; None where it asks for no pause.

    As long as the server asks, but no shorter than the backoff of that attempt: a server that asks for nothing, or for
    a time that is over, is not hammered. It needs no jitter, since those who wait go on one by one as the limits let
    them. A 429 always asks for a pause, an unavailable server where it says so.
    """
    if isinstance(error, RateLimited) or (error.status in UNAVAILABLE and error.retry_after_s is not None):
        return max(error.retry_after_s or 0.0, min(policy.cap_s, policy.base_s * 2.0**attempt))
    return None


def _after_pause(policy: RetryPolicy, pause_s: float) -> Decision:
    if pause_s > policy.longest_pause_s:
        return GiveUp("the server asks for too long a pause")
    return Retry(pause_s)


def _backoff(policy: RetryPolicy, attempt: int, uniform: Callable[[float, float], float]) -> float:
    return uniform(0.0, min(policy.cap_s, policy.base_s * 2.0 ** (attempt - 1)))
