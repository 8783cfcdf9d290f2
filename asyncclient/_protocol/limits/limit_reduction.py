"""LimitReduction: a rate limit that is lower for a while after a 429. Pure; times are arguments."""

import msgspec

RECOVERY_S = 2700.0
"""Seconds without a 429 after which a reduction has expired: less than an hour."""


class LimitReduction(msgspec.Struct, frozen=True, kw_only=True):
    """The reduced limit of a window after a 429; it recovers gradually and then expires.

    Arguments:
        window_s: length of the window in seconds.
        configured: the limit without the reduction; None is unlimited.
        old: the limit just before the reduction; None is unlimited.
        new: the reduced limit, before it recovers.
        recovers_from: when the recovery starts, in seconds by the clock of the limits: at the last 429, or at the end
            of the pause that it asked for.
    """

    window_s: float
    configured: int | None
    old: int | None
    new: int
    recovers_from: float

    def has_expired(self, now: float) -> bool:
        """Return whether the configured limit applies again.

        Arguments:
            now: seconds, by the clock of the limits.
        """
        return now >= self.recovers_from + RECOVERY_S

    def limit(self, now: float) -> int | None:
        """Return the limit that applies at this time; None is unlimited.

        It rises slowly at first, since the server may really allow no more, and faster while no request is refused.
        An unlimited window stays reduced until the reduction expires.

        Arguments:
            now: seconds, by the clock of the limits.
        """
        if self.has_expired(now):
            return self.configured
        if self.configured is None or now <= self.recovers_from:
            return self.new
        share = (now - self.recovers_from) / RECOVERY_S
        return self.new + int((self.configured - self.new) * share**3)


def reduced_limit(*, limit: int, passed: int, in_force: bool) -> int:
    """Return the limit to apply after a 429: the requests that passed, but at least half of the limit.

    Other processes with the same key may have used the rest of it.

    Arguments:
        limit: the limit in force; if there is none, the one that PostHog publishes.
        passed: number of requests that the server let through in the window that ends now.
        in_force: whether the limit was applied, so that the new one must be lower.
    """
    found = max(1, limit // 2, passed)
    return max(1, min(found, limit - 1)) if in_force else found
