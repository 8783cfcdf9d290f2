"""Turns what happens in a run into events for the caller, at most a few per second. It prints nothing."""

from collections.abc import Callable

import anyio

from asyncclient import Bucket, ClientEvent, LimitLowered, Limits, Paused, RequestFinished
from bulk.concurrency.outages import outage_event
from bulk.events import JobEvent, LimitMoved, PauseStarted, PhaseChanged, Progress, WindowBudget
from bulk.journal.job_log import JobLog
from bulk.journal.records import LimitChanged, PauseTaken, ReadRequest
from bulk.journal.target_states import TargetStates
from bulk.posthog.attempt_result import MAX_PAUSE_S
from bulk.posthog.request_costs import estimate
from bulk.states import ACCEPTED, PENDING, Axis, Events, Person

INTERVAL_S = 0.2
RATE_OVER_S = 10.0
_HELD = frozenset({Person.HELD_BACK, Events.HELD_BACK})


class ProgressEmitter:
    """Counts requests, records in the journal what the rate limits of a later run need, and emits events.

    Arguments:
        limits: tell how long the remaining requests take at least.
        on_progress: takes every event. An exception that it raises ends the run, and it is not called again.
        batch_size: persons per bulk request.
        route: the route by which properties are changed, "rest" or "capture".
    """

    def __init__(
        self,
        job: JobLog,
        limits: Limits,
        on_progress: Callable[[JobEvent], None] | None,
        *,
        batch_size: int,
        route: str | None = None,
    ) -> None:
        self._route = route
        self._batch_size = batch_size
        self._job = job
        self._limits = limits
        self._on_progress = on_progress
        self._phase = ""
        self._requests = 0
        self._last_at = float("-inf")
        self._history: list[tuple[float, int]] = []
        self._began: tuple[float, int] | None = None

    def emit(self, event: JobEvent) -> None:
        """Pass an event to the caller."""
        on_progress = self._on_progress
        if on_progress is not None:
            self._on_progress = None
            on_progress(event)
            self._on_progress = on_progress

    def phase(self, name: str) -> None:
        """Begin a phase of the run, unless it is the current one."""
        if name != self._phase:
            self._phase = name
            self._history.clear()
            self._began = None
            self.emit(PhaseChanged(phase=name))
            self.progress()

    def moved(self) -> None:
        """Emit the progress after a change, unless it was emitted a moment ago."""
        if self._on_progress is not None and anyio.current_time() - self._last_at >= INTERVAL_S:
            self.progress()

    def progress(self) -> None:
        """Emit the progress of the job."""
        if self._on_progress is None:
            return
        now = anyio.current_time()
        self._last_at = now
        target_states = self._job.target_states
        done = self._done(target_states)
        rate = self._rate(now, done)
        self.emit(
            Progress(
                phase=self._phase,
                count=target_states.count,
                done=done,
                person=named_counts(target_states, Axis.PERSON),
                events=named_counts(target_states, Axis.EVENTS),
                recordings=named_counts(target_states, Axis.RECORDINGS),
                properties=named_counts(target_states, Axis.PROPERTIES),
                requests=self._requests,
                targets_per_s=rate,
                eta_s=self._eta_s(now, done),
                budget=self._budget(),
            )
        )

    def client_event(self, event: ClientEvent) -> None:
        """Take an event of the client: count and record its requests, pauses and lowered limits, and report outages."""
        match event:
            case RequestFinished():
                self._requests += 1
                if not event.mutating:  # the others are in the journal as attempts
                    self._job.record(ReadRequest(bucket=event.bucket.value, at=self._job.now()))
                    self._job.flush()
            case Paused():
                bucket, for_s = event.bucket.value, event.for_s
                if for_s <= MAX_PAUSE_S:  # a longer one ends the run, and the next run learns of it again
                    self._job.record(PauseTaken(at=self._job.now(), bucket=bucket, duration_s=for_s))
                self.emit(PauseStarted(bucket=bucket, for_s=for_s))
            case LimitLowered():
                bucket, window_s, at = event.bucket.value, event.window_s, self._job.now()
                self._job.record(LimitChanged(at=at, bucket=bucket, window_s=window_s, old=event.old, new=event.new))
                self.emit(LimitMoved(bucket=bucket, window_s=window_s, old=event.old, new=event.new))
            case _:
                if (outage := outage_event(event)) is not None:
                    self.emit(outage)

    def _done(self, target_states: TargetStates) -> int:
        """Return the targets that the phase is done with; in "sending" also accepted ones whose rows come later."""
        axis = target_states.primary_axis
        states = target_states.counts(axis)
        done = sum(count for state, count in states.items() if state not in PENDING or state in _HELD)
        waits = self._phase == "reading back" or axis is Axis.EVENTS
        return done + (0 if waits else sum(states.get(one, 0) for one in {ACCEPTED[axis]} & PENDING))

    def _rate(self, now: float, done: int) -> float:
        self._began = self._began or (now, done)
        self._history.append((now, done))
        while len(self._history) > 2 and self._history[0][0] < now - RATE_OVER_S:
            self._history.pop(0)
        (since, then), span = self._history[0], now - self._history[0][0]
        return max(0.0, (done - then) / span) if since < now else 0.0

    def _eta_s(self, now: float, done: int) -> float | None:
        """Return the remaining seconds by the rate of the whole phase, and at least as many as the rate limits need."""
        left = self._job.target_states.count - done
        cost = estimate(
            self._job.operation, left, batch_size=self._batch_size, rates=self._limits.rates, route=self._route
        )
        sending = self._phase != "reading back"
        deletes, others = cost.deletes if sending else 0, cost.reads + (cost.changes if sending else 0)
        if self._limits.rates.per_user:
            deletes, others = 0, deletes + others
        at_least = max(self._limits.eta_s(Bucket.DELETES, deletes), self._limits.eta_s(Bucket.OTHERS, others))
        if self._began is None or done <= self._began[1] or now <= self._began[0]:
            return at_least or None
        (since, then) = self._began
        return max(left * (now - since) / (done - then), at_least)

    def _budget(self) -> tuple[WindowBudget, ...]:
        return tuple(
            WindowBudget(
                bucket=bucket.value,
                window_s=window.window_s,
                limit=window.limit,
                used=window.used,
                frees_in_s=window.frees_in_s,
            )
            for bucket in (Bucket.DELETES, Bucket.OTHERS)
            for window in self._limits.budget(bucket)
        )


def named_counts(target_states: TargetStates, axis: Axis) -> dict[str, int]:
    """Return the number of targets by the name of their state."""
    return {state.name.lower(): count for state, count in target_states.counts(axis).items()}
