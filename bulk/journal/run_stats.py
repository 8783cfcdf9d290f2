"""Counts over a journal's records for reports: runs, attempts per route, pauses. Pure."""

from typing import NamedTuple

import msgspec

from bulk.journal.records import (
    AttemptEnded,
    Intent,
    JobOpened,
    LimitChanged,
    PauseTaken,
    PersonsKept,
    ReadRequest,
    Record,
    RunEnded,
    RunStarted,
    StatesChanged,
    Waited,
)
from bulk.number_ranges import parse_ranges
from bulk.posthog.attempt_result import DELETED_INSTEAD_OF_KEPT, NO_SUMMARY
from bulk.states import State

TIMED = frozenset(
    {
        ("events", "queued"),
        ("events", "purged"),
        ("person", "deleted_confirmed"),
        ("person", "found_deleted"),
        ("recordings", "requested"),
        ("recordings", "deleted"),
        ("properties", "changed_confirmed"),
        ("properties", "found_changed"),
    }
)
"""The states, by axis, whose times a report shows."""
PAUSES_KEPT = 50
"""Pauses of a run whose times are kept."""
WAITS_KEPT = 50
"""Waits of a run whose times are kept: the longest ones."""
RESPONSES_KEPT = 100
"""Kinds of responses that are counted apart; the error codes of further ones are counted as `other`."""
OTHER = "other"

RouteKey = tuple[str, tuple[str, ...]]
"""The name of a call, and the axes that its requests may change: one call serves several stages of a job."""


class RouteCounts(msgspec.Struct):
    """Requests of one call by outcome; those neither ok nor failed are unknown. `targets` adds up batch sizes."""

    attempts: int = 0
    ok: int = 0
    failed: int = 0
    targets: int = 0


class ResponseKey(NamedTuple):
    """The responses that a report counts together: of one call, with the same outcome, status and error."""

    route: str
    axes: tuple[str, ...]
    outcome: str
    status: int | None
    error: str | None
    code: str | None


class ResponseCounts(msgspec.Struct):
    """Responses with the same key. `targets` adds up batch sizes."""

    requests: int = 0
    targets: int = 0


class Span(msgspec.Struct):
    """When targets entered a state during a run: the first time, the last time, and how many."""

    first_at: float
    last_at: float
    targets: int = 0


class WaitTotal(msgspec.Struct):
    """Waits of one kind: how many, and how long in all."""

    times: int = 0
    waited_s: float = 0.0

    def add(self, waited_s: float, times: int = 1) -> None:
        """Count waits."""
        self.times += times
        self.waited_s += waited_s


class RunCounts(msgspec.Struct):
    """One run of the job, by one process.

    `counts_before` is the number of targets per state of the primary axis when it started. `last_at` is the time of
    its last record. `spans` has the states of `TIMED` that targets entered. `pauses` has the start and the length of
    the first `PAUSES_KEPT` pauses that the server asked for. `waits` has the longest `WAITS_KEPT` waits by number, and
    `shorter_waits` counts the others by kind.
    """

    started_at: float
    version: str
    purpose: str
    batch_size: int
    rates: str
    route: str | None
    counts_before: dict[State, int] = {}
    requests: int = 0
    paused_s: float = 0.0
    ended_at: float | None = None
    reason: str | None = None
    last_at: float = 0.0
    spans: dict[tuple[str, str], Span] = {}
    pauses: list[tuple[float, float]] = []
    waits: dict[int, Waited] = {}
    shorter_waits: dict[str, WaitTotal] = {}

    def waited_s(self, kind: str) -> float:
        """Return how long the run waited for one thing, as far as records tell, in seconds."""
        shorter = self.shorter_waits.get(kind, WaitTotal()).waited_s
        return shorter + sum(wait.waited_s for wait in self.waits.values() if wait.kind == kind)


