"""Chooses the route by which a job changes properties: REST or capture. Pure.

REST takes one call per person (for `unset`, one call per person and key), and its rate limit is some hundred calls per
minute. One capture request holds hundreds of persons and is not rate limited (contract 3, 12).
"""

import math

import msgspec

from asyncclient import Bucket, RateLimits
from bulk.operations import PropertyOperation
from bulk.posthog.request_costs import calls_per_person, persons_per_capture_request, seconds_needed

MAX_REST_CALLS = 240
"""Maximum of calls for which `auto` takes REST: those of one minute. An error of a REST call names its person."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route and the reason for it, as a sentence without a full stop."""

    name: str
    why: str


def choose_route(operation: PropertyOperation, count: int, *, batch_size: int, rates: RateLimits) -> Route:
    """Return the route for a number of persons.

    Arguments:
        operation: its `route` is used, unless that is "auto".
        count: persons.
        batch_size: persons per bulk request.
        rates: the rate limits.
    """
    if operation.route != "auto":
        return Route(name=operation.route, why="as requested")
    calls, requests = count * calls_per_person(operation), math.ceil(count / persons_per_capture_request(batch_size))
    if calls <= MAX_REST_CALLS:
        return Route(name="rest", why=f"auto: {calls:,} calls fit within the per-minute limit")
    rest_s = seconds_needed(calls, rates.windows(Bucket.OTHERS))
    longer = f" and {rest_s / 3600:,.1f} h within the rate limits" if rest_s >= 360 else ""
    why = f"auto: {requests:,} capture requests (not rate limited); REST takes {calls:,} calls{longer}"
    return Route(name="capture", why=why)
