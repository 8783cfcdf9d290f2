"""Reads the persons and deletion rows of targets, and journals the states that follow (guarantees 20 to 22).

Each method reads first, then lets the state machine decide for all targets at once, then writes one record, so that no
target is recorded in part. What a read proves is in `targets.state_machine`, how it is sent in `posthog`.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

import anyio.lowlevel
import msgspec

from bulk.concurrency.workers import grouped
from bulk.journal.job_log import JobLog, by_uuid
from bulk.plan.plan_file import Target
from bulk.posthog.deletion_rows import COVERS, DeletionRowReader, RowCoverage
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import Absent, Known, Present, ReadResult, Unread, UnreadReason, is_same, properties_of
from bulk.property_checks import DesiredProperties
from bulk.states import FINAL_PERSON_STATES, Axis, Events, Person, Properties
from bulk.targets.lost_events import ROWS_DECIDE, rows_are_read
from bulk.targets.observations import LOST, Observation
from bulk.targets.reasons import Reason
from bulk.verification.second_reads import SecondReads
from bulk.verification.shown_properties import ShownProperties

MAX_UNCOVERED_S = 3600.0
"""Seconds before a person's deletion in which its events may stay uncovered by a deletion row (guarantee 20)."""

EXPIRING_S = MAX_UNCOVERED_S / 2
"""Persons whose deletion row expires within these seconds are deleted before the events of others are queued."""

ROUNDED_S = 2.0
"""Seconds by which a row has to be newer than needed when it is read, because its time has whole seconds."""

FOUND_ABSENT = frozenset(
    {
        Person.DELETED_CONFIRMED,
        Person.FOUND_DELETED,
        Person.ALREADY_DELETED,
        Person.DISAPPEARED,
        Person.DELETED_UNEXPECTEDLY,
    }
)
"""States in which an earlier read found the person absent: one more read without it is enough."""

UNEXPLAINED = frozenset(
    {
        *(Properties.NOT_STARTED, Properties.UNKNOWN, Properties.TO_RETRY, Properties.CONTRADICTED),
        *(Properties.GONE_WITH_PERSON, Properties.TOO_LATE, Properties.SKIPPED),
    }
)
"""States in which no accepted change explains that a person lacks properties."""

ROWS_AT_ONCE = 50_000
"""Completed deletion rows that are compared with the plan in one pass over it."""
TARGETS_AT_ONCE = 5_000

_PRESENT = (Observation.PRESENT,)
_AS_DESIRED = (Observation.PRESENT_AS_DESIRED,)
_OTHERWISE = (Observation.PRESENT_NOT_AS_DESIRED,)
_RECREATED = (Observation.RECREATED,)
_ABSENT = (Observation.ABSENT,)
_MERGED = (Observation.MERGED,)
# `UnreadReason`, `RowCoverage` and `Observation` use the same names
_UNREAD = {why: Observation[f"UNREAD_{why.name}"] for why in UnreadReason if why is not UnreadReason.LEFT_OUT}
_ROWS = {coverage: Observation[f"ROW_{coverage.name}"] for coverage in RowCoverage}


class PersonCheck(msgspec.Struct, frozen=True):
    """The results of reading the persons of some targets.

    Arguments:
        present: the persons that are present and unchanged, by target number.
        requested_at: when the oldest of the requests left, by the boot-time clock.
        left_out: targets that the response did not mention, or showed without the properties to be removed, so that a
            second read has to decide.
        unread: targets whose person could not be read.
        returned: targets whose person is gone, and whose distinct ID belongs to a new person.
        desired: the properties that these targets have after the job; empty if it changes none.
    """

    present: Mapping[int, Known] = {}
    requested_at: float = math.inf
    left_out: tuple[int, ...] = ()
    unread: tuple[int, ...] = ()
    returned: tuple[int, ...] = ()
    desired: Mapping[int, DesiredProperties] = {}


