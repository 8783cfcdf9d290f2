"""Carries the rate limits' knowledge across processes: what earlier runs and the planning spent counts (promise 13).

Pure but for the limits object that `restore_limits` charges. Knows nothing of targets.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from asyncclient import Bucket, Limits
from bulk.journal.records import Intent, LimitChanged, PauseTaken, RunStarted

LONGEST_WINDOW_S = 3600.0
LONGEST_PAUSE_S = 3600.0
SAME_REQUEST_S = 0.25
"""A request noted in a file and one that the limits remember are the same when their times are this close."""
RECENT_KEPT = 20_000
"""Request times kept of each bucket: more than any hour's allowance."""
ROW_READERS = 5
"""Reads of deletion rows, single ones included, that may be under way beside one of the store for each worker."""


class LimitUsage:
    """What a journal says of requests: when they were answered, which were under way, how long to pause.

    Times are the server's clock, seconds since the epoch.
    """

    def __init__(self) -> None:
        self.recent: dict[str, deque[float]] = {}
        self.paused_until: dict[str, float] = {}
        self.lowered: dict[str, dict[float, LimitChanged]] = {}
        self._running: RunStarted | None = None

    def request(self, bucket: str, at: float, *, times: int = 1) -> None:
        """So many requests were answered, or given up, at this time at the latest."""
        self.recent.setdefault(bucket, deque(maxlen=RECENT_KEPT)).extend([at] * min(times, RECENT_KEPT))

    def paused(self, record: PauseTaken) -> None:
        """The server asked for a pause."""
        self.paused_until[record.bucket] = record.at + record.for_s

    def limit_changed(self, record: LimitChanged) -> None:
        """A 429 lowered a limit."""
        self.lowered.setdefault(record.bucket, {})[record.window_s] = record

    def run_started(self, record: RunStarted, open_attempts: Iterable[Intent]) -> None:
        """A process took over; what the last one had under way was over by then."""
        for bucket, requests in self.under_way(open_attempts).items():
            self.request(bucket, record.at, times=requests)
        self._running = record

    def run_ended(self) -> None:
        """The process said goodbye: it left no reads under way."""
        self._running = None

    def under_way(self, open_attempts: Iterable[Intent]) -> dict[str, int]:
        """Requests by bucket that a process which is gone may have made without noting their ends.

        Arguments:
            open_attempts: its attempts without an answer.
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
    under_way: Mapping[str, int],
    now: float,
) -> None:
    """Account for the requests that the planning and earlier runs made in the last hour, and for what still lasts of
    pauses and lowered limits.

    What an interrupted run may have had under way counts as answered now, since no more is known.

    Arguments:
        limits: what is charged.
        spent: request times by bucket from the plan, seconds since the epoch.
        usage: of the journal; of an empty one nothing is known, and nothing was sent.
        under_way: requests by bucket without a noted end.
        now: the server's clock, seconds since the epoch; times beyond it count as just now.
    """
    for bucket in Bucket:
        times = [*spent.get(bucket.value, ()), *usage.recent.get(bucket.value, ())]
        known = [now - age for age in limits.recent(bucket)]
        ages = [max(0.0, now - time) for time in not_in(known, times) if now - time < LONGEST_WINDOW_S]
        ages += [0.0] * under_way.get(bucket.value, 0)
        if ages:
            limits.charge(bucket, ages)
        if (left := usage.paused_until.get(bucket.value, 0.0) - now) > 0:
            limits.pause(bucket, min(left, LONGEST_PAUSE_S))
        for lowered in usage.lowered.get(bucket.value, {}).values():
            if lowered.new is not None:
                age_s = max(0.0, now - lowered.at)
                limits.keep_lowered(bucket, window_s=lowered.window_s, limit=lowered.new, age_s=age_s)


def not_in(known: Iterable[float], times: Iterable[float]) -> list[float]:
    """The times that have no counterpart of their own among the known ones."""
    rest = sorted(known)
    left: list[float] = []
    at = 0
    for time in sorted(times):
        while at < len(rest) and rest[at] < time - SAME_REQUEST_S:
            at += 1
        if at < len(rest) and rest[at] <= time + SAME_REQUEST_S:
            at += 1
        else:
            left.append(time)
    return left
