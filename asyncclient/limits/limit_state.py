"""LimitState: what counts in the rate limits of a key. Does no I/O; times are arguments."""

from collections.abc import Iterable, Iterator
from itertools import repeat

from asyncclient._protocol.limits.limit_reduction import LimitReduction
from asyncclient._protocol.limits.rate_bucket import RateBucket
from asyncclient._protocol.limits.rate_limits import HOUR_S, MINUTE_S, Bucket, RateLimits
from asyncclient._protocol.limits.request_log import RequestLog
from asyncclient._protocol.limits.shared_records import LimitRecord, RecordKind
from asyncclient.limits.permits import Queue


class LimitState:
    """The queue of each rate limit, and the requests that count in it.

    Arguments:
        rates: the rate limits.
    """

    def __init__(self, rates: RateLimits) -> None:
        self.rates = rates
        self.queues: dict[Bucket, Queue] = {}
        self.logs: dict[Bucket, RequestLog] = {}
        self._counting: dict[Bucket, tuple[RequestLog, ...]] = {}
        """All logs that a request of the bucket counts in."""
        for bucket in Bucket:
            self.queues[bucket] = Queue(self._new_bucket(bucket), rates.windows(bucket).get(MINUTE_S))
        if rates.per_user:
            self.queues[Bucket.OTHERS] = self.queues[Bucket.DELETES]
        self._share_logs()

    def reset(self) -> None:
        """Forget everything but what waits in the queues."""
        for bucket, queue in self.distinct_queues():
            queue.bucket = self._new_bucket(bucket)
        self._share_logs()

    def take(self, bucket: Bucket, now: float) -> bool:
        """Count a request in flight if every window has room for it, and return whether it has."""
        wait_s = self.queues[bucket].bucket.wait_s(now)
        if wait_s is None or wait_s > 0:
            return False
        for log in self._counting[bucket]:
            log.in_flight += 1
        return True

    def add_in_flight(self, bucket: Bucket) -> None:
        """Count a request in flight, whether or not there is room for it."""
        for log in self._counting[bucket]:
            log.in_flight += 1

    def remove_in_flight(self, bucket: Bucket) -> None:
        """Count a request in flight no more."""
        for log in self._counting[bucket]:
            log.in_flight -= 1

    def record_response(self, bucket: Bucket, now: float, *, sent_at: float, passed: bool) -> None:
        """Count a request that ended and is no longer in flight; arguments as for `RateBucket.record_response`."""
        shared, own = self.queues[bucket].bucket, self.logs[bucket]
        shared.record_response(now, sent_at=sent_at, passed=passed)
        if own is not shared.log:
            own.record(now)

    def add_earlier(self, bucket: Bucket, now: float, times: list[float]) -> None:
        """Count requests that ended at these times and were made elsewhere."""
        log, own = self.queues[bucket].bucket.log, self.logs[bucket]
        log.insert(now, times)
        if own is not log:
            own.insert(now, times)

    def reduce(
        self, bucket: Bucket, now: float, *, retry_after_s: float | None, sent_at: float
    ) -> list[LimitReduction]:
        """Lower the limit after an unexpected 429; arguments as for `RateBucket.reduce`."""
        queue = self.queues[bucket]
        reductions = queue.bucket.reduce(now, retry_after_s=retry_after_s, sent_at=sent_at)
        for reduction in reductions:
            if reduction.window_s == MINUTE_S:
                queue.set_pace(reduction.new)
        return reductions

    def records(self, now: float) -> Iterator[LimitRecord]:
        """Return records from which another process computes this state; without the requests in flight."""
        for bucket, queue in self.queues.items():
            for at, count in self.logs[bucket].entries_since(now - HOUR_S):
                yield LimitRecord(RecordKind.EARLIER, bucket, at, amount=count)
            if (pause_s := queue.bucket.requested_wait_s(now)) > 0:
                yield LimitRecord(RecordKind.PAUSED, bucket, now, pause_s, status=queue.bucket.pause_status)
            for lowered in queue.bucket.reductions():
                yield LimitRecord(
                    RecordKind.LOWERED, bucket, lowered.recovers_from, lowered.window_s, amount=lowered.new
                )

    def spend_all(self, bucket: Bucket, now: float, at: float) -> None:
        """Count as many requests at this time as the limits allow in any window, because their number is unknown."""
        allowed = max(self.rates.windows(bucket).values(), default=0)
        self.add_earlier(bucket, now, list(repeat(at, allowed)))

    def distinct_queues(self) -> Iterable[tuple[Bucket, Queue]]:
        """Return each queue once, with a bucket that it serves."""
        return {id(queue): (bucket, queue) for bucket, queue in self.queues.items()}.values()

    def _new_bucket(self, bucket: Bucket) -> RateBucket:
        return RateBucket(self.rates.windows(bucket), RateLimits.posthog().windows(bucket))

    def _share_logs(self) -> None:
        self.logs = {bucket: queue.bucket.log for bucket, queue in self.queues.items()}
        if self.rates.per_user:
            # the shared log counts; each bucket also has its own log, so that `recent` can tell them apart
            self.logs |= {Bucket.DELETES: RequestLog(), Bucket.OTHERS: RequestLog()}
        for bucket, queue in self.queues.items():
            shared, own = queue.bucket.log, self.logs[bucket]
            self._counting[bucket] = (shared,) if own is shared else (shared, own)
