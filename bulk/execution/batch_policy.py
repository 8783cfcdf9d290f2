"""How a group's attempts go: the batch size, the backoff, and what failures mean for the whole run.

Success doubles the batch size, a time-out or 5xx halves it (promise 11); the breaker and the retry budget end the run
(promises 12, 24). Sends and reads nothing.
"""

from collections.abc import Sequence

from bulk.concurrency.stop_gate import Stopped
from bulk.errors import BreakerOpened, NotFinished
from bulk.events import Trouble
from bulk.execution.run_context import RunContext
from bulk.posthog.attempt_result import AttemptResult, NextAction
from bulk.posthog.calls import Call
from bulk.states import Axis

MAX_REFUSED = 20
"""429s that a group takes in a row, each after the pause that was asked for, before the run ends as resumable."""

MAX_READ_IN_VAIN = 50
"""Times in a row that persons are read for a request that then waits until the reading is too old, or that the reading
itself takes too long, before the run ends as resumable."""

BACKOFF_BASE_S = 0.5
BACKOFF_CAP_S = 30.0


class BatchPolicy:
    """The course of one group."""

    def __init__(self, context: RunContext) -> None:
        self.size = context.batch_size
        self._context = context
        self._fruitless = 0
        self._read_in_vain = 0
        self._due_at_last_read = 0

    def reads(self, due: int) -> None:
        """Persons are about to be read, of so many for whom the same thing is due."""
        self._read_in_vain = self._read_in_vain + 1 if due == self._due_at_last_read else 0
        self._due_at_last_read = due
        if self._read_in_vain > MAX_READ_IN_VAIN:
            self._stop_if(NotFinished("the server takes longer to tell of persons than what it tells can be relied on"))

    def left(self) -> None:
        """A request left in time."""
        self._read_in_vain = 0

    def progressed(self) -> None:
        """An attempt or a reading brought something about."""
        self._fruitless = 0
        self._context.budget.success()
        self._context.breaker.batch(progress=True)

    async def without_row(self, *, progress: bool) -> None:
        """Rows were read and some were missing, or all of them."""
        if not progress:
            self._tell_breaker()
        self._fruitless += 1
        await self._context.gate.sleep(self._backoff_s())

    def gave_up(self) -> None:
        """Targets used up their attempts; where the batches were halved, their first failures were not counted."""
        if self.size < self._context.batch_size:
            self._stop_if(self._opened(self._context.breaker.batch(progress=False)))

    async def account(self, call: Call, numbers: Sequence[int], left: Sequence[int], verdict: AttemptResult) -> None:
        """Count an attempt for breaker and budget, and wait where it is to be repeated (promises 12, 24).

        Arguments:
            left: of these targets those for which it is still due.
        """
        if verdict.then is NextAction.NOTHING:
            self.size = min(self._context.batch_size, self.size * 2)
            if not (Axis.EVENTS in call.axes and self._context.strategy.has_rows):  # there the rows tell
                self.progressed()
            return
        progress = len(left) < len(numbers) or (verdict.requests or 0) > 1  # the last one is no success
        rejected = verdict.then is NextAction.READ_AND_REJECT
        halve = not progress and verdict.then is NextAction.READ_AND_HALVE and self.size > 1
        refunded = unsent(numbers, verdict) | (set(left) if not rejected and (progress or halve) else set())
        if refunded:
            self._context.job.refund(refunded)
        wait_s = 0.0 if progress or rejected else self._backoff_s()
        self._tell(call, len(numbers), verdict, wait_s=None if rejected or not left else wait_s)
        if progress:
            self.progressed()
            return
        alone = self.size == 1 < self._context.batch_size
        if verdict.error == "rate_limited":
            self._stop_if(self._refused())
        elif rejected:
            self._stop_if(self._opened(self._context.breaker.batch(progress=False)))
        else:
            self._tell_breaker(always=call.route == "capture" and not refused(verdict))
            if not (halve or alone):
                self._stop_if(self._opened(self._context.budget.spend()))
        if halve:
            self.size = max(1, min(self.size, len(numbers)) // 2)
        if not rejected:
            self._fruitless += 1
            await self._context.gate.sleep(wait_s)

    def _tell(self, call: Call, targets: int, verdict: AttemptResult, *, wait_s: float | None) -> None:
        self._context.report(
            Trouble(
                route=call.route,
                error=verdict.error or "unclear",
                targets=targets,
                status=verdict.status,
                code=verdict.code,
                retry_in_s=None if wait_s is None else max(wait_s, verdict.retry_after_s or 0.0),
            )
        )

    def _tell_breaker(self, *, always: bool = False) -> None:
        """Failures count for fresh batches only: neither repeats nor one heavy person's halving open the breaker.

        Arguments:
            always: what failed had nothing to do with whom it was for, so each time counts.
        """
        if always or (self._fruitless == 0 and self.size == self._context.batch_size):
            self._stop_if(self._opened(self._context.breaker.batch(progress=False)))

    def _refused(self) -> NotFinished | None:
        return NotFinished("the server keeps answering 429") if self._fruitless >= MAX_REFUSED else None

    def _opened(self, why: str | None) -> BreakerOpened | None:
        return None if why is None else BreakerOpened(why)

    def _stop_if(self, error: Exception | None) -> None:
        if error is not None:
            self._context.gate.close(error)
            raise Stopped

    def _backoff_s(self) -> float:
        return self._context.uniform(0.0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0**self._fruitless))


def refused(verdict: AttemptResult) -> bool:
    """Whether the server said that it does not take what was sent, as it was."""
    return verdict.status is not None and 400 <= verdict.status < 500


def unsent(numbers: Sequence[int], verdict: AttemptResult) -> set[int]:
    """Targets of a block that the server never looked at: those after the one that the error speaks of.

    A 429 did not look at that one either; where it is the block's first the ledger knows that by itself.
    """
    if verdict.at is None:
        return set()
    looked_at = verdict.error != "rate_limited"
    return {*numbers[verdict.at + looked_at :]} if verdict.at or looked_at else set()
