"""By which route a job changes properties, and why. Pure.

By REST it is one call per person, for `unset` one call per person and key, under a limit of some hundred per minute;
the capture route takes hundreds of persons in one request that no limit counts (contract 3, 12).
"""

import math

import msgspec

from asyncclient import Bucket, RateLimits
from bulk.operations import PropertyOperation
from bulk.posthog.request_costs import calls_a_person, persons_by_capture, seconds_needed

MOST_BY_REST = 240
"""Calls that `auto` still makes by REST: a minute's allowance. There an error tells which person it is about."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route and the reason for it, as a sentence without a full stop."""

    name: str
    why: str


def choose_route(operation: PropertyOperation, count: int, *, batch_size: int, rates: RateLimits) -> Route:
    """The route for so many persons.

    Arguments:
        operation: its `route` is followed, or chosen for it where that is "auto".
        count: persons.
        batch_size: persons per bulk request.
        rates: the limits that the job keeps to.
    """
    if operation.route != "auto":
        return Route(name=operation.route, why="as requested")
    calls, requests = count * calls_a_person(operation), math.ceil(count / persons_by_capture(batch_size))
    if calls <= MOST_BY_REST:
        return Route(name="rest", why=f"auto: {calls:,} calls fit within the per-minute limit")
    rest_s = seconds_needed(calls, rates.windows(Bucket.OTHERS))
    longer = f" and {rest_s / 3600:,.1f} h within the rate limits" if rest_s >= 360 else ""
    why = f"auto: {requests:,} capture requests (not rate limited); REST takes {calls:,} calls{longer}"
    return Route(name="capture", why=why)