class Verifier:
    """Reads targets and records their states.

    Arguments:
        rows: reads deletion rows; None if the server has none.
        server_time: the server's clock.
        max_uncovered_s: how old a deletion row may be when its person is deleted, in seconds.
    """

    def __init__(
        self,
        job: JobLog,
        persons: PersonReader,
        rows: DeletionRowReader | None,
        *,
        server_time: Callable[[], float],
        max_uncovered_s: float = MAX_UNCOVERED_S,
    ) -> None:
        self._job = job
        self._persons = persons
        self._rows = rows
        self._server_time = server_time
        self._max_uncovered_s = max_uncovered_s
        self.shown = ShownProperties(job)
        self._without_properties = SecondReads()
        self._without_distinct_id = SecondReads()

    async def check_persons(self, numbers: list[int], *, listed: bool = False, is_trial: bool = False) -> PersonCheck:
        """Read whether the persons of these targets are present, unchanged and as desired, and record their states.

        Arguments:
            numbers: the targets.
            listed: the list of persons shows them, so that one response without them is not enough in any state.
            is_trial: the accepted calls were a trial, which explains no missing property: a second read decides.
        """
        target_states, targets = self._job.target_states, self._job.targets(numbers)
        expected_gone, accepted, maybe_merged = set[UUID](), set[UUID](), set[UUID]()
        for number, target in targets.items():
            state = target_states.person(number)
            if state is Person.ACCEPTED:
                reason = target_states.status(Axis.PERSON, number).reason
                (maybe_merged if reason is Reason.STILL_PRESENT else accepted).add(target.uuid)
            elif state in FOUND_ABSENT and not listed:
                expected_gone.add(target.uuid)
        reads = await self._persons.fetch_by_uuid(
            {target.uuid: target.distinct_id for target in targets.values()},
            expected_gone=expected_gone,
            accepted=accepted,
            unless_merged=maybe_merged,
        )
        desired = self._job.desired(numbers) or {}
        self.shown.note_persons(each.person for each in reads.results.values() if isinstance(each, Present))
        present: dict[int, Known] = {}
        observed: dict[int, tuple[Observation, ...]] = {}
        left_out: list[int] = []
        unread: list[int] = []
        for number, target in targets.items():
            result = reads.results[target.uuid]
            observation = _observation(target, result, desired.get(number))
            removes = observation is _AS_DESIRED and desired[number].absent
            if removes and self.shown.not_shown(removes) and target_states.properties(number) in UNEXPLAINED:
                observation, removes = _OTHERWISE, ()  # what may be hidden may be there
            if observation is None or (removes and not self._may_lack(number, reads.asked_at, is_trial=is_trial)):
                left_out.append(number)
                if observation is not None and target_states.person(number) in FINAL_PERSON_STATES:
                    observed[number] = _PRESENT  # its person is there again, whatever becomes of the properties
                continue
            observed[number] = observation
            if not isinstance(result, Unread):
                self._without_properties.forget((number,))
            if isinstance(result, Present):
                if observation is not _RECREATED:
                    present[number] = result.person
            elif not isinstance(result, Absent):
                unread.append(number)
        await self._record_persons(targets, observed)
        return PersonCheck(present, reads.asked_at, tuple(left_out), tuple(unread), desired=desired)

    def _may_lack(self, number: int, asked_at: float, *, is_trial: bool) -> bool:
        """Return whether a read without the properties that are to be removed decides that nothing is to be done.

        An accepted change explains it. Otherwise a second read does, some seconds after the first one (guarantee 11).
        """
        if not is_trial and self._job.target_states.properties(number) not in UNEXPLAINED:
            return True
        return self._without_properties.confirms(number, asked_at)

    def confirm_without_distinct_id(self, check: PersonCheck, lacking: Collection[int]) -> list[int]:
        """Return the targets of which a second read confirms that no event can address their person (guarantee 11).

        Arguments:
            check: a read of these targets and others.
            lacking: those whose persons it shows without a usable distinct ID.
        """
        self._without_distinct_id.forget(number for number in check.present if number not in lacking)
        return [number for number in lacking if self._without_distinct_id.confirms(number, check.requested_at)]

    async def check_gone(self, numbers: list[int], *, returned_before: Collection[int] = ()) -> PersonCheck:
        """Read by distinct ID whether persons that were found absent are there again, and record their states.

        Earlier reads found them absent, so one response without them is enough.

        Arguments:
            numbers: targets in a state of `FOUND_ABSENT` that have a distinct ID.
            returned_before: targets whose distinct ID belonged to another person when it was last read.
        """
        targets = self._job.targets(numbers)
        results = await self._persons.fetch_again(
            {each.uuid: each.distinct_id or "" for each in targets.values()},
            returned=[targets[number].uuid for number in numbers if number in returned_before],
        )
        observed: dict[int, tuple[Observation, ...]] = {}
        left_out: list[int] = []
        unread: list[int] = []
        returned: list[int] = []
        for number, target in targets.items():
            result = results[target.uuid]
            if isinstance(result, Present) and result.person.uuid == target.uuid:
                observed[number] = _PRESENT if is_same(target, result.person) else _RECREATED
            elif not isinstance(result, Unread):
                observed[number] = _ABSENT
                if isinstance(result, Present):
                    returned.append(number)
            elif result.why is UnreadReason.LEFT_OUT:
                left_out.append(number)
            else:
                observed[number] = (_UNREAD[result.why],)
                unread.append(number)
        await self._record_persons(targets, observed)
        return PersonCheck(left_out=tuple(left_out), unread=tuple(unread), returned=tuple(returned))

    async def _record_persons(
        self, targets: Mapping[int, Target], observed: dict[int, tuple[Observation, ...]]
    ) -> None:
        """Record what reads of persons showed, with the deletion rows of those that are lost."""
        rows, covered = await self._rows_of_lost({n: targets[n] for n, what in observed.items() if what[0] in LOST})
        for number, row in rows.items():
            observed[number] = (*observed[number], row)
        self._job.observe("person_reads", observed, covered=covered)

    def confirm_at(self, numbers: Iterable[int]) -> float:
        """Return when a second read of these left-out targets may decide, by the boot-time clock."""
        numbers = sorted(numbers)
        targets = self._job.targets(numbers).values()
        keys = (key for target in targets for key in (target.uuid, target.distinct_id) if key is not None)
        lacking = (self._without_properties.confirm_at(numbers), self._without_distinct_id.confirm_at(numbers))
        return max((*lacking, *(self._persons.confirm_at(key) or -math.inf for key in keys)))

    async def check_rows(self, numbers: list[int]) -> None:
        """Read the deletion rows of these targets, and record the states of their events."""
        rows, covered = await self._read_rows(self._job.targets(numbers))
        self._job.observe("deletion_rows", {number: (row,) for number, row in rows.items()}, covered=covered)

    async def _read_rows(
        self, targets: Mapping[int, Target], *, confirm: Collection[int] = ()
    ) -> tuple[dict[int, Observation], dict[int, int]]:
        """Return what the rows show, and up to when they cover the events, both by target number.

        Arguments:
            targets: by number.
            confirm: targets of which a second read confirms that there is no row.
        """
        if self._rows is None:
            return dict.fromkeys(targets, Observation.ROWS_NOT_KEPT), {}
        if not targets:
            return {}, {}
        needed_from = self.oldest_cover() + ROUNDED_S
        readings = await self._rows.fetch(
            [target.uuid for target in targets.values()], needed_from, confirm=[targets[n].uuid for n in confirm]
        )
        now = self._server_time()  # a row with a future time covers the events up to now, and expires like any other
        rows, covered = dict[int, Observation](), dict[int, int]()
        for number, target in targets.items():
            reading = readings[target.uuid.int]
            rows[number] = _ROWS[reading.coverage]
            if reading.coverage in COVERS and reading.created_at is not None:
                covered[number] = math.floor(min(reading.created_at, now))
        return rows, covered

    async def _rows_of_lost(self, lost: Mapping[int, Target]) -> tuple[dict[int, Observation], dict[int, int]]:
        """Read the deletion rows of lost targets whose event state depends on them, now or later."""
        statuses = {n: self._job.target_states.status(Axis.EVENTS, n) for n in lost}
        return await self._read_rows(
            {n: target for n, target in lost.items() if rows_are_read(statuses[n])},
            confirm=[n for n, status in statuses.items() if status.state in ROWS_DECIDE],
        )

    def oldest_cover(self) -> float:
        """Return the earliest time that a deletion row may have if its person is to be deleted now."""
        return self._server_time() - self._max_uncovered_s

    def with_outdated_row(self, numbers: Collection[int]) -> list[int]:
        """Return those of these targets whose deletion row is too old for their person to be deleted."""
        if Axis.EVENTS not in self._job.requested_axes:
            return []
        return self._job.target_states.coverage.outdated(numbers, self.oldest_cover())

    def with_expiring_row(self, numbers: Collection[int]) -> list[int]:
        """Return those of these targets whose deletion row is new enough now, but not for long."""
        if Axis.EVENTS not in self._job.requested_axes:
            return []
        oldest = self.oldest_cover()
        soon = oldest + min(EXPIRING_S, self._max_uncovered_s / 2)
        return self._job.target_states.coverage.expiring(numbers, oldest, soon)

    async def check_purged(self) -> None:
        """Read which queued event deletions the server completed. A missing row proves nothing.

        This takes one pass over the server's completed rows, however many targets there are.
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
                await self._record_purged(completed)
                completed.clear()
        await self._record_purged(completed)

    async def _record_purged(self, completed: Mapping[UUID, datetime]) -> None:
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
            self._job.observe("deletion_rows", dict.fromkeys(sorted(done), (Observation.ROW_COVERS_COMPLETED,)))
            await anyio.lowlevel.checkpoint()


def _observation(
    target: Target, result: ReadResult, desired: DesiredProperties | None
) -> tuple[Observation, ...] | None:
    """Return what a read shows of a target, or None if a second read has to decide."""
    if isinstance(result, Present):
        if not is_same(target, result.person):
            return _RECREATED
        if desired is None:
            return _PRESENT
        return _OTHERWISE if desired.unmet_keys(properties_of(result.person)) else _AS_DESIRED
    if isinstance(result, Absent):
        return _ABSENT if result.owner is None else _MERGED
    return None if result.why is UnreadReason.LEFT_OUT else (_UNREAD[result.why],)
