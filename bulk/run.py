"""One run over an open job: the canary, the rest, and reading back until nothing is left to be told.

Sends nothing itself and keeps no state of targets: what is left to do comes from the ledger.
"""

import math
from itertools import takewhile

import msgspec

from asyncclient import PostHogClient
from bulk.breaker import Breaker, RetryBudget
from bulk.capabilities import Way
from bulk.confirmer import Confirmer
from bulk.errors import NotFinished
from bulk.executor import Group, Tools
from bulk.gate import Gate
from bulk.job import Job
from bulk.journal.records import CanaryPassed
from bulk.outcomes import Axis, Person
from bulk.pool import in_parallel
from bulk.progress import CanaryDone
from bulk.ranges import format_ranges, grouped
from bulk.reporter import Reporter
from bulk.rows import RowReader
from bulk.store import READ_SIZE, StoreReader
from bulk.verifier import Verifier

CANARY_SIZE = 25
UNSENT = (Person.UNTOUCHED, Person.UNKNOWN, Person.SURVIVED, Person.HELD)
LARGEST_BATCH = 1000
"""What bulk_delete takes (contract 6.5)."""
MOST_WORKERS = 256
LARGEST_GROUP = 1000
"""Targets that a worker takes at once: five full reads of the store, one page of deletion rows."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a run goes about it; may differ from run to run of one job.

    Arguments:
        concurrency: batches under way at once.
        batch_size: persons a bulk_delete takes.
        wait_s: seconds to wait for the server to catch up.
    """

    concurrency: int = 8
    batch_size: int = 250
    wait_s: float = 900.0

    def __post_init__(self) -> None:
        for name, value, most in (
            ("concurrency", self.concurrency, MOST_WORKERS),
            ("batch size", self.batch_size, LARGEST_BATCH),
        ):
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"{name} {value!r} is not a whole number between 1 and {most}")
        if type(self.wait_s) not in (int, float) or not 0 <= self.wait_s < math.inf:
            raise ValueError(f"wait {self.wait_s!r} is not a number of seconds, 0 or more")


class Run:
    """One run. Construct it inside the event loop that it runs in.

    Arguments:
        client: already reporting to `reporter`.
        gate: closes when the run must end.
    """

    def __init__(
        self, job: Job, client: PostHogClient, way: Way, gate: Gate, reporter: Reporter, settings: Settings
    ) -> None:
        self._job = job
        self._gate = gate
        self._reporter = reporter
        self._settings = settings
        store = StoreReader(client, gate, readers=settings.concurrency)
        self._verifier = Verifier(job, store, RowReader(client, gate) if way.has_rows else None)
        self._tools = Tools(
            job=job,
            client=client,
            verifier=self._verifier,
            way=way,
            gate=gate,
            breaker=Breaker(),
            budget=RetryBudget(),
            report=reporter.tell,
            pause=reporter.pause,
            moved=reporter.moved,
            batch_size=settings.batch_size,
        )
        self._confirmer = Confirmer(
            job,
            self._verifier,
            gate,
            readers=settings.concurrency,
            moved=reporter.moved,
            report=reporter.tell,
        )

    async def send_and_confirm(self) -> None:
        """Send what is left, read back what was accepted. Returns early, in good order, when the gate closes."""
        await self._gate.run(self._send_and_confirm)
        self._reporter.progress()

    async def read_again(self) -> None:
        """Read everything back without sending."""
        await self._gate.run(self._read_again)
        self._reporter.progress()

    async def _send_and_confirm(self) -> None:
        if self._job.ledger.canary is None:
            await self._canary()
        while True:
            self._reporter.phase("sending")
            await self._send_rest()
            self._gate.check()
            self._reporter.phase("reading back")
            await self._confirmer.until_gone(wait_s=self._settings.wait_s)
            if not self._confirmer.give_back_overdue():
                return

    async def _send_rest(self) -> None:
        async def send(numbers: list[int]) -> None:
            await self._gate.worker(Group(self._tools, numbers).run)

        ledger = self._job.ledger
        count = sum(count for state, count in ledger.counts(Axis.PERSON).items() if state in UNSENT)
        groups = grouped(ledger.numbers(Axis.PERSON, UNSENT), group_size(count, self._settings))
        open_groups = takewhile(lambda _: not self._gate.closed, groups)
        await in_parallel(send, open_groups, workers=self._settings.concurrency)

    async def _canary(self) -> None:
        """Take one small batch all the way before the others, until one has really deleted somebody (promise 24)."""
        self._reporter.phase("canary")
        ledger = self._job.ledger
        size = min(CANARY_SIZE, self._settings.batch_size)
        for numbers in grouped(ledger.numbers(Axis.PERSON, (*UNSENT, Person.ACCEPTED)), size):
            await Group(self._tools, numbers, canary=True).run()
            while left := await self._confirmer.until_gone(wait_s=self._settings.wait_s):
                if not self._confirmer.give_back_overdue():
                    break
                await Group(self._tools, numbers, canary=True).run()
            if left := sum(ledger.person(n) in (Person.ACCEPTED, Person.CONTRADICTED) for n in numbers):
                raise NotFinished(f"the first {left} persons were accepted for deletion and are still there")
            gone = [n for n in numbers if ledger.person(n) in (Person.GONE, Person.GONE_SETTLED)]
            if gone:
                self._job.note(CanaryPassed(at=self._job.now(), targets=format_ranges(gone)))
                self._reporter.tell(CanaryDone(targets=len(gone)))
                return

    async def _read_again(self) -> None:
        self._reporter.phase("reading back")
        ledger, readers = self._job.ledger, self._settings.concurrency
        await self._confirmer.until_gone(wait_s=0.0)
        gone = ledger.numbers(Axis.PERSON, (Person.GONE, Person.GONE_SETTLED, Person.GONE_BEFORE))
        await in_parallel(self._check_gone, grouped(gone, READ_SIZE), workers=readers)
        await self._verifier.check_purged()

    async def _check_gone(self, numbers: list[int]) -> None:
        await self._verifier.check_gone(numbers)
        self._reporter.moved()


def group_size(count: int, settings: Settings) -> int:
    """How many targets a worker takes at once: whole batches, enough to fill a read, few enough to leave all work."""
    share = math.ceil(count / settings.concurrency)
    wanted = max(settings.batch_size, min(share, LARGEST_GROUP))
    return math.ceil(wanted / settings.batch_size) * settings.batch_size
