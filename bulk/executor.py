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
from bulk.due import CALLS, Due, next_due
from bulk.errors import BreakerOpened, NotFinished
from bulk.gate import Gate, Stopped
from bulk.job import Changes, Job
from bulk.outcomes import FINAL_PERSON, Axis, Events, Person, Recordings
from bulk.progress import Trouble
from bulk.verdicts import Next, Verdict
from bulk.verifier import Verifier

MAX_ATTEMPTS = 8
"""Attempts a target, stage and run; halving and attempts that made progress do not count (promise 12)."""

CHECK_GOOD_FOR_S = 60.0
"""A person is sent only if it was read as present and unchanged no longer ago than this (promise 22)."""

BACKOFF_BASE_S = 0.5
BACKOFF_CAP_S = 30.0
LONGEST_PAUSE_S = 3600.0
"""A server that asks for a longer pause ends the run as resumable (promise 14)."""


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What every batch of a run shares.

    Arguments:
        report: takes events for the caller.
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
        while groups := self._due():
            self._tools.gate.check()
            due, numbers = groups
            if due is Due.READ_STORE or self._unchecked(numbers):
                await self._read_store(numbers)
            elif due is Due.READ_ROWS:
                await self._read_rows(numbers)
            elif exhausted := [n for n in numbers if self._job.ledger.attempts[n] >= MAX_ATTEMPTS]:
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

    def _due(self) -> tuple[Due, list[int]] | None:
        """The first thing that is due for any target, in the order of the erasure, with all it is due for."""
        groups: dict[Due, list[int]] = {}
        for number in self._numbers:
            groups.setdefault(next_due(self._job.ledger, number), []).append(number)
        return next(((due, groups[due]) for due in Due if due is not Due.NOTHING and due in groups), None)

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
        if without:
            self._stop_if(self._tools.budget.spend())
            self._fruitless += 1
            await self._tools.gate.sleep(self._backoff_s())

    async def _recheck_held(self) -> None:
        held = [n for n in self._numbers if self._job.ledger.person(n) is Person.HELD]
        if held and (here := sorted(await self._tools.verifier.check_store(held))):
            await self._tools.verifier.check_rows(here)

    async def _guard_canary(self, due: Due, numbers: list[int]) -> None:
        if not (self._canary and due is Due.DELETE and self._tools.way.queue_in_bulk):
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
        verdict = await self._send(call, numbers)
        if verdict.then is Next.STOP:
            self._tools.gate.close(verdict.cause or BreakerOpened(f"the server answered {verdict.label}"))
            raise Stopped
        if verdict.retry_after_s is not None and verdict.retry_after_s > LONGEST_PAUSE_S:
            self._tools.gate.close(
                NotFinished(f"the server asks for a pause of {verdict.retry_after_s:.0f} s, more than an hour")
            )
            raise Stopped
        if verdict.then in (Next.READ, Next.READ_AND_HALVE, Next.READ_AND_REJECT):
            await self._settle(call, numbers)
        left = [n for n in numbers if self._still_due(n, call.axes)]
        if verdict.then is Next.READ_AND_REJECT and left:
            self._fail(left, f"rejected:{verdict.label}")
            left = []
        await self._account(call, numbers, left, verdict)
        return verdict.then is Next.NOTHING

    async def _send(self, call: Call, numbers: list[int]) -> Verdict:
        targets = self._job.targets(numbers)
        attempt: int | None = None
        with self._tools.gate.abandonable() as scope:

            async def before_send() -> None:
                nonlocal attempt
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
        tools = self._tools
        progress = len(left) < len(numbers)
        fresh = self._fruitless == 0 and self._size == tools.batch_size
        halve = not progress and verdict.then is Next.READ_AND_HALVE and self._size > 1
        if left and (progress or halve):
            self._job.settle("engine", {}, refunded=left)
        if verdict.then is Next.NOTHING:
            self._tell_breaker(fresh=fresh, progress=True)
            tools.budget.success()
            self._fruitless = 0
            self._size = min(tools.batch_size, self._size * 2)
            return
        if halve:
            self._size = max(1, min(self._size, len(numbers)) // 2)
        wait = None if progress else self._backoff_s()
        tools.report(
            Trouble(
                route=call.route,
                error=verdict.error or "unclear",
                targets=len(numbers),
                status=verdict.status,
                code=verdict.code,
                retry_in_s=wait if left else None,
            )
        )
        if verdict.error == "rate_limited":
            return
        self._tell_breaker(fresh=fresh, progress=progress)
        if progress:
            tools.budget.success()
            self._fruitless = 0
            return
        if not halve:
            self._stop_if(tools.budget.spend())
        self._fruitless += 1
        await tools.gate.sleep(wait or 0.0)

    def _backoff_s(self) -> float:
        return self._tools.uniform(0.0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0**self._fruitless))

    def _tell_breaker(self, *, fresh: bool, progress: bool) -> None:
        """Failures count for fresh batches only: neither repeats nor one heavy person's halving open the breaker."""
        if progress or fresh:
            self._stop_if(self._tools.breaker.batch(progress=progress))

    def _stop_if(self, why: str | None) -> None:
        if why is not None:
            self._tools.gate.close(BreakerOpened(why))
            raise Stopped

    def _give_up(self, numbers: list[int]) -> None:
        ledger = self._job.ledger
        reasons: dict[str, list[int]] = {}
        for number in numbers:
            if number in self._without_row:
                reason = "no_deletion_row"
            elif ledger.person(number) is Person.UNTOUCHED and ledger.recordings(number) is not Recordings.UNKNOWN:
                reason = "never_accepted"
            else:
                reason = "attempts_used"
            reasons.setdefault(reason, []).append(number)
        for reason, group in reasons.items():
            self._fail(group, reason)

    def _fail(self, numbers: list[int], reason: str) -> None:
        ledger = self._job.ledger
        changes: Changes = {}
        for number in numbers:
            if ledger.person(number) not in FINAL_PERSON:
                changes.setdefault((Person.FAILED, reason), []).append(number)
            if ledger.events(number) in (Events.UNTOUCHED, Events.UNKNOWN, Events.REQUESTED):
                changes.setdefault((Events.FAILED, reason), []).append(number)
            if ledger.recordings(number) in (Recordings.UNTOUCHED, Recordings.UNKNOWN):
                changes.setdefault((Recordings.FAILED, reason), []).append(number)
        self._job.settle("engine", changes)
