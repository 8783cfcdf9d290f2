"""What the server said to the requests of a job, and what was sent again and why. Pure."""

from bulk.formatting import count_of, format_count
from bulk.report.parts.activity import INTERRUPTED, ResponseCount
from bulk.report.rendering.document import AXIS_TITLES, Block, Section, Table
from bulk.report.report import Report

_RATE_LIMITED = 429
_AFTER = {
    "failed": "no effect; sent again where the error allows it",
    "unknown": "effect unknown; read back, and sent again only for persons that were not done",
    INTERRUPTED: "the process ended first; read back, and sent again only for persons that were not done",
}


def server_section(report: Report) -> Section:
    """Return the requests that change data by API call, and the responses to them by status."""
    sums = Table(
        headings=(
            "API call",
            "Deletes or changes",
            "Requests",
            "OK",
            "Failed without effect",
            "Failed, effect unknown",
            "Persons (with retries)",
        ),
        rows=tuple(
            (
                route.route,
                _changes(route.axes),
                format_count(route.attempts),
                format_count(route.ok),
                format_count(route.failed),
                format_count(route.unknown),
                format_count(route.targets),
            )
            for route in report.routes
        ),
        numeric=frozenset({2, 3, 4, 5, 6}),
        caption="Requests that change data",
    )
    blocks: list[Block] = [sums]
    if report.responses:
        blocks.append(
            Table(
                headings=("API call", "Deletes or changes", "Response", "Requests", "Persons"),
                rows=tuple((*_call(one), _response(one), *_sizes(one)) for one in report.responses),
                numeric=frozenset({3, 4}),
                caption="Responses of the server to these requests",
            )
        )
    return Section(title="What the server said", blocks=tuple(blocks))


def retries_section(report: Report) -> Section:
    """Return which requests were not successful, and what followed."""
    pauses = f"Pauses that the server asked for: {report.pauses}. Rate limits lowered: {report.limits_lowered}."
    unsuccessful = [one for one in report.responses if one.outcome != "ok"]
    if not unsuccessful:
        return Section(title="Retries", blocks=("No request had to be sent again because of an error.", pauses))
    table = Table(
        headings=("API call", "Deletes or changes", "Why", "What followed", "Requests", "Persons"),
        rows=tuple((*_call(one), _response(one), _after(one), *_sizes(one)) for one in unsuccessful),
        numeric=frozenset({4, 5}),
        caption="Requests without success",
    )
    total = sum(one.requests for one in unsuccessful)
    were = "was" if total == 1 else "were"
    return Section(title="Retries", blocks=(f"{count_of(total, 'request')} {were} not successful.", pauses, table))


def _call(one: ResponseCount) -> tuple[str, str]:
    return one.route, _changes(one.axes)


def _changes(axes: tuple[str, ...]) -> str:
    """Return what the requests of a call delete or change: one call can serve several stages of a job."""
    return ", ".join(AXIS_TITLES.get(axis, axis).lower() for axis in axes)


def _response(one: ResponseCount) -> str:
    """Return a response in words: its status, the kind of error, and the server's code."""
    if one.outcome == INTERRUPTED:
        return "none recorded: the process ended"
    if one.outcome == "ok":
        return f"accepted ({one.status})" if one.status is not None else "accepted"
    error = (one.error or "error").replace("_", " ")
    details = [str(part) for part in (one.status, one.code) if part is not None]
    return f"{error} ({', '.join(details)})" if details else error


def _after(one: ResponseCount) -> str:
    if one.status == _RATE_LIMITED:
        return "no effect; sent again after the pause that the server asked for"
    return _AFTER.get(one.outcome, "")


def _sizes(one: ResponseCount) -> tuple[str, str]:
    return format_count(one.requests), format_count(one.persons)
