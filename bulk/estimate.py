"""What a plan will cost: requests and the time that the rate limits make of them. Pure.

The figures are the engine's own way of working (contract 3, 6.5, 6.11): a small canary batch, then one deletion
call a batch and stage, one read of the store for each 200 targets before sending and one after, and the deletion
rows read back in pages by groups of 1000. Retries, pauses and the server's own queues come on top.
"""

import math
from collections.abc import Mapping

import msgspec

from asyncclient import Bucket, RateLimits
from bulk.operations import Operation

READ_AT_ONCE = 200
ROWS_A_PAGE = 1000
CANARY = 25
PAGES_A_GROUP = 2
"""Rows of other groups lie between those of one."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Requests by rate-limit bucket, and the seconds that the limits make of them at least."""

    deletes: int
    reads: int
    seconds: float

    @property
    def requests(self) -> int:
        """All requests together."""
        return self.deletes + self.reads


def estimate(operation: Operation, count: int, *, batch_size: int, rates: RateLimits) -> Estimate:
    """Return what running an operation on `count` targets takes at the least.

    Args:
        operation: what is done to each target.
        count: targets.
        batch_size: targets a deletion call.
        rates: the limits that the job keeps to.
    """
    canary = min(count, CANARY, batch_size)
    rest = count - canary
    started = min(canary, 1)
    deletes = (started + math.ceil(rest / batch_size)) * (2 if operation.queues_first else 1)
    reads = 2 * (started + math.ceil(rest / READ_AT_ONCE))
    if operation.queues_first:
        reads += started  # the canary is read once more between the stages
    if operation.delete_events:
        reads += started + PAGES_A_GROUP * math.ceil(rest / ROWS_A_PAGE)
    return Estimate(
        deletes=deletes,
        reads=reads,
        seconds=max(
            seconds_needed(deletes, rates.windows(Bucket.DELETES)),
            seconds_needed(reads, rates.windows(Bucket.OTHERS)),
        ),
    )


def seconds_needed(requests: int, limits: Mapping[float, int]) -> float:
    """Return when the last of so many requests can be made, the first at 0, each window full at once.

    Args:
        requests: how many.
        limits: requests that each window allows, by its length in seconds.
    """
    total, left = 0.0, requests
    for window_s, limit in sorted(limits.items(), reverse=True):
        if left <= 0:
            break
        full = (left - 1) // limit
        total += full * window_s
        left -= full * limit
    return total
