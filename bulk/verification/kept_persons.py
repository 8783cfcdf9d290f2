"""KeptPersons: after a response that does not say that persons were kept, reads them before anything else is sent.

A server that knows `keep_person` responds with a summary. A response without a body proves nothing: it can come from a
proxy, or from a server that is too old for `keep_person` and has deleted the persons (contract 6.5, 8).
"""

from collections.abc import Sequence

import anyio

from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped
from bulk.errors import KeptPersonsDeleted, NotFinished
from bulk.events import WaitKind
from bulk.journal.job_log import JobLog
from bulk.journal.records import PersonsKept
from bulk.number_ranges import expand
from bulk.posthog import person_reader
from bulk.posthog.batch_reads import READ_SIZE
from bulk.states import FINAL_PERSON_STATES
from bulk.verification.second_look import SecondLook
from bulk.verification.verifier import Verifier

MAX_EMPTY_RESPONSES = 3
"""Requests of a run that tell the server to keep persons and get an empty response, before the run ends as resumable.
Each may delete a batch of persons if the reads after it are outdated, so there are few."""


class KeptPersons:
    """Holds all changing requests of a run until the persons of each empty response were read (guarantee 24)."""

    def __init__(self, job: JobLog, verifier: Verifier, second_look: SecondLook, gate: StopGate) -> None:
        self._run_stats = job.target_states.run_stats
        self._job = job
        self._verifier = verifier
        self._second_look = second_look
        self._gate = gate
        self._reading = anyio.Lock()
        self._first_attempt = job.target_states.next_attempt
        self._empty_responses = 0

    @property
    def must_be_read(self) -> bool:
        """Whether nothing may be sent, because persons have to be read first."""
        return bool(self._run_stats.maybe_not_kept)

    async def read(self) -> None:
        """Read the persons of empty responses, of this run and of earlier ones; return at once if there are none.

        The read is made some seconds after the response, because an earlier one could show persons that the server
        has just deleted. While one caller reads, all others wait.

        Raises:
            Stopped: a person is gone, which ends the job; a person could not be read, or too many responses were empty,
                which ends the run; or the gate was closed.
        """
        if not self.must_be_read:
            return
        async with self._reading:
            while self.must_be_read:  # a request that was in flight can add to them
                self._gate.check()
                await self._read_persons(dict(self._run_stats.maybe_not_kept))

    async def _read_persons(self, attempts: dict[int, str]) -> None:
        numbers = sorted({number for targets in attempts.values() for number in expand(targets)})
        await self._job.wait_durable()  # a run that is killed from here on leaves the read to the next one
        await self._gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=len(numbers))
        present = set[int]()

        async def read_group(group: Sequence[int]) -> tuple[int, ...]:
            check = await self._verifier.check_persons(list(group))
            present.update(check.present)
            return check.left_out

        await self._second_look.repeat(read_group, grouped(numbers, READ_SIZE), size=READ_SIZE, workers=1)
        missing = [number for number in numbers if number not in present]
        if gone := sum(self._job.target_states.person(number) in FINAL_PERSON_STATES for number in missing):
            self._gate.stop(
                KeptPersonsDeleted(
                    f"{gone} of {len(numbers)} persons disappeared after an empty response to a request that told the "
                    "server to keep them"
                )
            )
        if missing:
            self._gate.stop(
                NotFinished(
                    f"{len(missing)} of {len(numbers)} persons could not be read after an empty response to a request "
                    "that told the server to keep them"
                )
            )
        self._job.record(PersonsKept(at=self._job.now(), attempts=tuple(sorted(attempts))))
        self._empty_responses += sum(attempt >= self._first_attempt for attempt in attempts)
        if self._empty_responses >= MAX_EMPTY_RESPONSES:
            self._gate.stop(
                NotFinished(
                    f"{self._empty_responses} requests that keep persons got an empty response, and PostHog always "
                    "sends a summary",
                    "find out what sits between this machine and PostHog, then run the same command again to resume",
                )
            )
