"""A rate limit that is lower for a while, because the server answered 429. Pure; times are arguments."""

import msgspec

RECOVERY_S = 2700.0
"""Seconds without a 429 after which nothing is left of a reduction: less than an hour."""


class LimitReduction(msgspec.Struct, frozen=True, kw_only=True):
    """A window's limit as a 429 made it; it recovers by itself and then expires.

    Arguments:
        window_s: length of the window in seconds.
        configured: the limit without the reduction; None is unlimited.
        old: the limit just before; None is unlimited.
        new: the limit at first.
        recovers_from: when the recovery starts, by the clock of the limits: at the last 429, or at the end of the
            pause that it asked for.
    """

    window_s: float
    configured: int | None
    old: int | None
    new: int
    recovers_from: float

    def has_expired(self, now: float) -> bool:
        """Whether the configured limit holds again.

        Arguments:
            now: seconds, by the clock of the limits.
        """
        return now >= self.recovers_from + RECOVERY_S

    def limit(self, now: float) -> int | None:
        """The limit that holds at this time; None is unlimited.

        It rises slowly at first, since the server may really allow no more, and faster the longer nothing is refused.
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
    """The limit to keep to after a 429: what passed, but no less than half, which others may have used.

    Arguments:
        limit: in force, or where there is none the one that PostHog publishes.
        passed: requests that the server let through in the window that ends now.
        in_force: whether the limit was kept to, so that it must be lower than that.
    """
    found = max(1, limit // 2, passed)
    return max(1, min(found, limit - 1)) if in_force else found
