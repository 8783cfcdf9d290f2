"""Reads targets back and journals the states that follow from what was read (guarantees 20 to 22).

Every method reads first, then lets the state machine decide for all targets at once, then writes one record, so that
no target is half settled.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import anyio.lowlevel
import msgspec

import asyncclient
from bulk.journal.job_log import JobLog, by_uuid
from bulk.number_ranges import grouped
from bulk.plan.plan_file import Target
from bulk.posthog.deletion_rows import COVERS, DeletionRowReader, RowCoverage
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Absent, Known, Present, ReadResult, UnreadReason
from bulk.property_checks import DesiredProperties
from bulk.states import Axis, Events, Person
from bulk.targets.observations import LOST, Observation
from bulk.targets.reasons import Reason
from bulk.targets.state_machine import ROWS_DECIDE

SAME_INSTANT = timedelta(milliseconds=1)
"""Two creation times closer than this are one: the listing and the store keep different precision."""

MAX_UNCOVERED_S = 3600.0
"""Seconds before a person's deletion in which its events may stay uncovered by a deletion row (guarantee 20)."""

AGEING_S = MAX_UNCOVERED_S / 2
"""Persons whose proof has so long to go at most are deleted before the events of others are queued."""

ROUNDED_S = 2.0
"""Seconds that a row has to be newer than needed when it is read, because its time is kept in whole seconds."""

EXPLAINED = frozenset(
    {
        Person.ACCEPTED,
        Person.GONE,
        Person.GONE_SETTLED,
        Person.GONE_BEFORE,
        Person.VANISHED,
        Person.DELETED_UNASKED,
    }
)
"""States that explain an absence, by an accepted deletion or an earlier read: one answer without the person decides."""

ROWS_AT_ONCE = 50_000
"""Completed rows that are matched with the plan in one pass over it."""
TARGETS_AT_ONCE = 5_000

_PRESENT = (Observation.PRESENT,)
_AS_DESIRED = (Observation.PRESENT_AS_DESIRED,)
_OTHERWISE = (Observation.PRESENT_OTHERWISE,)
_RECREATED = (Observation.RECREATED,)
_ABSENT = (Observation.ABSENT,)
_MERGED = (Observation.MERGED,)
_UNREAD = {
    UnreadReason.TIMED_OUT: Observation.UNREAD_TIMED_OUT,
    UnreadReason.SERVER_ERROR: Observation.UNREAD_SERVER_ERROR,
    UnreadReason.INVALID: Observation.UNREAD_INVALID,
    UnreadReason.NOT_FOUND_UNCLEAR: Observation.UNREAD_UNCLEAR,
    UnreadReason.NOT_TRIED: Observation.UNREAD_NOT_TRIED,
}
_ROWS = {
    RowCoverage.COVERS_PENDING: Observation.ROW_COVERS_PENDING,
    RowCoverage.COVERS_COMPLETED: Observation.ROW_COVERS_COMPLETED,
    RowCoverage.OLDER_PENDING: Observation.ROW_OLDER_PENDING,
    RowCoverage.UNKNOWN_STATUS: Observation.ROW_UNKNOWN_STATUS,
    RowCoverage.NONE: Observation.ROW_NONE,
}


class Seen(msgspec.Struct, frozen=True):
    """The results of reading the persons of some targets.

    Arguments:
        here: by number, the persons that are there, unchanged.
        asked_at: when they were asked for (`PersonReads.asked_at`).
        left_out: targets that the answer did not mention, so that a second read has to decide.
        unread: how many could not be read.
    """

    here: Mapping[int, Known]
    asked_at: float
    left_out: tuple[int, ...] = ()
    unread: int = 0


