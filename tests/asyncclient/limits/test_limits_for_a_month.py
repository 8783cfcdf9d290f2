"""A month in virtual time against Django REST framework's own throttles, with random trouble (guarantees 13, 14).

The rates are small, so that a month of them takes seconds; what they do does not depend on their size.
"""

import asyncio
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from email.utils import formatdate
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from drf_throttles import Throttles
from virtual_time import run_virtual

from asyncclient import Bucket, LimitLowered, Limits, Paused, PostHogError, RateLimits, RetryPolicy
from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.responses.expectations import EmptyBody
from asyncclient._protocol.server_clock import ServerClock
from asyncclient._secret import Secret
from asyncclient._transport.path_prefix import PathPrefix
from asyncclient._transport.rate_limited import RateLimitedTransport
from asyncclient._transport.retrying import RetryingTransport

HOUR_S = 3600.0
DAY_S = 86_400.0
WORKERS = 3
PER_MINUTE, PER_HOUR = 4, 40
READ = Request(
    action="list", method="GET", path="persons/", route="GET persons", bucket=Bucket.DELETES, expects=EmptyBody()
)
EPOCH = 1_790_000_000.0

RETRY_AFTERS = [
    *(None, None, None, "0", "-5", "soon", "", "1e3", "0.001", "2", "30", "59", "61", "600", "3600", "7200"),
    *("9" * 30, "Wed, 21 Oct 2015 07:28:00 GMT", "in 90 s"),
]


class Trouble:
    """Minutes in which a proxy responds to seven of ten requests with 429, 502 or 503."""

    def __init__(self, random: Random, start: float, end: float) -> None:
        self._random = random
        self.spells: list[tuple[float, float]] = []
        at = start
        while (at := at + random.uniform(HOUR_S, 16 * HOUR_S)) < end:
            self.spells.append((at, at := at + random.choice([60.0, 300.0, 900.0, 3600.0])))

    def response(self, now: float) -> Response | None:
        """What stands in for the server's response now, if anything."""
        began = bisect_right(self.spells, (now, math.inf))  # they follow one another
        if not began or now >= self.spells[began - 1][1] or self._random.random() > 0.7:
            return None
        headers = {}
        if (asked := self._random.choice([*RETRY_AFTERS, "date"])) is not None:
            headers["retry-after"] = formatdate(EPOCH + now + 120, usegmt=True) if asked == "date" else asked
            headers["date"] = formatdate(EPOCH + now, usegmt=True)
        return Response(status=self._random.choice([429, 502, 503]), path="p", headers=headers, body=b"<html>")


