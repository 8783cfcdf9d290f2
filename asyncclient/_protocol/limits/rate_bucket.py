"""One rate limit bucket: its request log, its windows and its pause. Pure; times are arguments.

A request counts from its sending until one window after its answer arrived. The server counted it before it answered,
so the server's own log never holds more than this one, whatever the latency.
"""

import math
from collections.abc import Mapping

import msgspec

from asyncclient._protocol.limits.limit_reduction import LimitReduction, reduced_limit
from asyncclient._protocol.limits.rate_limits import DOCUMENTED_PER_HOUR, HOUR_S, MINUTE_S
from asyncclient._protocol.limits.request_log import MARGIN_S, RequestLog

LONGEST_PAUSE_S = 3600.0
"""Seconds after which a server that asked for a longer pause is asked again."""
EPISODE_S = 60.0
"""Seconds after a reduction in which 429s are part of it: what was sent before still counts at the server."""
SAME_PAUSE_S = 1.0
"""A pause that ends later than the one under way by less than this is the same one."""


class WindowBudget(msgspec.Struct, frozen=True, kw_only=True):
    """One window of a rate limit at this moment.

    Arguments:
        window_s: its length in seconds.
        limit: requests that it allows.
        used: requests that count in it.
        frees_in_s: seconds until one more may leave; 0 when one may now.
    """

    window_s: float
    limit: int
    used: int
    frees_in_s: float


class RateBucket:
    """The state of one bucket.

    Arguments:
        configured: requests that each window allows, by its length in seconds.
        published: the limits that PostHog publishes, for a bucket without limits that is answered 429.
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
        self._asked_until = 0.0
        self._reduced_at = -math.inf
        self._refused_at = -math.inf
        self._passed_again = True

    def wait_s(self, now: float) -> float | None:
        """Seconds until one more request may leave; None when only an answer can make room for it."""
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

    def asked_wait_s(self, now: float) -> float:
        """Seconds that the server still asks to wait; 0 where no pause is under way.

        Longer than the rest of the pause if it asked for more than `LONGEST_PAUSE_S`.
        """
        return self._asked_until - now if self.not_before > now else 0.0

    def answered(self, now: float, *, left_at: float, passed: bool) -> None:
        """Count a request whose answer, or end without one, came now.

        Arguments:
            left_at: when it was sent.
            passed: whether the server certainly let it through.
        """
        self.log.record(now)
        if not passed:
            self._not_passed.record(now)
            return
        if left_at >= self._refused_at:
            self._passed_again = True
        if self._reductions:
            self._keep_to_what_passed(now)

    def pause(self, now: float, for_s: float, status: int) -> bool:
        """Pause the bucket for so many seconds, an hour at the longest.

        Returns:
            Whether that is a new pause: none was under way, or it ends later than the one that is.
        """
        until = now + min(for_s, LONGEST_PAUSE_S)
        if until < self.not_before or until <= now:
            return False
        is_new = self.not_before <= now or until >= self.not_before + SAME_PAUSE_S
        self.not_before, self.pause_status = until, status
        self._asked_until = now + for_s
        return is_new

    def reduce(self, now: float, *, retry_after_s: float | None, left_at: float) -> list[LimitReduction]:
        """Lower the limit after an unexpected 429.

        All 429s until requests pass again, and those within a minute of the reduction, are one episode, and an
        episode lowers the limit once. A wait of more than a minute means an hourly limit. Where the bucket has no
        limits at all, PostHog's published ones are switched on.

        Arguments:
            retry_after_s: how long the server asks to wait.
            left_at: when the refused request was sent.

        Returns:
            What was lowered; empty within an episode.
        """
        same_episode = not self._passed_again or left_at < self._reduced_at + EPISODE_S
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
        made = []
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
            made.append(self._reduce(window_s, old, new, over_at))
        return made

    def reduce_as_before(self, now: float, *, window_s: float, new: int, age_s: float) -> None:
        """Keep to a limit that another process lowered so many seconds ago."""
        configured = self._configured.get(window_s)
        if configured is None or new < configured:
            self._reduce(window_s, self._limits.get(window_s), new, now - age_s)
            self._recover(now)

    def budget(self, now: float) -> list[WindowBudget]:
        """Each window that is limited, the shortest first."""
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
        """Seconds until so many more requests can have been made, each answered at once."""
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
        """Raise reduced limits to what holds now, and drop what has expired."""
        for window_s, reduction in list(self._reductions.items()):
            self._limits[window_s] = reduction.limit(now)
            if reduction.has_expired(now):
                del self._reductions[window_s]

    def _keep_to_what_passed(self, now: float) -> None:
        """Raise reductions to what the server lets through, where that is more."""
        for window_s, reduction in self._reductions.items():
            passed = self._passed(now, window_s)
            if passed > reduction.new:
                highest = passed if reduction.configured is None else min(passed, reduction.configured)
                self._reductions[window_s] = msgspec.structs.replace(reduction, new=highest)

    def _passed(self, now: float, window_s: float) -> int:
        answered = self.log.count(now, window_s) - self.log.under_way
        return max(0, answered - self._not_passed.count(now, window_s))
