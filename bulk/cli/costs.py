"""What a plan will take, in lines for people: requests and time at the limits, by each route where there are two.

Pure; the figures are those of `bulk.estimate`, the route that of `bulk.routing`.
"""

from collections.abc import Iterator

from asyncclient import RateLimits
from bulk.cli.words import duration
from bulk.escape import plain
from bulk.estimate import Estimate, estimate, persons_by_capture
from bulk.operations import Operation, PropertyOperation, UnsetProperties
from bulk.rendering.document import figure
from bulk.routing import choose_route


def cost_lines(operation: Operation, count: int, *, rate_limits: str, batch_size: int) -> Iterator[str]:
    """What running an operation takes at the least, with the headings of a review.

    Args:
        operation: what is done to each target.
        count: targets.
        rate_limits: as the option gives them.
        batch_size: persons per bulk request.
    """
    rates = RateLimits.parse(rate_limits)
    at = f"at the limits ({plain(rate_limits)})"
    if not isinstance(operation, PropertyOperation):
        cost = estimate(operation, count, batch_size=batch_size, rates=rates)
        yield (
            f"Requests  {figure(cost.requests)} at least: {figure(cost.deletes)} deletion calls of up to "
            f"{batch_size} persons, {figure(cost.reads)} reads"
        )
        yield f"Time      {_least(cost)} {at}"
        return
    by = {
        route: estimate(operation, count, batch_size=batch_size, rates=rates, route=route)
        for route in ("capture", "rest")
    }
    a_call = "removes one property of one person" if isinstance(operation, UnsetProperties) else "changes one person"
    at_once = persons_by_capture(batch_size)
    yield (
        f"Requests  by capture: {figure(by['capture'].events)} that no limit counts, of up to {at_once} persons, "
        f"and {figure(by['capture'].reads)} reads; {_least(by['capture'])} {at}"
    )
    yield (
        f"          by REST: {figure(by['rest'].changes)}, each of which {a_call}, "
        f"and {figure(by['rest'].reads)} reads; {_least(by['rest'])} {at}"
    )
    route = choose_route(operation, count, batch_size=batch_size, rates=rates)
    chosen = f"auto takes {_ROUTES[route.name]}" if operation.route == "auto" else _ROUTES[route.name]
    why = "which no limit slows down" if operation.route == "auto" and route.name == "capture" else route.why
    yield f"Route     {chosen}, {why}"


_ROUTES = {"capture": "capture", "rest": "REST"}


def _least(cost: Estimate) -> str:
    return f"{duration(cost.seconds)} at least" if cost.seconds >= 1 else "no waiting"
