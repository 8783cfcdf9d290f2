"""Carries the use of the rate limits across processes: requests of earlier runs and of planning count (guarantee 13).

Pure, except that `restore_limits` changes the limits object that it is given.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from asyncclient import Bucket, Limits
from bulk.journal.records import Intent, LimitChanged, PauseTaken, RunStarted
from bulk.posthog.attempt_result import MAX_PAUSE_S

LONGEST_WINDOW_S = 3600.0
SAME_REQUEST_S = 2.0
"""A request in a file and one that the limits remember are the same if their times differ by at most this.

The times in a file come from an estimate of the server's clock. The estimates of two processes, and those of a busy
machine, differ by a second or so.
"""
RECENT_KEPT = 20_000
"""Request times kept per bucket: more than any hourly limit."""
ROW_READERS = 5
"""Reads of deletion rows that may be in flight, in addition to one read of persons per worker."""


class LimitUsage:
    """What a journal tells about rate limits: request times, requests in flight, pauses and lowered limits.

    Times are the server's clock, seconds since the epoch.
    """

    def __init__(self) -> None:
        self.recent: dict[str, deque[float]] = {}
        self.paused_until: dict[str, float] = {}
        self.lowered: dict[str, dict[float, LimitChanged]] = {}
        self._running: RunStarted | None = None

    def request(self, bucket: str, at: float, *, times: int = 1) -> None:
        """Count requests that ended at this time or earlier."""
        self.recent.setdefault(bucket, deque(maxlen=RECENT_KEPT)).extend([at] * min(times, RECENT_KEPT))

    def paused(self, record: PauseTaken) -> None:
        """Take in a pause that the server asked for."""
        self.paused_until[record.bucket] = record.at + record.duration_s

    def limit_changed(self, record: LimitChanged) -> None:
        """Take in that a 429 lowered a limit."""
        self.lowered.setdefault(record.bucket, {})[record.window_s] = record

    def run_started(self, record: RunStarted, open_attempts: Iterable[Intent]) -> None:
        """Take in that a process started; requests of the previous one had ended by then."""
        for bucket, requests in self.in_flight(open_attempts).items():
            self.request(bucket, record.at, times=requests)
        self._running = record

    def run_ended(self) -> None:
        """Take in that a run ended in good order, with no reads in flight."""
        self._running = None

    def in_flight(self, open_attempts: Iterable[Intent]) -> dict[str, int]:
        """Return the requests per bucket that a dead process may have made without recording their outcome.

        Arguments:
            open_attempts: its attempts without an outcome.
        """
        found: dict[str, int] = {}
        for intent in open_attempts:
            found[intent.bucket] = found.get(intent.bucket, 0) + intent.requests
        if self._running is not None:
            reads = {Bucket.OTHERS.value: self._running.concurrency + ROW_READERS, Bucket.DEFAULT.value: 1}
            for bucket, count in reads.items():  # changes count in the same limit as reads
                found[bucket] = found.get(bucket, 0) + count
        return found


def restore_limits(
    limits: Limits,
    *,
    spent: Mapping[str, Sequence[float]],
    usage: LimitUsage,
    in_flight: Mapping[str, int],
    now: float,
    counts_earlier_runs: bool = False,
) -> None:
    """Charge the limits with the requests of planning and of earlier runs, and keep their pauses and lowered limits.

    Requests that an interrupted run may have had in flight count as made just now, because their times are not known;
    a limits file, however, knows them.

    Arguments:
        limits: the limits to charge.
        spent: request times per bucket from the plan, in seconds since the epoch.
        usage: from the journal.
        in_flight: requests per bucket without a recorded outcome.
        now: the server's time in seconds since the epoch; later times count as just now.
        counts_earlier_runs: whether `limits` may already contain some of these requests. If True, times that match a
            known request are not charged again. A limits file always counts as True.
    """
    counted = counts_earlier_runs or limits.is_shared
    for bucket in Bucket:
        times = [*spent.get(bucket.value, ()), *usage.recent.get(bucket.value, ())]
        known = [now - age for age in limits.recent(bucket)] if counted else []
        unknown = unmatched_times(known, times)
        ages = [max(0.0, now - time) for time in unknown if now - time < LONGEST_WINDOW_S]
        if not limits.is_shared:
            ages += [0.0] * in_flight.get(bucket.value, 0)
        if ages:
            limits.charge(bucket, ages)
        if (remaining_s := usage.paused_until.get(bucket.value, 0.0) - now) > 0:
            limits.pause(bucket, min(remaining_s, MAX_PAUSE_S))
        for lowered in usage.lowered.get(bucket.value, {}).values():
            if lowered.new is not None:
                age_s = max(0.0, now - lowered.at)
                limits.keep_lowered(bucket, window_s=lowered.window_s, limit=lowered.new, age_s=age_s)


def unmatched_times(known: Iterable[float], times: Iterable[float]) -> list[float]:
    """Return the times that match no known time; each known time matches once.

    Arguments:
        known, times: seconds.
    """
    remaining = sorted(known)
    unmatched: list[float] = []
    index = 0
    for time in sorted(times):
        while index < len(remaining) and remaining[index] < time - SAME_REQUEST_S:
            index += 1
        if index < len(remaining) and remaining[index] <= time + SAME_REQUEST_S:
            index += 1
        else:
            unmatched.append(time)
    return unmatched
