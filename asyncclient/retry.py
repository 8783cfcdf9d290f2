"""Decides whether a request is retried, and after how many seconds. Pure.

Reads are retried after every error that can pass. A mutating call is retried only if it certainly had no effect: a 500
may come after the person is deleted and before its events are queued (contract 6.4), and only the caller can find out
by reading back. Captured events that have the same effect twice are retried like reads.
"""

import math
import random
from collections.abc import Callable

import msgspec

from asyncclient.errors import (
    ApiStatusError,
    ConnectFailed,
    InvalidArgument,
    InvalidResponse,
    PostHogError,
    RateLimited,
    TimedOut,
    TransportError,
    UnknownHost,
    UntrustedCertificate,
)

UNAVAILABLE = frozenset({502, 503, 504, 512, 520, 521, 522, 523, 524})
"""Statuses of a server that cannot respond now; a CDN says that of the server behind it with 520 to 524 (contract 4).
"""

TIMEOUTS = frozenset({504, 512, 524})
"""Statuses of a request that took too long, which a request for fewer rows may not."""

TOO_LARGE = "too_large"
"""The code of an `InvalidResponse` whose body is larger than the client accepts."""

LONGEST_RETRY_FOR_S = 365 * 86_400.0
"""The longest time for which an outage may be waited out, in seconds."""


class Retry(msgspec.Struct, frozen=True):
    """Retry after this many seconds."""

    after_s: float


class GiveUp(msgspec.Struct, frozen=True):
    """Do not retry."""

    reason: str


Decision = Retry | GiveUp


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often requests are retried, and how long a call waits.

    Arguments:
        attempts: the most attempts per call, the first included; 1 to 100.
        base_s: seconds; the wait before retry n is drawn from 0 to base_s * 2^(n-1) (full jitter).
        cap_s: the longest wait between two attempts, in seconds.
        longest_pause_s: seconds; if the server asks for a longer pause, the call fails at once.
        retry_for_s: seconds to wait for a server that does not respond, at most 365 days; with 0 only the attempts
            above are made. In an outage all calls of the client wait, one of them probes the server, and an attempt
            that ended in the outage does not count.
        host_is_known: whether the host was reached before, so that a name that does not exist counts as an outage
            from the first request on. Otherwise it does so once the client has got a response.

    Raises:
        InvalidArgument: a number is out of its range.
    """

    attempts: int = 5
    base_s: float = 0.5
    cap_s: float = 30.0
    longest_pause_s: float = 3600.0
    retry_for_s: float = 0.0
    host_is_known: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int) or not 1 <= self.attempts <= 100:
            raise InvalidArgument(f"attempts {self.attempts!r} is not a whole number from 1 to 100")
        for name in ("base_s", "cap_s", "longest_pause_s", "retry_for_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise InvalidArgument(f"{name} {value!r} is not a number of seconds, 0 or more")
        if self.retry_for_s > LONGEST_RETRY_FOR_S:
            raise InvalidArgument(f"retry_for_s {self.retry_for_s!r} is more than 365 days ({LONGEST_RETRY_FOR_S:.0f})")

    @classmethod
    def never(cls) -> "RetryPolicy":
        """Return a policy that makes each request once."""
        return cls(attempts=1)


def decide(
    policy: RetryPolicy,
    error: PostHogError,
    *,
    attempt: int,
    mutating: bool,
    shrinks: bool = False,
    uniform: Callable[[float, float], float] = random.uniform,
) -> Decision:
    """Decide whether to retry.

    Arguments:
        policy: the limits of patience.
        error: how the attempt ended.
        attempt: how many attempts were made, 1 or more.
        mutating: whether the request changes something and may have another effect if it is made twice.
        shrinks: whether the caller makes a smaller request if this one took too long.
        uniform: draws a number between two bounds; the source of jitter.

    Returns:
        `Retry` with the seconds to wait, or `GiveUp` with the reason.
    """
    if attempt >= policy.attempts:
        return GiveUp("attempts used up")
    if shrinks and took_too_long(error):
        return GiveUp("a smaller request follows")
    pause_s = shared_pause_s(policy, error, attempt=attempt) if isinstance(error, ApiStatusError) else None
    if isinstance(error, RateLimited):
        return _after_pause(policy, pause_s or 0.0)
    if isinstance(error, UntrustedCertificate):
        return GiveUp("the server would show the same certificate")
    if isinstance(error, UnknownHost) and error.does_not_exist:
        return GiveUp("the name server would say the same")
    if isinstance(error, ConnectFailed):
        return Retry(_backoff(policy, attempt, uniform))
    if mutating:
        return GiveUp("the request may have had an effect")
    if isinstance(error, TransportError):
        return Retry(_backoff(policy, attempt, uniform))
    if isinstance(error, ApiStatusError) and (error.status in UNAVAILABLE or (error.status == 500 and attempt == 1)):
        return _after_pause(policy, max(pause_s or 0.0, _backoff(policy, attempt, uniform)))
    return GiveUp("the response would be the same")


def took_too_long(error: PostHogError) -> bool:
    """Return whether a request took too long, or its response was too large, so that a smaller one may succeed."""
    if isinstance(error, InvalidResponse):
        return error.code == TOO_LARGE
    if isinstance(error, ApiStatusError):
        return error.status in TIMEOUTS and error.retry_after_s is None
    return isinstance(error, TimedOut)


def shared_pause_s(policy: RetryPolicy, error: ApiStatusError, *, attempt: int) -> float | None:
    """Return the seconds for which a response pauses all requests of its bucket; None if it asks for no pause.

    The pause is as long as the server asks, but at least the backoff of that attempt, so that a server that names no
    time, or one that is over, is not flooded. It needs no jitter, because waiting requests continue one by one within
    the rate limit. A 429 always asks for a pause, an unavailable server (`UNAVAILABLE`) only with `Retry-After`.
    """
    if isinstance(error, RateLimited) or (error.status in UNAVAILABLE and error.retry_after_s is not None):
        return max(error.retry_after_s or 0.0, min(policy.cap_s, policy.base_s * 2.0**attempt))
    return None


def _after_pause(policy: RetryPolicy, pause_s: float) -> Decision:
    if pause_s > policy.longest_pause_s:
        return GiveUp("the server asks for a longer pause than the policy allows")
    return Retry(pause_s)


def _backoff(policy: RetryPolicy, attempt: int, uniform: Callable[[float, float], float]) -> float:
    return uniform(0.0, min(policy.cap_s, policy.base_s * 2.0 ** (attempt - 1)))
