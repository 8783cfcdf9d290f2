"""The batch size of a group, the backoff between its attempts, and when failures end the run.

A success doubles the batch size, a time-out or 5xx halves it (guarantee 11). The breaker and the retry budget end the
run (guarantees 12, 24). This module sends and reads nothing; it only waits out the backoff.
"""

from collections.abc import Sequence
from math import ceil

from bulk.errors import BreakerOpened, NotFinished
from bulk.events import Trouble, WaitKind
from bulk.execution.run_context import RunContext
from bulk.posthog.attempt_result import AttemptResult, NextAction
from bulk.posthog.calls import Call
from bulk.states import Axis

MAX_RATE_LIMITED = 20
"""429s in a row that a group waits out, each for the time that the server asks for, before the run ends as resumable.
"""

MAX_STALE_READS = 50
"""Times in a row that a group reads persons and each read is too old when the request may leave, before the run ends as
resumable."""

MAX_OUTAGES = 5
"""Requests of a group in a row that end in an outage of the server, before they count as failures that they may cause.
"""

BACKOFF_BASE_S = 0.5
BACKOFF_CAP_S = 30.0


class BatchPolicy:
    """The batch policy of one group: how many targets per request, and how long to wait after a failure."""

    def __init__(self, context: RunContext) -> None:
        self.size = context.batch_size
        self._context = context
        self._failures = 0
        self._rounds_without_rows = 0
        self._stale_reads = 0
        self._left_at_last_read = 0
        self._outages = 0

    def note_read(self, left: int) -> None:
        """Note that persons are about to be read.

        Arguments:
            left: for how many targets of the group the same step is left.
        """
        self._stale_reads = self._stale_reads + 1 if left == self._left_at_last_read else 0
        self._left_at_last_read = left
        if self._stale_reads > MAX_STALE_READS:
            self._context.gate.stop(
                NotFinished("the server responds so slowly that persons cannot be read shortly before each request")
            )

    def note_sent_in_time(self) -> None:
        """Note that a request left before its read was too old."""
        self._stale_reads = 0

    def note_progress(self) -> None:
        """Note that an attempt or a read made progress."""
        self._failures = self._outages = 0
        self._context.budget.success()
        self._context.breaker.batch(progress=True)

    def explains_failure(self) -> bool:
        """Count an outage in which a request of the group ended, and return whether it explains the failure."""
        self._outages += 1
        return self._outages <= MAX_OUTAGES

    def note_rows(self) -> None:
        """Note that a read found deletion rows of events that were queued."""
        self._rounds_without_rows = 0
        self.note_progress()

    async def wait_for_rows(self, missing: int, *, progress: bool) -> None:
        """Wait before the events of targets whose deletion rows are missing are queued again.

        Arguments:
            missing: of how many targets the row is missing.
            progress: the rows of others were there.
        """
        if not progress and self._rounds_without_rows == 0:
            for _ in range(ceil(missing / self._context.batch_size)):  # each counted as progress when it was accepted
                self._stop_if(self._context.breaker.batch(progress=False))
        self._rounds_without_rows += 1
        await self._context.gate.sleep(self._backoff_s(self._rounds_without_rows), WaitKind.RETRY)

    def note_given_up(self) -> None:
        """Note that targets used up their attempts. If batches were halved, no failure was counted before this."""
        if self.size < self._context.batch_size:
            self._stop_if(self._context.breaker.batch(progress=False))

    async def account(
        self, call: Call, numbers: Sequence[int], left: Sequence[int], result: AttemptResult, *, in_outage: bool
    ) -> None:
        """Count an attempt for the breaker and the retry budget, and wait if it is to be repeated (guarantees 12, 24).

        Arguments:
            numbers: the targets of the attempt.
            left: those of them that still need the call.
            in_outage: the server was in an outage. That counts for nothing, and the next request waits for its end.
        """
        if in_outage:
            self._report(call, len(numbers), result, wait_s=0.0 if left else None)
            return
        if result.next_action is NextAction.NOTHING:
            self.size = min(self._context.batch_size, self.size * 2)
            if Axis.EVENTS not in call.axes or self._rounds_without_rows == 0:  # only rows show then that it helped
                self.note_progress()
            return
        progress = len(left) < len(numbers) or (result.requests or 0) > 1  # the last request of a block failed
        rejected = result.next_action is NextAction.READ_BACK_AND_REJECT
        halve = not progress and result.next_action is NextAction.READ_BACK_AND_HALVE and self.size > 1
        refunded = unsent(numbers, result) | (set(left) if not rejected and (progress or halve) else set())
        if refunded:
            self._context.job.refund(refunded)
        wait_s = 0.0 if progress or rejected else self._backoff_s(self._failures)
        self._report(call, len(numbers), result, wait_s=None if rejected or not left else wait_s)
        if progress:
            self.note_progress()
            return
        alone = self.size == 1 < self._context.batch_size
        if result.error == "rate_limited":
            self._stop_if_rate_limited()
        elif rejected:
            self._stop_if(self._context.breaker.batch(progress=False))
        else:
            self._count_failed_batch(always=call.route == "capture" and not is_refused(result))
            if not (halve or alone):
                self._stop_if(self._context.budget.spend())
        if halve:
            self.size = max(1, min(self.size, len(numbers)) // 2)
        if not rejected:
            self._failures += 1
            await self._context.gate.sleep(wait_s, WaitKind.RETRY)

    def _report(self, call: Call, targets: int, result: AttemptResult, *, wait_s: float | None) -> None:
        self._context.report(
            Trouble(
                route=call.route,
                error=result.error or "unclear",
                targets=targets,
                status=result.status,
                code=result.code,
                retry_in_s=None if wait_s is None else max(wait_s, result.retry_after_s or 0.0),
            )
        )

    def _count_failed_batch(self, *, always: bool = False) -> None:
        """Count a failure for the breaker if the batch is fresh: neither retries nor the halving of one batch open it.

        Arguments:
            always: count a retry too, because the failure does not depend on the persons of the batch.
        """
        if always or (self._failures == 0 and self.size == self._context.batch_size):
            self._stop_if(self._context.breaker.batch(progress=False))

    def _stop_if_rate_limited(self) -> None:
        if self._failures >= MAX_RATE_LIMITED:
            self._context.gate.stop(NotFinished("the server keeps responding with 429 (rate limited)"))

    def _stop_if(self, why: str | None) -> None:
        if why is not None:
            self._context.gate.stop(BreakerOpened(why))

    def _backoff_s(self, failures: int) -> float:
        return self._context.uniform(0.0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0**failures))


def is_refused(result: AttemptResult) -> bool:
    """Return whether the server refused the request itself: the response was a 4xx."""
    return result.status is not None and 400 <= result.status < 500


def unsent(numbers: Sequence[int], result: AttemptResult) -> set[int]:
    """Return the targets of a block that the server never saw: those after the one that the error is about.

    A server that responds with 429 did not see that one either. The target states know this by themselves if it is the
    first of the block.
    """
    if result.failed_at is None:
        return set()
    seen = result.error != "rate_limited"
    return {*numbers[result.failed_at + seen :]} if result.failed_at or seen else set()
