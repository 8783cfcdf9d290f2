"""Estimates the requests that a plan takes, and the time they need within the rate limits. Pure.

The estimate follows how the engine works (contract 3, 6, 12): a small test batch; then one call per batch and stage, or
one per person; one read per 200 targets before sending and one after; and deletion rows read back in pages, for 1,000
persons at a time. Retries, pauses and the server's own queues are not included.
"""

import math
from collections.abc import Mapping

import msgspec

from asyncclient import Bucket, RateLimits
from bulk.operations import Operation, UnsetProperties, UpdatePerPerson, axes
from bulk.posthog.batch_reads import READ_SIZE
from bulk.states import Axis

ROWS_PER_PAGE = 1000
TEST_BATCH_SIZE = 25
PAGES_PER_GROUP = 2
"""Pages read back per 1,000 persons: rows of other groups lie between theirs."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of a plan by rate limit, and the seconds they need at least.

    Arguments:
        deletes: calls under the limits for deletions.
        changes: REST calls that change properties, under the same limit as reads.
        events: capture requests, which are not rate limited.
        reads: calls that read.
        seconds: the time within the rate limits.
    """

    deletes: int = 0
    changes: int = 0
    events: int = 0
    reads: int
    seconds: float

    @property
    def requests(self) -> int:
        """The sum of all requests."""
        return self.deletes + self.changes + self.events + self.reads


class ValueTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What all persons of a plan get and lose together, where each person gets its own values.

    Arguments:
        setting: persons that get a value.
        losing: persons that lose a property.
        removals: properties that they lose.
    """

    setting: int
    losing: int
    removals: int


def estimate(
    operation: Operation,
    count: int,
    *,
    batch_size: int,
    rates: RateLimits,
    route: str | None = None,
    in_one_call: bool = False,
    totals: ValueTotals | None = None,
) -> Estimate:
    """Return the least that an operation on `count` targets takes.

    Arguments:
        operation: what is done to each target.
        count: targets.
        batch_size: persons per bulk request.
        rates: the rate limits.
        route: "rest" or "capture", for an operation on properties.
        in_one_call: the server removes all properties of a person in one call; without it, the estimate is for a server
            that removes one per call.
        totals: of the values, where each person gets its own; None if they are not known, or for other operations.
    """
    test_batch = min(count, TEST_BATCH_SIZE, batch_size)
    rest = count - test_batch
    started = min(test_batch, 1)
    requested = axes(operation)
    calls = started + math.ceil(rest / (persons_per_capture_request(batch_size) if route == "capture" else batch_size))
    before = started + math.ceil(rest / READ_SIZE)
    after = before if requested & {Axis.PERSON, Axis.PROPERTIES} else 0
    reads = before + after
    deletes = changes = events = 0
    if Axis.PROPERTIES not in requested:
        queues = bool(requested - {Axis.PERSON})
        deletes = calls * (queues + (Axis.PERSON in requested))
        reads += started * queues  # the test batch is read once more after queueing
    elif route == "capture":
        events = calls
    else:
        changes = rest_calls(operation, count, in_one_call=in_one_call, totals=totals)
    if Axis.EVENTS in requested:
        reads += started + PAGES_PER_GROUP * math.ceil(rest / ROWS_PER_PAGE)
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


def persons_per_capture_request(batch_size: int) -> int:
    """Return how many persons one capture request holds: whole reads, since it is sent right after them."""
    return batch_size if batch_size < READ_SIZE else batch_size - batch_size % READ_SIZE


def rest_calls(operation: Operation, count: int, *, in_one_call: bool, totals: ValueTotals | None = None) -> int:
    """Return how many REST calls change the properties of persons (contract 6.3, 6.8).

    Arguments:
        operation: what is done to each person.
        count: persons.
        in_one_call: the server removes all properties of a person in one call, which only a trial shows.
        totals: of the values, where each person gets its own; without them, the result is the least or the most.
    """
    if isinstance(operation, UpdatePerPerson) and totals is not None:
        return totals.setting + (totals.losing if in_one_call else totals.removals)
    return count if in_one_call else count * calls_per_person(operation)


def calls_per_person(operation: Operation) -> int:
    """Return how many REST calls one person takes at most, on a server that removes one property per call."""
    match operation:
        case UnsetProperties():
            return len(operation.keys)
        case UpdatePerPerson():
            return 1 + len(operation.unset_keys)
        case _:
            return 1


def seconds_needed(requests: int, limits: Mapping[float, int]) -> float:
    """Return the time of the last request in seconds after the first, where each window is used up at once.

    Arguments:
        requests: how many requests.
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
