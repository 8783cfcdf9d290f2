"""What a plan will take, in lines for people: requests and time at the limits, by each route where there are two.

Pure; the figures are those of `bulk.posthog.request_costs`, the route that of `bulk.posthog.routes`.
"""

from collections.abc import Iterator

from asyncclient import RateLimits
from bulk.cli.display.messages import duration, number_of
from bulk.operations import Operation, PropertyOperation, UnsetProperties
from bulk.posthog.request_costs import Estimate, estimate, persons_by_capture
from bulk.posthog.routes import choose_route
from bulk.report.rendering.document import figure
from bulk.sanitize import plain


def cost_lines(operation: Operation, count: int, *, rate_limits: str, batch_size: int) -> Iterator[str]:
    """What running an operation takes at the least, with the headings of a review.

    Args:
        operation: what is done to each target.
        count: targets.
        rate_limits: as the option gives them.
        batch_size: persons per bulk request.
    """
    rates = RateLimits.parse(rate_limits)
    at = f"within the rate limits ({plain(rate_limits)})"
    if not isinstance(operation, PropertyOperation):
        cost = estimate(operation, count, batch_size=batch_size, rates=rates)
        yield (
            f"Requests  at least {figure(cost.requests)}: {number_of(cost.deletes, 'deletion call')} of up to "
            f"{batch_size} persons each, {number_of(cost.reads, 'read')}"
        )
        yield f"Time      {_least(cost)}, {at}"
        return
    by = {
        route: estimate(operation, count, batch_size=batch_size, rates=rates, route=route)
        for route in ("capture", "rest")
    }
    a_call = "removes one property of one person" if isinstance(operation, UnsetProperties) else "changes one person"
    events, at_once = number_of(by["capture"].events, "capture request"), persons_by_capture(batch_size)
    yield (
        f"Requests  capture: {events} (not rate limited) of up to {at_once} "
        f"persons each, and {figure(by['capture'].reads)} reads; {_least(by['capture'])}, {at}"
    )
    yield (
        f"          REST: {number_of(by['rest'].changes, 'call')}, each of which {a_call}, "
        f"and {figure(by['rest'].reads)} reads; {_least(by['rest'])}, {at}"
    )
    route = choose_route(operation, count, batch_size=batch_size, rates=rates)
    why = "auto: it is not rate limited" if operation.route == "auto" and route.name == "capture" else route.why
    yield f"Route     {_ROUTES[route.name]} ({why})"


_ROUTES = {"capture": "capture", "rest": "REST"}


def _least(cost: Estimate) -> str:
    return f"at least {duration(cost.seconds)}" if cost.seconds >= 1 else "under 1 s"
