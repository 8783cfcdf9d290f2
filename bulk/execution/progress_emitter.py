"""Turns what happens in a run into events for the caller, at most a few per second. It prints nothing."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import anyio

from asyncclient import Bucket, ClientEvent, LimitLowered, Limits, Paused, RequestFinished
from bulk.concurrency.outages import outage_event
from bulk.event_log import EventLog
from bulk.events import JobEvent, LimitMoved, PauseStarted, PhaseChanged, Progress, WaitingForServer, WindowBudget
from bulk.journal.job_log import JobLog
from bulk.journal.records import LimitChanged, PauseTaken, ReadRequest, Waited
from bulk.posthog.attempt_result import MAX_PAUSE_S
from bulk.progress.rates import PhaseProgress, estimate_left_s
from bulk.progress.wait_spans import WaitSpan
from bulk.progress.wait_tracker import WaitTracker
from bulk.report.progress import TEST_BATCH, count_done, counts_by_axis, needed_s

INTERVAL_S = 0.2


class _Began(NamedTuple):
    """The figures when the phase began."""

    at: float
    done: int
    standstill_s: float
    interrupted_s: float


class ProgressEmitter:
    """Counts requests, records in the journal what the rate limits of a later run need, and emits events.

    Arguments:
        limits: tell how long the remaining requests take at least.
        wait_tracker: receives the client's events; knows what is waited for.
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
        wait_tracker: WaitTracker,
        batch_size: int,
        route: str | None = None,
    ) -> None:
        self._route = route
        self._batch_size = batch_size
        self._job = job
        self._limits = limits
        self._on_progress = on_progress
        self._log = EventLog(clock=anyio.current_time)
        self._phase = ""
        self._requests = 0
        self._last_at = float("-inf")
        self._wait_tracker = wait_tracker
        self._started_at = anyio.current_time()
        self._began: _Began | None = None
        self._read_back_until: float | None = None
        self._to_read_again = 0

    def emit(self, event: JobEvent) -> None:
        """Write an event to the log, and pass it to the caller."""
        self._log.write(event)
        if isinstance(event, WaitingForServer):
            self._read_back_until = anyio.current_time() + event.wait_left_s
        on_progress = self._on_progress
        if on_progress is not None:
            self._on_progress = None
            on_progress(event)
            self._on_progress = on_progress

    def phase(self, name: str) -> None:
        """Begin a phase of the run, unless it is the current one."""
        if name != self._phase:
            self._phase = name
            self._began = None
            self._read_back_until = None
            self.emit(PhaseChanged(phase=name))
            self.progress()

    def will_read_again(self, count: int) -> None:
        """Exclude this many finished targets from `done` until this run has read them again."""
        self._to_read_again = count

    def count_reads(self, groups: Iterable[list[int]]) -> Iterator[list[int]]:
        """Yield groups of targets to read again; those of a group are shown as done when the next one is taken."""
        for group in groups:
            yield group
            self._to_read_again -= len(group)
        self._to_read_again = 0

    def emit_if_due(self) -> None:
        """Emit the progress after a change, unless it was emitted a moment ago."""
        if self._has_listener() and anyio.current_time() - self._last_at >= INTERVAL_S:
            self.progress()

    def tick(self) -> None:
        """Emit the progress, which is called every second: a wait is shown, counted and recorded while it lasts."""
        if self._phase and self._has_listener():
            self.progress()
        else:
            self._wait_tracker.sample()  # the log takes the progress once a minute, and its rate counts every wait
        self._record_waits(self._wait_tracker.spans.due())

    def record_last_waits(self) -> None:
        """Record the waits that no tick has recorded, at the end of the run."""
        self._wait_tracker.sample()
        self._record_waits(self._wait_tracker.spans.end())

    def progress(self) -> None:
        """Emit the progress of the job."""
        if not self._has_listener():
            return
        now = anyio.current_time()
        self._last_at = now
        target_states = self._job.target_states
        axis = target_states.primary_axis
        done = max(0, count_done(target_states.counts(axis), axis, phase=self._phase) - self._to_read_again)
        wait = self._wait_tracker.sample()
        phase, left = self._phase_progress(now, done), target_states.count - done
        at_most_s = None if self._read_back_until is None else max(0.0, self._read_back_until - now)
        eta_s = estimate_left_s(
            phase,
            left=left,
            at_least_s=needed_s(
                self._limits,
                self._job.operation,
                left,
                batch_size=self._batch_size,
                route=self._route,
                phase=self._phase,
                in_one_call=target_states.takes_key_list is True,
            ),
            wait=wait,
            at_most_s=at_most_s,
            is_sample=self._phase == TEST_BATCH,
        )
        self.emit(
            Progress(
                phase=self._phase,
                count=target_states.count,
                done=done,
                **counts_by_axis(target_states),
                requests=self._requests,
                targets_per_s=phase.targets_per_s,
                overall_per_s=phase.overall_per_s,
                eta_s=eta_s,
                eta_is_limit=eta_s is not None and eta_s == at_most_s,
                budget=self._budget(),
                elapsed_s=now - self._started_at,
                wait=wait,
            )
        )

    def _has_listener(self) -> bool:
        """Return whether the caller or the log takes the progress of this moment."""
        return self._on_progress is not None or self._log.is_progress_due

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
                    self._job.flush()  # `status` in another process shows it
                self.emit(PauseStarted(bucket=bucket, for_s=for_s))
            case LimitLowered():
                bucket, window_s, at = event.bucket.value, event.window_s, self._job.now()
                self._job.record(LimitChanged(at=at, bucket=bucket, window_s=window_s, old=event.old, new=event.new))
                self.emit(LimitMoved(bucket=bucket, window_s=window_s, old=event.old, new=event.new))
            case _:
                if (outage := outage_event(event)) is not None:
                    self.emit(outage)

    def _record_waits(self, spans: Iterable[WaitSpan]) -> None:
        """Record when the run waited; the rate of `status` in another process leaves outages out at once."""
        now, at = self._wait_tracker.now(), self._job.now()
        for span in spans:
            self._job.record(
                Waited(
                    at=at,
                    wait=span.number,
                    kind=span.kind.value,
                    since=at - (now - span.started),
                    until=at - (now - span.ended),
                    waited_s=round(span.waited_s, 3),
                )
            )
            self._job.flush()

    def _phase_progress(self, now: float, done: int) -> PhaseProgress:
        tracker = self._wait_tracker
        if self._began is None:
            self._began = _Began(now, done, tracker.standstill_s, tracker.interrupted_s)
        began = self._began
        return PhaseProgress(
            done=done - began.done,
            elapsed_s=now - began.at,
            standstill_s=tracker.standstill_s - began.standstill_s,
            interrupted_s=tracker.interrupted_s - began.interrupted_s,
        )

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
