"""Reads persons, and reads those that a response left out once more some seconds later (guarantee 11).

Meanwhile the other persons are read and recorded: a few that were left out do not delay the rest.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice

from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import run_workers
from bulk.events import WaitKind
from bulk.posthog.batch_reads import READ_SIZE, chunks
from bulk.verification.verifier import Verifier

MAX_LEFT_OUT = 20_000
"""Targets that may wait for their second read at once: each takes memory until then."""
GROUPS_AT_ONCE = 100


class SecondLook:
    """Reads targets until each has a result, or a reason why it could not be read.

    Arguments:
        boot_time: the boot-time clock, by which the verifier says when a second read may decide.
    """

    def __init__(self, verifier: Verifier, gate: StopGate, *, boot_time: Callable[[], float]) -> None:
        self._verifier = verifier
        self._gate = gate
        self._boot_time = boot_time

    async def read(
        self, groups: Iterable[Sequence[int]], *, readers: int, moved: Callable[[], None] = lambda: None
    ) -> int:
        """Read all groups, then read the targets that were left out once more.

        Arguments:
            groups: target numbers.
            readers: how many groups are read at once.
            moved: called after each group, for progress.

        Returns:
            How many targets could not be read.
        """
        left_out: list[int] = []
        unread, remaining = 0, iter(groups)

        async def read(group: Sequence[int]) -> None:
            nonlocal unread
            check = await self._verifier.check_persons(list(group))
            left_out.extend(check.left_out)
            unread += check.unread
            moved()

        while some := list(islice(remaining, GROUPS_AT_ONCE)):
            await run_workers(read, some, workers=readers)
            if len(left_out) >= MAX_LEFT_OUT:
                await self._read_left_out(left_out, read, readers)
        await self._read_left_out(left_out, read, readers)
        return unread

    async def _read_left_out(
        self, left_out: list[int], read: Callable[[Sequence[int]], Awaitable[None]], readers: int
    ) -> None:
        while left_out:
            again = sorted(left_out)
            left_out.clear()
            await self.wait(again)
            await run_workers(read, chunks(again, READ_SIZE), workers=readers)

    async def wait(self, left_out: Sequence[int]) -> None:
        """Wait until a second read of these targets may decide."""
        wait_s = self._verifier.confirm_at(left_out) - self._boot_time()
        if wait_s > 0:
            await self._gate.sleep(wait_s, WaitKind.SECOND_READ, targets=len(left_out))
