"""What a job did at which time, and how the server responded, as the journal proves. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from bulk.journal.run_stats import RouteKey, RunCounts, RunStats, WaitTotal

FINISHED = "finished"
INTERRUPTED = "interrupted"
"""The outcome of requests for which the journal has no response."""
VERIFY = "verify"

_KINDS = {
    ("events", "queued"): "events_queued",
    ("events", "purged"): "events_purged",
    ("person", "deleted_confirmed"): "persons_deleted",
    ("person", "found_deleted"): "persons_deleted",
    ("recordings", "requested"): "recordings_requested",
    ("recordings", "deleted"): "recordings_deleted",
    ("properties", "changed_confirmed"): "properties_changed",
    ("properties", "found_changed"): "properties_changed",
}


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a job did, or that happened to it.

    Arguments:
        kind: `run`, `verification`, `interruption`, `pause`, `files_shredded`, what was waited for (`outage`,
            `rate_limit`, `catching_up` or `second_read`), or what became of persons: `events_queued`, `events_purged`,
            `persons_deleted`, `recordings_requested`, `recordings_deleted` or `properties_changed`.
        run: the number of the run, from 1; 0 for what no run did.
        started: ISO 8601 in UTC.
        ended: None for an interruption that no later run has ended.
        persons: how many persons it is about; None where that is no question.
        reason: how a run ended; None where the journal has no end of it.
        waited_s: seconds of waiting in this time, if it is a wait.
    """

    kind: str
    run: int
    started: str
    ended: str | None
    persons: int | None = None
    reason: str | None = None
    waited_s: float | None = None


class WaitCount(msgspec.Struct, frozen=True, kw_only=True):
    """The waits of all runs for one thing.

    Arguments:
        kind: as in `TimelineEntry`.
        times: how many they are, of at least 10 s; those less than a minute apart are one.
        waited_s: how long they took in all.
        shorter: how many of them are not in the timeline, which has the longest ones of each run.
    """

    kind: str
    times: int
    waited_s: float
    shorter: int = 0


class ResponseCount(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one call that the server responded to in the same way.

    Arguments:
        route: the call.
        axes: what the requests may change.
        outcome: `ok`, `failed` (without effect), `unknown`, or `interrupted` where the journal has no response.
        status: the HTTP status; None where there was none, or none was recorded.
        error: the kind of error.
        code: the server's error code.
        requests: how many they are.
        persons: adds up the persons in each request.
    """

    route: str
    axes: tuple[str, ...]
    outcome: str
    status: int | None
    error: str | None
    code: str | None
    requests: int
    persons: int


def iso(at: float) -> str:
    """Return a time of the journal as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(at: float | None) -> str | None:
    """Return a time of the journal as `iso` does; None for none."""
    return None if at is None else iso(at)


def timeline_of(run_stats: RunStats) -> tuple[TimelineEntry, ...]:
    """Return what a job did, by the time at which it began."""
    entries: list[TimelineEntry] = []
    runs = run_stats.runs
    for number, run in enumerate(runs, 1):
        entries += _run(number, run)
        is_last = number == len(runs)
        if run.reason != FINISHED and run.purpose != VERIFY:
            began_again = None if is_last else iso(runs[number].started_at)
            ended = run.last_at if run.ended_at is None else run.ended_at
            entries.append(
                TimelineEntry(kind="interruption", run=number, started=iso(ended), ended=began_again, reason=run.reason)
            )
    return tuple(sorted(entries, key=lambda entry: (entry.started, entry.run)))


def _run(number: int, run: RunCounts) -> Iterator[TimelineEntry]:
    kind = "verification" if run.purpose == VERIFY else "run"
    ended = run.last_at if run.ended_at is None else run.ended_at
    yield TimelineEntry(kind=kind, run=number, started=iso(run.started_at), ended=iso(ended), reason=run.reason)
    spans: dict[str, tuple[float, float, int]] = {}
    for key, span in run.spans.items():
        first, last, targets = spans.get(_KINDS[key], (span.first_at, span.last_at, 0))
        spans[_KINDS[key]] = min(first, span.first_at), max(last, span.last_at), targets + span.targets
    for name, (first, last, targets) in spans.items():
        yield TimelineEntry(kind=name, run=number, started=iso(first), ended=iso(last), persons=targets)
    for at, duration_s in run.pauses:
        yield TimelineEntry(kind="pause", run=number, started=iso(at), ended=iso(at + duration_s))
    for wait in run.waits.values():
        yield TimelineEntry(
            kind=wait.kind, run=number, started=iso(wait.since), ended=iso(wait.until), waited_s=wait.waited_s
        )


def waits_of(run_stats: RunStats) -> tuple[WaitCount, ...]:
    """Return how long the runs of a job waited, by what for."""
    totals: dict[str, WaitTotal] = {}
    shorter: Counter[str] = Counter()
    for run in run_stats.runs:
        for wait in run.waits.values():
            totals.setdefault(wait.kind, WaitTotal()).add(wait.waited_s)
        for kind, total in run.shorter_waits.items():
            totals.setdefault(kind, WaitTotal()).add(total.waited_s, total.times)
            shorter[kind] += total.times
    return tuple(
        WaitCount(kind=kind, times=total.times, waited_s=round(total.waited_s, 3), shorter=shorter[kind])
        for kind, total in sorted(totals.items())
    )


def responses_of(run_stats: RunStats) -> tuple[ResponseCount, ...]:
    """Return how the server responded to the requests that may change data, by call."""
    found: list[ResponseCount] = []
    requests: Counter[RouteKey] = Counter()
    persons: Counter[RouteKey] = Counter()
    for key, counts in run_stats.responses.items():
        requests[key.route, key.axes] += counts.requests
        persons[key.route, key.axes] += counts.targets
        found.append(ResponseCount(**key._asdict(), requests=counts.requests, persons=counts.targets))
    for (route, axes), total in run_stats.routes.items():
        open_requests = total.attempts - requests[route, axes]
        if open_requests > 0:
            found.append(
                ResponseCount(
                    route=route,
                    axes=axes,
                    outcome=INTERRUPTED,
                    status=None,
                    error=None,
                    code=None,
                    requests=open_requests,
                    persons=max(0, total.targets - persons[route, axes]),
                )
            )
    order = list(run_stats.routes)
    return tuple(sorted(found, key=lambda one: (order.index((one.route, one.axes)), one.outcome != "ok")))