class Verifier:
    """Settles targets by reading them.

    Arguments:
        rows: None where the server has no deletion rows to read.
        server_time: the server's clock.
        max_uncovered_s: how old a deletion row may be when its person is deleted.
        wanted: what properties are to be; None where they are not changed.
    """

    def __init__(
        self,
        job: JobLog,
        persons: PersonReader,
        rows: DeletionRowReader | None,
        *,
        server_time: Callable[[], float],
        max_uncovered_s: float = MAX_UNCOVERED_S,
        wanted: DesiredProperties | None = None,
    ) -> None:
        self._job = job
        self._persons = persons
        self._rows = rows
        self._server_time = server_time
        self._max_uncovered_s = max_uncovered_s
        self._wanted = wanted

    async def check_store(self, numbers: list[int]) -> Seen:
        """Read whether these targets' persons are there, unchanged and as desired, and journal what follows."""
        target_states, targets = self._job.target_states, self._job.targets(numbers)
        expected_gone, merged_perhaps = set[UUID](), set[UUID]()
        for number, target in targets.items():
            if target_states.person(number) in EXPLAINED:
                reason = target_states.standing(Axis.PERSON, number).reason
                (merged_perhaps if reason is Reason.STILL_THERE else expected_gone).add(target.uuid)
        reads = await self._persons.fetch_by_uuid(
            {target.uuid: target.distinct_id for target in targets.values()},
            expected_gone=expected_gone,
            unless_merged=merged_perhaps,
        )
        here: dict[int, Known] = {}
        observed: dict[int, tuple[Observation, ...]] = {}
        left_out: list[int] = []
        unread = 0
        for number, target in targets.items():
            result = reads.results[target.uuid]
            observation = self._observation(target, result)
            if observation is None:
                left_out.append(number)
                continue
            observed[number] = observation
            if isinstance(result, Present):
                if observation is not _RECREATED:
                    here[number] = result.person
            elif not isinstance(result, Absent):
                unread += 1
        rows, covered = await self._rows_of_lost({n: targets[n] for n, seen in observed.items() if seen[0] in LOST})
        for number, row in rows.items():
            observed[number] = (*observed[number], row)
        self._job.observe("store", observed, covered=covered)
        return Seen(here, reads.asked_at, tuple(left_out), unread)

    def _observation(self, target: Target, result: ReadResult) -> tuple[Observation, ...] | None:
        """What a read shows of a target; None where a second one has to decide."""
        if isinstance(result, Present):
            if not is_same(target, result.person):
                return _RECREATED
            if self._wanted is None:
                return _PRESENT
            return _OTHERWISE if self.open_keys(result.person) else _AS_DESIRED
        if isinstance(result, Absent):
            return _ABSENT if result.owner is None else _MERGED
        return None if result.why is UnreadReason.LEFT_OUT else (_UNREAD[result.why],)

    def confirm_at(self, numbers: Iterable[int]) -> float:
        """When a second read of these targets, which an answer left out, may decide; by the boot-time clock."""
        targets = self._job.targets(sorted(numbers)).values()
        return max((self._persons.confirm_at(target.uuid) or -math.inf for target in targets), default=-math.inf)

    def open_keys(self, person: Known) -> tuple[str, ...]:
        """The properties of a person, as it was read, that are not as desired."""
        if self._wanted is None or not isinstance(person, asyncclient.Person):
            return ()
        return self._wanted.open_keys(person.properties)

    async def check_rows(self, numbers: list[int]) -> None:
        """Read the deletion rows of targets whose events were sent to be queued, or whose proof is old."""
        rows, covered = await self._read_rows(self._job.targets(numbers))
        self._job.observe("rows", {number: (row,) for number, row in rows.items()}, covered=covered)

    async def _read_rows(self, targets: Mapping[int, Target]) -> tuple[dict[int, Observation], dict[int, int]]:
        """What the rows show of these targets, and by number the times up to which they cover the events."""
        if self._rows is None:
            return dict.fromkeys(targets, Observation.ROWS_NOT_KEPT), {}
        if not targets:
            return {}, {}
        needed_from = self.oldest_cover() + ROUNDED_S
        readings = await self._rows.fetch([target.uuid for target in targets.values()], needed_from)
        now = self._server_time()  # a row that shows a time to come covers what there is, and grows old like any other
        rows, covered = dict[int, Observation](), dict[int, int]()
        for number, target in targets.items():
            reading = readings[target.uuid]
            rows[number] = _ROWS[reading.coverage]
            if reading.coverage in COVERS and reading.created_at is not None:
                covered[number] = math.floor(min(reading.created_at, now))
        return rows, covered

    async def _rows_of_lost(self, lost: Mapping[int, Target]) -> tuple[dict[int, Observation], dict[int, int]]:
        """`_read_rows` for those lost targets whose events the rows decide."""
        target_states = self._job.target_states
        return await self._read_rows(
            {n: target for n, target in lost.items() if target_states.events(n) in ROWS_DECIDE}
        )

    def oldest_cover(self) -> float:
        """The time that a deletion row has to have at least for its person to be deleted now."""
        return self._server_time() - self._max_uncovered_s

    def outdated(self, numbers: Iterable[int]) -> list[int]:
        """The targets among these whose deletion row is by now too old for their persons to be deleted."""
        if Axis.EVENTS not in self._job.asked:
            return []
        return self._job.target_states.coverage.outdated(numbers, self.oldest_cover())

    def ageing(self, numbers: Iterable[int]) -> list[int]:
        """Those of these targets that may still be deleted by the proof that they have, but not for long."""
        if Axis.EVENTS not in self._job.asked:
            return []
        oldest, coverage = self.oldest_cover(), self._job.target_states.coverage
        soon = coverage.outdated(numbers, oldest + min(AGEING_S, self._max_uncovered_s / 2))
        expired = set(coverage.outdated(soon, oldest))
        return [number for number in soon if number not in expired]

    async def check_purged(self) -> None:
        """Read which queued event deletions have been completed; a missing row proves nothing.

        One pass over the server's completed rows, however many targets there are.
        """
        if self._rows is None:
            return
        target_states = self._job.target_states
        covered = (target_states.coverage.until(n) for n in target_states.numbers(Axis.EVENTS, (Events.QUEUED,)))
        oldest = min((until for until in covered if until is not None), default=None)
        if oldest is None:
            return
        completed: dict[UUID, datetime] = {}
        async for page in self._rows.completed(oldest):
            for row in page:
                if row.status == "completed":
                    completed.setdefault(row.person_uuid, row.created_at)
            if len(completed) >= ROWS_AT_ONCE:
                await self._purged(completed)
                completed.clear()
        await self._purged(completed)

    async def _purged(self, completed: Mapping[UUID, datetime]) -> None:
        target_states = self._job.target_states
        if not completed:
            return
        for numbers in grouped(target_states.numbers(Axis.EVENTS, (Events.QUEUED,)), TARGETS_AT_ONCE):
            uuids = by_uuid(self._job.targets(numbers))
            done = [
                number
                for uuid in uuids.keys() & completed.keys()
                if not target_states.coverage.is_newer(number := uuids[uuid], completed[uuid].timestamp())
            ]
            self._job.observe("rows", dict.fromkeys(sorted(done), (Observation.ROW_COVERS_COMPLETED,)))
            await anyio.lowlevel.checkpoint()


def is_same(target: Target, person: Known) -> bool:
    """Whether a person that was read is the plan's target, and not another or a re-created one (guarantee 22)."""
    return person.uuid == target.uuid and abs(target.created_at - person.created_at) < SAME_INSTANT
