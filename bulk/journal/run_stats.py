"""Counts over a journal's records for reports: runs, attempts per route, pauses. Pure."""

import msgspec

from bulk.journal.records import (
    AttemptEnded,
    Intent,
    JobOpened,
    LimitChanged,
    PauseTaken,
    ReadRequest,
    Record,
    RunEnded,
    RunStarted,
    StatesChanged,
)
from bulk.number_ranges import parse_ranges
from bulk.states import State

KEPT_DELETED = frozenset({"deleted_instead_of_kept", "no_summary"})
"""Errors after which the server may have deleted persons that it was asked to keep."""


RouteKey = tuple[str, tuple[str, ...]]
"""The name of a call, and the axes that its requests may change: one call serves several stages of a job."""


class RouteCounts(msgspec.Struct):
    """Requests of one call by outcome; those neither ok nor failed are unknown. `targets` adds up batch sizes."""

    attempts: int = 0
    ok: int = 0
    failed: int = 0
    targets: int = 0


class RunCounts(msgspec.Struct):
    """One run of the job, by one process.

    `counts_before` is the number of targets per state of the primary axis when it started.
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


class RunStats:
    """Counts over the records of a journal, kept up to date by `apply`."""

    def __init__(self) -> None:
        self.lines = 0
        self.opened_at = 0.0
        self.last_at = 0.0
        self.routes: dict[RouteKey, RouteCounts] = {}
        self.runs: list[RunCounts] = []
        self.pauses = 0
        self.limits_lowered = 0
        self.kept_deleted = False
        self._open: dict[int, tuple[RouteKey, int]] = {}

    def apply(self, record: Record) -> None:
        """Count one record."""
        self.lines += 1
        self.last_at = max(self.last_at, record.at)
        match record:
            case StatesChanged():  # the most frequent record first
                pass
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
                    self.runs[-1].paused_s += record.duration_s
            case ReadRequest() if self.runs:
                self.runs[-1].requests += 1
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
        self._open[record.attempt] = key, record.requests

    def _attempt_ended(self, record: AttemptEnded) -> None:
        self.kept_deleted = self.kept_deleted or record.error in KEPT_DELETED
        key, planned = self._open.pop(record.attempt, (None, 1))
        if key is None:
            return
        route, made = self.routes[key], planned if record.requests is None else record.requests
        route.attempts -= planned - made
        not_ok = record.outcome != "ok"
        route.ok += made - not_ok
        route.failed += record.outcome == "failed"


def _run(record: RunStarted) -> RunCounts:
    return RunCounts(
        started_at=record.at,
        version=record.version,
        purpose=record.purpose,
        batch_size=record.batch_size,
        rates=record.rates,
        route=record.route,
    )


def _size(targets: str) -> int:
    return sum(stop - start for start, stop in parse_ranges(targets))
