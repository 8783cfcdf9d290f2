"""Chooses the route by which a job changes properties: REST or capture. Pure.

REST takes one call per person, and its rate limit is some hundred calls per minute. One capture request holds hundreds
of persons and is not rate limited (contract 3, 12). To remove properties, an older server takes one REST call per
person and property (contract 6.8). The first person of the test batch shows which server it is, when the route is
chosen already, so `auto` counts on the older one.
"""

import msgspec

from asyncclient import RateLimits
from bulk.formatting import count_of, format_duration, format_range
from bulk.operations import PropertyOperation, UnsetProperties
from bulk.posthog.request_costs import ValueTotals, estimate, rest_calls

MAX_REST_CALLS = 240
"""Maximum of calls for which `auto` takes REST: those of one minute. An error of a REST call names its person."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route and the reason for it, as a sentence without a full stop."""

    name: str
    why: str


def choose_route(
    operation: PropertyOperation, count: int, *, batch_size: int, rates: RateLimits, totals: ValueTotals | None = None
) -> Route:
    """Return the route for a number of persons.

    Arguments:
        operation: its `route` is used, unless that is "auto".
        count: persons.
        batch_size: persons per bulk request.
        rates: the rate limits.
        totals: of the values, where each person gets its own.
    """
    if operation.route != "auto":
        once = not isinstance(operation, UnsetProperties) and operation.once
        return Route(name=operation.route, why="only events set a property once" if once else "as requested")
    calls = rest_calls(operation, count, in_one_call=False, totals=totals)
    fewest = rest_calls(operation, count, in_one_call=True, totals=totals)
    if calls <= MAX_REST_CALLS:
        most = "at most " if fewest < calls else ""
        return Route(
            name="rest",
            why=f"auto: {most}{count_of(calls, 'call')} {'fits' if calls == 1 else 'fit'} within the per-minute limit",
        )
    rest = estimate(operation, count, batch_size=batch_size, rates=rates, route="rest", in_one_call=True, totals=totals)
    time = f", at least {format_duration(rest.seconds)}" if rest.seconds >= 1 else ""
    return Route(name="capture", why=f"auto: not rate limited; REST takes {format_range(fewest, calls)} calls{time}")
