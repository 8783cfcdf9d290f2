"""Takes a group of targets through the erasure order, attempt by attempt, until nothing is due for any of them.

Each attempt is journalled before it leaves and settled by reading when its answer is not an exact success; only
what survives is sent again, in halves after time-outs and 5xx. What is due next comes from the ledger alone, so a
resumed group takes the same path as a fresh one.
"""

import random
from collections.abc import Callable, Sequence

import anyio
import msgspec

from asyncclient import PostHogClient
from bulk.breaker import Breaker, RetryBudget
from bulk.capabilities import Way
from bulk.dispatch import BUCKET, Call, choose_call, send
from bulk.due import CALLS, Due, first_due, next_due
from bulk.errors import BreakerOpened, NotFinished
from bulk.gate import Gate, Stopped
from bulk.job import Job
from bulk.outcomes import Axis, Events, Person
from bulk.progress import Trouble
from bulk.verdicts import LONGEST_PAUSE_S, Next, Verdict, too_long_a_pause
from bulk.verifier import Verifier

MAX_ATTEMPTS = 8
"""Attempts a target, stage and run; halving, 429s and attempts that made progress do not count (promise 12)."""

MAX_WITHOUT_ROW = 4
"""Attempts to queue events that were accepted and left no deletion row to read back."""

MAX_REFUSED = 20
"""429s that a group takes in a row, each after the pause that was asked for, before the run ends as resumable."""

CHECK_GOOD_FOR_S = 60.0
"""A person is sent only if it was read as present and unchanged no longer ago than this (promise 22)."""

BACKOFF_BASE_S = 0.5
BACKOFF_CAP_S = 30.0


