"""What a plan will cost: requests and the time that the rate limits make of them. Pure.

The figures are the engine's own way of working (contract 3, 6, 12): a small canary batch, then one call a batch and
stage, or one a person, one read of the store for each 200 targets before sending and one after, and the deletion rows
read back in pages by groups of 1000.
Retries, pauses and the server's own queues come on top.
"""

import math
from collections.abc import Mapping

import msgspec

from asyncclient import Bucket, RateLimits
from bulk.operations import Operation, UnsetProperties, axes
from bulk.states import Axis

READ_AT_ONCE = 200
ROWS_A_PAGE = 1000
CANARY_SIZE = 25
PAGES_A_GROUP = 2
"""Rows of other groups lie between those of one."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Requests by rate-limit bucket, and the seconds that the limits make of them at least.

    `changes` are calls that change properties by REST, under the limit of the reads; `events` requests of the capture
    route, which no limit counts.
    """

    deletes: int = 0
    changes: int = 0
    events: int = 0
    reads: int
    seconds: float

    @property
    def requests(self) -> int:
        """All requests together."""
        return self.deletes + self.changes + self.events + self.reads


def estimate(
    operation: Operation, count: int, *, batch_size: int, rates: RateLimits, route: str | None = None
) -> Estimate:
    """Return what running an operation on `count` targets takes at the least.

    Args:
        operation: what is done to each target.
        count: targets.
        batch_size: targets a call for many.
        rates: the limits that the job keeps to.
        route: by which properties are changed.
    """
    test_batch = min(count, CANARY_SIZE, batch_size)
    rest = count - test_batch
    started = min(test_batch, 1)
    asked = axes(operation)
    calls = started + math.ceil(rest / (persons_by_capture(batch_size) if route == "capture" else batch_size))
    before = started + math.ceil(rest / READ_AT_ONCE)
    after = before if asked & {Axis.PERSON, Axis.PROPERTIES} else 0
    reads = before + after
    deletes = changes = events = 0
    if Axis.PROPERTIES not in asked:
        queues = bool(asked - {Axis.PERSON})
        deletes = calls * (queues + (Axis.PERSON in asked))
        reads += started * queues  # the canary is read once more after queueing
    elif route == "capture":
        events = calls
    else:
        changes = count * calls_a_person(operation)
    if Axis.EVENTS in asked:
        reads += started + PAGES_A_GROUP * math.ceil(rest / ROWS_A_PAGE)
    others = reads + changes
    return Estimate(
        deletes=deletes,
        changes=changes,
        events=events,
        reads=reads,
        seconds=max(
            seconds_needed(deletes, rates.windows(Bucket.DELETES)),
            seconds_needed(others + deletes if rates.per_user else others, rates.windows(Bucket.OTHERS)),
        ),
    )


def persons_by_capture(batch_size: int) -> int:
    """Persons that one request of events is for, at a batch size: whole reads, since each is sent right after them."""
    return batch_size if batch_size < READ_AT_ONCE else batch_size - batch_size % READ_AT_ONCE


def calls_a_person(operation: Operation) -> int:
    """Calls that one person's properties take by REST (contract 6.3, 6.8)."""
    return len(operation.keys) if isinstance(operation, UnsetProperties) else 1


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
