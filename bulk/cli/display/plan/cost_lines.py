"""The lines of a plan's review about cost: requests and time within the rate limits, for each route.

Pure. `bulk.posthog.request_costs` computes the figures and `bulk.posthog.routes` chooses the route.
"""

from collections.abc import Iterator

from asyncclient import RateLimits
from bulk.formatting import count_of, format_count, format_duration, format_range
from bulk.operations import Operation, PropertyOperation, UpdatePerPerson, axes
from bulk.posthog.request_costs import (
    TEST_BATCH_SIZE,
    Estimate,
    ValueTotals,
    estimate,
    persons_per_capture_request,
)
from bulk.posthog.routes import choose_route
from bulk.sanitize import plain
from bulk.states import Axis

Row = tuple[str, str]
"""A heading, empty where the row continues the last one, and a text."""

_ROUTE_NAMES = {"capture": "capture", "rest": "REST"}
_LIMITS = {
    "posthog": "within the rate limits",
    "user": "within the rate limits of a user",
    "off": "without rate limits",
}


def cost_rows(
    operation: Operation, count: int, *, rate_limits: str, batch_size: int, totals: ValueTotals | None = None
) -> Iterator[Row]:
    """Return the rows about requests, time and route.

    Arguments:
        operation: what happens to each target.
        count: number of targets.
        rate_limits: as the option --rate-limits gives them.
        batch_size: persons per bulk request.
        totals: of the values, where each person gets its own.
    """
    rates = RateLimits.parse(rate_limits)
    limits = _LIMITS.get(rate_limits, f"within the rate limits {plain(rate_limits)}")
    if not isinstance(operation, PropertyOperation):
        cost = estimate(operation, count, batch_size=batch_size, rates=rates)
        calls = f"{count_of(cost.deletes, 'deletion call')}{_stages(operation, count, batch_size)}"
        yield "Requests", f"at least {format_count(cost.requests)}: {calls}, {count_of(cost.reads, 'read')}"
        yield "", f"a deletion call is for up to {count_of(batch_size, 'person')}"
        yield "Estimated time", f"{_time(cost)}, {limits}"
        return
    route = choose_route(operation, count, batch_size=batch_size, rates=rates, totals=totals)
    most = estimate(operation, count, batch_size=batch_size, rates=rates, route="rest", totals=totals)
    rest = estimate(operation, count, batch_size=batch_size, rates=rates, route="rest", in_one_call=True, totals=totals)
    capture = estimate(operation, count, batch_size=batch_size, rates=rates, route="capture")
    reads = count_of(rest.reads, "read")
    if most.changes > rest.changes:
        yield "Requests", f"by REST: {format_range(rest.changes, most.changes)} calls, and {reads}"
        if isinstance(operation, UpdatePerPerson):
            yield "", "1 call per person to set its values"
        yield (
            "",
            "1 call per person if the server removes several properties in one call, else 1 call per property;",
        )
        yield "", "the first person of the test batch shows which of the two"
    else:
        yield "Requests", f"by REST: {count_of(rest.changes, 'call')}{_shares(operation, totals)}, and {reads}"
    each = "each " if capture.events > 1 else ""
    many = f"{each}for up to {count_of(persons_per_capture_request(batch_size), 'person')}"
    events = f"{count_of(capture.events, 'capture request')} (not rate limited),"
    yield "", f"by capture: {events} {many}, and {count_of(capture.reads, 'read')}"
    slower = (
        f" ({format_duration(most.seconds)} with 1 call per property)" if most.seconds > max(1, rest.seconds) else ""
    )
    yield "Estimated time", f"by REST: {_time(rest)}{slower}; by capture: {_time(capture)}; {limits}"
    yield "Route", f"{_ROUTE_NAMES[route.name]} ({_reason(operation, route.name, route.why)})"


def _shares(operation: PropertyOperation, totals: ValueTotals | None) -> str:
    """Return what the calls by REST do, where their number is known."""
    if not isinstance(operation, UpdatePerPerson) or not operation.unset_keys:
        return ", one per person"
    if totals is None:
        return " (per person, one to set values and one to remove a property)"
    return f" ({totals.setting:,} to set values, {totals.removals:,} to remove a property)"


def _stages(operation: Operation, count: int, batch_size: int) -> str:
    """Return in which order the calls of a deletion are made, in parentheses."""
    requested = axes(operation)
    queued = " and ".join(axis.value for axis in (Axis.EVENTS, Axis.RECORDINGS) if axis in requested)
    stages = [*([queued] if queued else []), *(["persons"] if Axis.PERSON in requested else [])]
    order = [", then ".join(stages)] if len(stages) > 1 else []
    test_batch = min(TEST_BATCH_SIZE, batch_size)
    if count > test_batch:
        order.append(f"a test batch of {count_of(test_batch, 'person')}, then the rest")
    return f" ({'; '.join(order)})" if order else ""


def _reason(operation: PropertyOperation, route: str, why: str) -> str:
    """Return why a route is taken; the figures of both routes are in the rows above."""
    return "auto: not rate limited" if operation.route == "auto" and route == "capture" else why


def _time(cost: Estimate) -> str:
    return f"at least {format_duration(cost.seconds)}" if cost.seconds >= 1 else "under 1 s"