class RunStats:
    """Counts over the records of a journal, kept up to date by `apply`.

    `last_at` is the time of the last record, and `last_work_at` that of the last one which tells more than a wait.
    `maybe_not_kept` has the targets of each attempt after which persons have to be read, because the server was told to
    keep them and did not say that it did.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.opened_at = 0.0
        self.last_at = 0.0
        self.last_work_at = 0.0
        self.routes: dict[RouteKey, RouteCounts] = {}
        self.responses: dict[ResponseKey, ResponseCounts] = {}
        self.runs: list[RunCounts] = []
        self.pauses = 0
        self.limits_lowered = 0
        self.kept_deleted = False
        self.maybe_not_kept: dict[int, str] = {}
        self._open: dict[int, tuple[RouteKey, int, str]] = {}

    def apply(self, record: Record) -> None:
        """Count one record."""
        self.lines += 1
        self.last_at = max(self.last_at, record.at)
        if not isinstance(record, Waited):
            self.last_work_at = self.last_at
        if self.runs and not isinstance(record, RunStarted):
            self.runs[-1].last_at = self.last_at
        match record:
            case StatesChanged():  # the most frequent record first
                for change in record.changes:
                    if (change.axis, change.state) in TIMED:
                        self._timed(change.axis, change.state, record.at, _size(change.targets))
            case Intent():
                self._intent(record)
            case AttemptEnded():
                self._attempt_ended(record)
            case JobOpened():
                self.opened_at = record.at
            case RunStarted():
                self.runs.append(_run(record))
            case RunEnded() if self.runs:
                self.runs[-1].ended_at, self.runs[-1].reason = record.at, record.reason
            case PauseTaken():
                self.pauses += 1
                if self.runs:
                    run = self.runs[-1]
                    run.paused_s += record.duration_s
                    if len(run.pauses) < PAUSES_KEPT:
                        run.pauses.append((record.at, record.duration_s))
            case Waited() if self.runs:
                _waited(self.runs[-1], record)
            case ReadRequest() if self.runs:
                self.runs[-1].requests += 1
            case PersonsKept():
                for attempt in record.attempts:
                    self.maybe_not_kept.pop(attempt, None)
            case LimitChanged():
                self.limits_lowered += 1
            case _:
                pass

    def _intent(self, record: Intent) -> None:
        key = record.route, record.axes
        route = self.routes.setdefault(key, RouteCounts())
        route.attempts += record.requests
        route.targets += _size(record.targets)
        if self.runs:
            self.runs[-1].requests += record.requests
        self._open[record.attempt] = key, record.requests, record.targets

    def _attempt_ended(self, record: AttemptEnded) -> None:
        self.kept_deleted = self.kept_deleted or record.error == DELETED_INSTEAD_OF_KEPT
        if (opened := self._open.pop(record.attempt, None)) is None:
            return
        key, planned, targets = opened
        if record.error == NO_SUMMARY:
            self.maybe_not_kept[record.attempt] = targets
        route, made = self.routes[key], planned if record.requests is None else record.requests
        route.attempts -= planned - made
        not_ok = record.outcome != "ok"
        route.ok += made - not_ok
        route.failed += record.outcome == "failed"
        self._count_responses(key, record, made, targets)

    def _count_responses(self, key: RouteKey, record: AttemptEnded, made: int, targets: str) -> None:
        """Count the responses to an attempt; in a block, all but the last one were successful."""
        before = made - 1 if record.outcome != "ok" else 0
        if before:
            self._responses(ResponseKey(*key, "ok", None, None, None), before, before)
        size = 1 if before else _size(targets)
        self._responses(
            ResponseKey(*key, record.outcome, record.status, record.error, record.code), made - before, size
        )
        if record.outcome == "ok" and "recordings" in key[1]:
            self._timed("recordings", "requested", record.at, _size(record.accepted or targets))

    def _responses(self, key: ResponseKey, requests: int, targets: int) -> None:
        if key not in self.responses and len(self.responses) >= RESPONSES_KEPT:
            key = key._replace(status=None, error=OTHER if key.error else None, code=None)
        counts = self.responses.setdefault(key, ResponseCounts())
        counts.requests += requests
        counts.targets += targets

    def _timed(self, axis: str, state: str, at: float, targets: int) -> None:
        """Note that targets entered a state."""
        if not self.runs:
            return
        span = self.runs[-1].spans.setdefault((axis, state), Span(at, at))
        span.first_at, span.last_at = min(span.first_at, at), max(span.last_at, at)
        span.targets += targets


def _waited(run: RunCounts, record: Waited) -> None:
    """Keep a wait in place of its earlier records; of too many, count the shortest that gets no further record."""
    run.waits[record.wait] = record
    if len(run.waits) > WAITS_KEPT:
        last = {wait.kind: number for number, wait in sorted(run.waits.items())}
        over = run.waits.keys() - last.values()
        dropped = run.waits.pop(min(over, key=lambda number: run.waits[number].waited_s))
        run.shorter_waits.setdefault(dropped.kind, WaitTotal()).add(dropped.waited_s)


def _run(record: RunStarted) -> RunCounts:
    return RunCounts(
        started_at=record.at,
        last_at=record.at,
        version=record.version,
        purpose=record.purpose,
        batch_size=record.batch_size,
        rates=record.rates,
        route=record.route,
    )


def _size(targets: str) -> int:
    return sum(stop - start for start, stop in parse_ranges(targets))
