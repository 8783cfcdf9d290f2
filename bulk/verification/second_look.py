"""SecondLook: works on targets in groups, and again, seconds later, on those that a response left out (guarantee 11).

Meanwhile the other groups are worked on: a few targets that were left out do not delay the rest.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped, run_workers
from bulk.events import WaitKind
from bulk.posthog.batch_reads import READ_SIZE
from bulk.verification.verifier import Verifier

MAX_LEFT_OUT = 20_000
"""Targets that may wait for their second read at once: each takes memory until then."""


class SecondLook:
    """Repeats work on targets until no response leaves any of them out.

    Arguments:
        boot_time: the boot-time clock, by which the verifier says when a second read may decide.
    """

    def __init__(self, verifier: Verifier, gate: StopGate, *, boot_time: Callable[[], float]) -> None:
        self._verifier = verifier
        self._gate = gate
        self._boot_time = boot_time

    async def read(
        self, groups: Iterable[Sequence[int]], *, readers: int, moved: Callable[[], None] = lambda: None
    ) -> None:
        """Read all groups until each target has a result, or a reason why it could not be read.

        Arguments:
            groups: target numbers.
            readers: how many groups are read at once.
            moved: called after each group, for progress.

        Raises:
            Stopped: the gate closed.
        """

        async def read(group: Sequence[int]) -> Iterable[int]:
            check = await self._verifier.check_persons(list(group))
            moved()
            return check.left_out

        await self.repeat(read, groups, size=READ_SIZE, workers=readers)

    async def repeat(
        self,
        work: Callable[[Sequence[int]], Awaitable[Iterable[int]]],
        groups: Iterable[Sequence[int]],
        *,
        size: int,
        workers: int,
    ) -> None:
        """Do work on all groups, and do it again on the targets that it returns, once a second read may decide.

        Arguments:
            work: reads a group and perhaps sends for it; returns the targets that a response left out.
            size: targets per group of those that were left out.
            workers: how many groups are worked on at once.

        Raises:
            Stopped: the gate closed.
        """
        left_out: list[int] = []
        remaining = iter(groups)

        async def note_left_out(group: Sequence[int]) -> None:
            left_out.extend(await work(group))

        def groups_while_few_are_left_out() -> Iterator[Sequence[int]]:
            while not self._gate.closed and len(left_out) < MAX_LEFT_OUT:
                if (group := next(remaining, None)) is None:
                    return
                yield group

        while True:
            await run_workers(note_left_out, groups_while_few_are_left_out(), workers=workers)
            self._gate.check()
            if not left_out:
                return
            again = sorted(left_out)
            left_out.clear()
            await self._wait_for_second_read(again)
            await run_workers(note_left_out, grouped(again, size), workers=workers)

    async def _wait_for_second_read(self, left_out: Sequence[int]) -> None:
        wait_s = self._verifier.confirm_at(left_out) - self._boot_time()
        if wait_s > 0:
            await self._gate.sleep(wait_s, WaitKind.SECOND_READ, targets=len(left_out))