class _Stale(Exception):
    """The batch waited for the rate limit's leave for so long that its persons have to be read again."""


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What every batch of a run shares.

    Arguments:
        report: takes events for the caller.
        pause: lets no deletion leave for so many seconds.
        moved: called after each change of the ledger, for progress.
        batch_size: targets a bulk_delete takes, before halving.
        uniform: draws a number between two, for full jitter.
    """

    job: Job
    client: PostHogClient
    verifier: Verifier
    way: Way
    gate: Gate
    breaker: Breaker
    budget: RetryBudget
    report: Callable[[Trouble], None]
    pause: Callable[[float], None]
    moved: Callable[[], None]
    batch_size: int
    uniform: Callable[[float, float], float] = random.uniform


class Group:
    """Some targets on their way, in batches of a size that the server takes.

    Arguments:
        numbers: ascending target numbers.
        canary: read the store once more between queueing and deleting, and stop the job if anybody vanished.
    """

    def __init__(self, tools: Tools, numbers: Sequence[int], *, canary: bool = False) -> None:
        self._tools = tools
        self._job = tools.job
        self._numbers = list(numbers)
        self._canary = canary
        self._size = tools.batch_size
        self._checked: dict[int, float] = {}
        self._without_row: set[int] = set()
        self._fruitless = 0

    async def run(self) -> None:
        """Send what is due until nothing is.

        Raises:
            Stopped: the gate closed; what is left is due in the next run.
        """
        await self._recheck_held()
        while found := first_due(self._job.ledger, self._numbers):
            self._tools.gate.check()
            due, numbers = found
            if due is Due.READ_STORE or self._unchecked(numbers):
                await self._read_store(numbers)
            elif due is Due.READ_ROWS:
                await self._read_rows(numbers)
            elif exhausted := [n for n in numbers if self._job.ledger.attempts[n] >= self._most(n)]:
                self._give_up(exhausted)
            else:
                await self._guard_canary(due, numbers)
                await self._send_batches(due, numbers)
            self._tools.moved()

    async def _send_batches(self, due: Due, numbers: list[int]) -> None:
        """Send what is due for all of these, batch by batch, until something else is due first."""
        axes = [axis for axis in due.value if isinstance(axis, Axis)]
        start = 0
        while start < len(numbers):
            call = choose_call(axes, self._tools.way, self._size)
            batch = numbers[start : start + call.most]
            if self._unchecked(batch) or not await self._attempt(call, batch):
                return
            start += call.most
            self._tools.moved()
            self._tools.gate.check()

    def _most(self, number: int) -> int:
        return MAX_WITHOUT_ROW if number in self._without_row else MAX_ATTEMPTS

    def _unchecked(self, numbers: Sequence[int]) -> bool:
        oldest = anyio.current_time() - CHECK_GOOD_FOR_S
        return any(self._checked.get(number, float("-inf")) < oldest for number in numbers)

    async def _read_store(self, numbers: list[int]) -> None:
        at = anyio.current_time()
        here = await self._tools.verifier.check_store(numbers)
        self._checked.update(dict.fromkeys(here, at))

    async def _read_rows(self, numbers: list[int]) -> None:
        ledger = self._job.ledger
        accepted = [n for n in numbers if ledger.events(n) is Events.REQUESTED]
        await self._tools.verifier.check_rows(numbers)
        without = {n for n in accepted if ledger.events(n) is Events.UNTOUCHED}
        self._without_row |= without
        if len(without) < len(accepted):
            self._progressed()
        elif without:
            self._tell_breaker(progress=False)
        if without:
            self._fruitless += 1
            await self._tools.gate.sleep(self._backoff_s())

    async def _recheck_held(self) -> None:
        held = [n for n in self._numbers if self._job.ledger.person(n) is Person.HELD]
        if held and (here := sorted(await self._tools.verifier.check_store(held))):
            await self._tools.verifier.check_rows(here)

    async def _guard_canary(self, due: Due, numbers: list[int]) -> None:
        if not (self._canary and due is Due.DELETE and self._job.operation.queues_first):
            return
        self._canary = False
        here = await self._tools.verifier.check_store(numbers)
        if vanished := len(numbers) - len(here):
            self._tools.gate.close(
                BreakerOpened(
                    f"canary: {vanished} of {len(numbers)} persons vanished before this job deleted them, "
                    "although they were to be kept while their events were queued"
                )
            )
            raise Stopped

    async def _attempt(self, call: Call, numbers: list[int]) -> bool:
        """Make one attempt and settle it.

        Returns:
            Whether it was an exact success.
        """
        try:
            verdict = await self._send(call, numbers)
        except _Stale:
            return False
        if verdict.then is Next.STOP:
            self._tools.gate.close(verdict.cause or BreakerOpened(f"the server answered {verdict.label}"))
            raise Stopped
        if verdict.retry_after_s is not None:
            self._heed(verdict.retry_after_s, verdict)
        if verdict.then in (Next.READ, Next.READ_AND_HALVE, Next.READ_AND_REJECT):
            await self._settle(call, numbers)
        left = [] if verdict.then is Next.NOTHING else [n for n in numbers if self._still_due(n, call.axes)]
        if verdict.then is Next.READ_AND_REJECT:
            self._job.fail(dict.fromkeys(left, f"rejected:{verdict.label}"))
        await self._account(call, numbers, left, verdict)
        return verdict.then is Next.NOTHING

    def _heed(self, asked_s: float, verdict: Verdict) -> None:
        """Take the pause that the server asks for; the client has taken that of a 429 already (promise 14)."""
        if asked_s > LONGEST_PAUSE_S:
            self._tools.gate.close(too_long_a_pause(asked_s))
            raise Stopped
        if verdict.error != "rate_limited":
            self._tools.pause(asked_s)

    async def _send(self, call: Call, numbers: list[int]) -> Verdict:
        targets = self._job.targets(numbers)
        attempt: int | None = None
        with self._tools.gate.abandonable() as scope:

            async def before_send() -> None:
                nonlocal attempt
                if self._unchecked(numbers):
                    raise _Stale
                self._tools.gate.committed(scope)
                server_at = self._tools.client.server_time()
                attempt = await self._job.intend(call.route, BUCKET, call.axes, numbers, server_at)

            verdict = await send(self._tools.client, call, [t.uuid for t in targets.values()], before_send)
            if attempt is not None:
                self._job.answered(attempt, verdict, numbers)
        return verdict

    async def _settle(self, call: Call, numbers: list[int]) -> None:
        await self._read_store(numbers)
        here = [n for n in numbers if next_due(self._job.ledger, n) is Due.READ_ROWS]
        if Axis.EVENTS in call.axes and here:
            await self._tools.verifier.check_rows(here)

    def _still_due(self, number: int, axes: tuple[Axis, ...]) -> bool:
        due = next_due(self._job.ledger, number)
        return due in CALLS and any(axis in axes for axis in due.value)

    async def _account(self, call: Call, numbers: list[int], left: list[int], verdict: Verdict) -> None:
        """Count the attempt for breaker and budget, and wait where it is to be repeated (promises 12, 24)."""
        if verdict.then is Next.NOTHING:
            self._size = min(self._tools.batch_size, self._size * 2)
            if not (Axis.EVENTS in call.axes and self._tools.way.has_rows):  # there the rows tell
                self._progressed()
            return
        progress = len(left) < len(numbers)
        rejected = verdict.then is Next.READ_AND_REJECT
        halve = not progress and verdict.then is Next.READ_AND_HALVE and self._size > 1
        if left and not rejected and (progress or halve):
            self._job.settle("engine", {}, refunded=left)
        wait_s = 0.0 if progress or rejected else self._backoff_s()
        self._tell(call, numbers, verdict, wait_s=None if rejected or not left else wait_s)
        if progress:
            self._progressed()
            return
        alone = self._size == 1 < self._tools.batch_size
        if verdict.error == "rate_limited":
            self._stop_if(self._refused())
        else:
            self._tell_breaker(progress=False)
            if not (rejected or halve or alone):
                self._stop_if(self._opened(self._tools.budget.spend()))
        if halve:
            self._size = max(1, min(self._size, len(numbers)) // 2)
        if not rejected:
            self._fruitless += 1
            await self._tools.gate.sleep(wait_s)

    def _tell(self, call: Call, numbers: list[int], verdict: Verdict, *, wait_s: float | None) -> None:
        self._tools.report(
            Trouble(
                route=call.route,
                error=verdict.error or "unclear",
                targets=len(numbers),
                status=verdict.status,
                code=verdict.code,
                retry_in_s=None if wait_s is None else max(wait_s, verdict.retry_after_s or 0.0),
            )
        )

    def _progressed(self) -> None:
        self._fruitless = 0
        self._tools.budget.success()
        self._tools.breaker.batch(progress=True)

    def _tell_breaker(self, *, progress: bool) -> None:
        """Failures count for fresh batches only: neither repeats nor one heavy person's halving open the breaker."""
        if self._fruitless == 0 and self._size == self._tools.batch_size:
            self._stop_if(self._opened(self._tools.breaker.batch(progress=progress)))

    def _refused(self) -> NotFinished | None:
        return NotFinished("the server keeps answering 429") if self._fruitless >= MAX_REFUSED else None

    def _opened(self, why: str | None) -> BreakerOpened | None:
        return None if why is None else BreakerOpened(why)

    def _stop_if(self, error: Exception | None) -> None:
        if error is not None:
            self._tools.gate.close(error)
            raise Stopped

    def _backoff_s(self) -> float:
        return self._tools.uniform(0.0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0**self._fruitless))

    def _give_up(self, numbers: list[int]) -> None:
        """Fail targets whose attempts are used up; the next run tries again (`ledger.REOPENED`)."""
        if self._size < self._tools.batch_size:  # their first failures were not counted
            self._stop_if(self._opened(self._tools.breaker.batch(progress=False)))
        self._job.fail({n: "no_deletion_row" if n in self._without_row else None for n in numbers})
