"""A limit that a 429 lowered applies from then on (guarantee 13)."""

import asyncio

import anyio
from virtual_time import run_virtual

from asyncclient import Bucket, Limits, RateLimits


async def made_within(limits: Limits, seconds: float) -> int:
    """Return how many requests can be made in this many seconds with instant responses."""
    made = 0
    with anyio.move_on_after(seconds):
        while True:
            async with limits.permit(Bucket.OTHERS) as permit:
                permit.mark_sent()
            made += 1
    return made


def test_no_more_requests_than_the_lowered_limit_leave_in_the_next_window() -> None:
    async def made() -> int:
        limits = Limits(RateLimits.posthog(), clock=asyncio.get_running_loop().time)
        (lowered,) = limits.lower(Bucket.OTHERS, 10.0)
        assert (lowered.old, lowered.new) == (240, 120)
        return await made_within(limits, 59.0)

    assert run_virtual(made()) == 120
