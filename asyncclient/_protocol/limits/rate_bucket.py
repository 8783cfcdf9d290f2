"""RateBucket: the request log, the windows and the pause of one rate limit. Pure; times are arguments.

A request counts from its sending until one window after its response arrived. The server counted it before it
responded, so the server's own log never has more requests than this one, whatever the latency.
"""

import math
from collections.abc import Mapping

import msgspec

from asyncclient._protocol.limits.limit_reduction import LimitReduction, reduced_limit
from asyncclient._protocol.limits.rate_limits import DOCUMENTED_PER_HOUR, HOUR_S, MINUTE_S
from asyncclient._protocol.limits.request_log import MARGIN_S, RequestLog

LONGEST_PAUSE_S = 3600.0
"""The longest pause in seconds: after it a request is tried again, even if the server asked for a longer one."""
EPISODE_S = 60.0
"""Seconds after a reduction in which 429s belong to it, because earlier requests still count at the server."""
SAME_PAUSE_S = 1.0
"""A pause that ends less than this many seconds after the current one is the same pause."""


class WindowBudget(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one rate limit window.

    Arguments:
        window_s: length of the window in seconds.
        limit: requests that it allows.
        used: requests that count in it now.
        frees_in_s: seconds until one more request may be sent; 0 if one may be sent now.
    """

    window_s: float
    limit: int
    used: int
    frees_in_s: float


class RateBucket:
    """The state of one bucket.

    Arguments:
        configured: requests per window, by the length of the window in seconds.
        published: the limits that PostHog publishes, applied if a bucket without limits gets a 429.
    """

    def __init__(self, configured: Mapping[float, int], published: Mapping[float, int]) -> None:
        self.log = RequestLog()
        self.not_before = 0.0
        self.pause_status = 0
        self._configured = dict(configured)
        self._published = dict(published)
        self._limits: dict[float, int | None] = dict(configured)
        self._reductions: dict[float, LimitReduction] = {}
        self._not_passed = RequestLog()
        self._requested_until = 0.0
        self._reduced_at = -math.inf
        self._refused_at = -math.inf
        self._passed_again = True

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until one more request may be sent; None if only a response can make room for it."""
        longest = self.not_before - now
        if self._reductions:
            self._recover(now)
        for window_s, limit in self._limits.items():
            if limit is not None:
                wait_s = self.log.wait_s(now, window_s, limit)
                if wait_s is None:
                    return None
                if wait_s > longest:
                    longest = wait_s
        return longest

    def requested_wait_s(self, now: float) -> float:
        """Return the seconds that the server still asks to wait; 0 without a pause.

        This is more than the rest of the pause if the server asked for more than `LONGEST_PAUSE_S`.
        """
        return self._requested_until - now if self.not_before > now else 0.0

    def record_response(self, now: float, *, sent_at: float, passed: bool) -> None:
        """Count a request that just ended, with a response or without.

        Arguments:
            now: seconds, by the clock of the limits.
            sent_at: when it was sent.
            passed: whether the server certainly let it through.
        """
        self.log.record(now)
        if not passed:
            self._not_passed.record(now)
            return
        if sent_at >= self._refused_at:
            self._passed_again = True
        if self._reductions:
            self._keep_to_what_passed(now)

    def pause(self, now: float, for_s: float, status: int) -> bool:
        """Pause the bucket for this many seconds, for one hour at most.

        Returns:
            True for a new pause: there was none, or it ends later than the current one.
        """
        until = now + min(for_s, LONGEST_PAUSE_S)
        if until < self.not_before or until <= now:
            return False
        is_new = self.not_before <= now or until >= self.not_before + SAME_PAUSE_S
        self.not_before, self.pause_status = until, status
        self._requested_until = now + for_s
        return is_new

    def reduce(self, now: float, *, retry_after_s: float | None, sent_at: float) -> list[LimitReduction]:
        """Lower the limit after an unexpected 429.

        All 429s until requests pass again, and those within a minute of the reduction, are one episode, and an
        episode lowers the limit once. A wait of more than a minute means an hourly limit. If the bucket has no limits
        at all, PostHog's published ones are switched on.

        Arguments:
            now: seconds, by the clock of the limits.
            retry_after_s: seconds that the server asks to wait; None if it does not say.
            sent_at: when the refused request was sent.

        Returns:
            The reductions; empty within an episode.
        """
        same_episode = not self._passed_again or sent_at < self._reduced_at + EPISODE_S
        self._refused_at, self._passed_again = now, False
        over_at = max(now + min(retry_after_s or 0.0, LONGEST_PAUSE_S), self.not_before)
        self._recover(now)
        for window_s, reduction in self._reductions.items():
            if reduction.recovers_from < over_at:
                self._reductions[window_s] = msgspec.structs.replace(reduction, recovers_from=over_at)
        if same_episode:
            return []
        self._reduced_at = now
        named = HOUR_S if retry_after_s is not None and retry_after_s > MINUTE_S else MINUTE_S
        unlimited = not any(limit is not None for limit in self._limits.values())
        reductions = []
        for window_s in sorted({named, *self._published} if unlimited else {named}):
            old, published = self._limits.get(window_s), self._published.get(window_s)
            limit = old or published or (DOCUMENTED_PER_HOUR if self._published else None)
            if limit is None or old == 1:
                continue
            passed = self._passed(now, window_s)
            new = (
                reduced_limit(limit=limit, passed=passed, in_force=old is not None)
                if window_s == named
                else max(limit, passed)
            )
            reductions.append(self._reduce(window_s, old, new, over_at))
        return reductions

    def restore_reduction(self, now: float, *, window_s: float, new: int, age_s: float) -> None:
        """Apply a limit that another process lowered this many seconds ago."""
        configured = self._configured.get(window_s)
        if configured is None or new < configured:
            self._reduce(window_s, self._limits.get(window_s), new, now - age_s)
            self._recover(now)

    def reductions(self) -> list[LimitReduction]:
        """Return the reductions in force."""
        return list(self._reductions.values())

    def budget(self, now: float) -> list[WindowBudget]:
        """Return the state of each limited window, the shortest first."""
        self._recover(now)
        return [
            WindowBudget(
                window_s=window_s,
                limit=limit,
                used=self.log.count(now, window_s),
                frees_in_s=self.log.wait_s(now, window_s, limit) or 0.0,
            )
            for window_s, limit in sorted(self._limits.items())
            if limit is not None
        ]

    def eta_s(self, now: float, requests: int) -> float:
        """Return the seconds that this many more requests take, if each gets its response at once."""
        if requests < 1:
            return 0.0
        latest = max(0.0, self.not_before - now)
        for window in self.budget(now):
            free = window.limit - window.used
            if requests <= free:
                continue
            rounds, place = divmod(requests - free - 1, window.limit)
            first = self.log.frees_in_s(now, window.window_s, place)
            latest = max(latest, (window.window_s if first is None else first) + rounds * (window.window_s + MARGIN_S))
        return latest

    def _reduce(self, window_s: float, old: int | None, new: int, over_at: float) -> LimitReduction:
        reduction = LimitReduction(
            window_s=window_s, configured=self._configured.get(window_s), old=old, new=new, recovers_from=over_at
        )
        self._reductions[window_s] = reduction
        self._limits[window_s] = new
        return reduction

    def _recover(self, now: float) -> None:
        """Raise reduced limits as far as they have recovered, and drop expired reductions."""
        for window_s, reduction in list(self._reductions.items()):
            self._limits[window_s] = reduction.limit(now)
            if reduction.has_expired(now):
                del self._reductions[window_s]

    def _keep_to_what_passed(self, now: float) -> None:
        """Raise reduced limits to the number of requests that the server lets through, if that is more."""
        for window_s, reduction in self._reductions.items():
            passed = self._passed(now, window_s)
            if passed > reduction.new:
                highest = passed if reduction.configured is None else min(passed, reduction.configured)
                self._reductions[window_s] = msgspec.structs.replace(reduction, new=highest)

    def _passed(self, now: float, window_s: float) -> int:
        record_response = self.log.count(now, window_s) - self.log.in_flight
        return max(0, record_response - self._not_passed.count(now, window_s))