class Server:
    """A wire to a server that counts as PostHog does."""

    def __init__(self, rates: dict[str, str], *, days: int, troubled: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._random = Random(1)
        self._throttles = Throttles(rates, self._loop.time)
        self.start = self._loop.time()
        self.end = self.start + days * DAY_S
        self.trouble = Trouble(self._random, self.start if troubled else math.inf, self.end)
        self.allowed: list[float] = []
        self.refused = 0

    async def send(self, request: Request, path: str, on_sent: Any) -> Response:
        on_sent()
        await asyncio.sleep(self._random.uniform(0.01, 0.4))
        now = self._loop.time()
        said = self.trouble.response(now)
        if said is None and (wait_s := self._throttles.wait_s()) is not None:
            self.refused += 1
            said = Response(status=429, path="p", headers={"retry-after": str(math.ceil(wait_s))}, body=b"{}")
        elif said is None:
            self.allowed.append(now)
            said = Response(status=200, path="p", headers={}, body=b"{}")
        await asyncio.sleep(self._random.uniform(0.01, 0.4))
        return said

    def served(self, since: float, until: float) -> int:
        return bisect_left(self.allowed, until) - bisect_left(self.allowed, since)


class Month:
    """The result of a month with as many requests as the limits allow."""

    def __init__(self, rates: RateLimits, server_rates: dict[str, str], *, days: int, troubled: bool) -> None:
        loop = asyncio.get_running_loop()
        self.server = Server(server_rates, days=days, troubled=troubled)
        self.limits = Limits(rates, clock=loop.time)
        self.asked_away: list[tuple[float, float]] = []
        self.lowered: list[tuple[float, LimitLowered]] = []
        key, policy = Secret("phx_x"), RetryPolicy()
        throttled = RateLimitedTransport(self.server, self.limits, key, policy, self.emit, ServerClock(), loop.time)
        self.stack = RetryingTransport(throttled, PathPrefix("projects", 1), policy, key, self.emit, Random(1).uniform)

    def emit(self, event: object) -> None:
        now = asyncio.get_running_loop().time()
        if isinstance(event, Paused):
            self.asked_away.append((now, now + min(event.for_s, HOUR_S)))
        elif isinstance(event, LimitLowered):
            self.lowered.append((now, event))

    async def pass_by(self) -> "Month":
        loop, until = asyncio.get_running_loop(), self.server.end

        async def work() -> None:
            while loop.time() < until:
                try:
                    await self.stack.send(READ, None)
                except PostHogError:
                    await asyncio.sleep(20.0)

        workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
        await asyncio.sleep(until - loop.time())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        return self

    def each_day(self) -> Iterator[tuple[float, float]]:
        """Each day's requests that were allowed, and its seconds without trouble and without being asked to wait."""
        away = sorted([*self.server.trouble.spells, *self.asked_away])
        until = self.server.start
        while until < self.server.end:
            since, until = until, until + DAY_S
            lost_s, at = 0.0, since
            for begin, end in away:
                begin, end = max(begin, at), min(end, until)
                if begin < end:
                    lost_s, at = lost_s + end - begin, end
            yield self.server.served(since, until), DAY_S - lost_s

    def quiet_hours(self) -> Iterator[tuple[float, float]]:
        """For each trouble that is followed by three quiet hours, the hour that begins an hour after its end."""
        away = sorted([*self.server.trouble.spells, *self.asked_away])
        end = 0.0
        for (_, until), (following, _) in pairwise(away):
            end = max(end, until)
            if following > end + 3 * HOUR_S:
                yield end + HOUR_S, end + 2 * HOUR_S


KNOWN = RateLimits(deletes_per_minute=PER_MINUTE, deletes_per_hour=PER_HOUR)


@pytest.mark.slow
def test_a_month_of_trouble_costs_neither_a_429_nor_the_allowance(case_count: Callable[[int, int], int]) -> None:
    days = case_count(12, 30)

    async def main() -> Month:
        server_rates = {"burst": f"{PER_MINUTE}/min", "sustained": f"{PER_HOUR}/hour"}
        return await Month(KNOWN, server_rates, days=days, troubled=True).pass_by()

    month = run_virtual(main())
    assert len(month.server.trouble.spells) > 1.6 * days
    assert len(month.lowered) > 0.6 * days
    assert month.server.refused == 0
    for allowed, open_s in month.each_day():
        assert allowed >= 0.95 * PER_HOUR * open_s / HOUR_S
    quiet = list(month.quiet_hours())
    assert len(quiet) > 1.6 * days
    for since, until in quiet:
        assert month.server.served(since, until) >= PER_HOUR


@pytest.mark.slow
@pytest.mark.parametrize(("per_minute", "per_hour", "troubled"), [(3, 40, False), (4, 25, False), (2, 15, True)])
def test_a_server_that_allows_less_than_thought_refuses_no_more_than_each_try_to_have_more(
    per_minute: int, per_hour: int, troubled: bool
) -> None:
    """Each time the limit recovers above what the server allows is one episode, with all requests in flight."""

    async def main() -> Month:
        rates = RateLimits(deletes_per_minute=PER_MINUTE, deletes_per_hour=None)
        server_rates = {"burst": f"{per_minute}/min", "sustained": f"{per_hour}/hour"}
        return await Month(rates, server_rates, days=8, troubled=troubled).pass_by()

    month = run_virtual(main())
    assert month.server.refused <= WORKERS * len(month.lowered)
    assert len(month.lowered) < 3 * 24 * 8
    for allowed, open_s in month.each_day():
        assert allowed >= 0.95 * per_hour * (open_s if troubled else DAY_S) / HOUR_S
