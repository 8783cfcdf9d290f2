"""What each read proves of a target, and which deletion rows are too old or soon will be."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from asyncclient import DeletionRow, Person, PersonRef
from bulk.journal.records import PropertiesShown
from bulk.operations import DeleteEvents, DeletePersons, UnsetProperties, UpdateProperties
from bulk.posthog.deletion_rows import NO_ROW, RowCoverage, RowReading
from bulk.posthog.person_reads import ABSENT, Absent, PersonReads, Present, ReadResult, Unread, UnreadReason
from bulk.states import Axis, Events, Properties
from bulk.states import Person as PersonState
from bulk.targets.observations import Observation
from bulk.targets.reasons import AxisStatus, Reason
from bulk.verification.verifier import EXPIRING_S, MAX_UNCOVERED_S, ROUNDED_S, Verifier

OPENED = 1_795_000_000.0
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
DELETE = DeletePersons()
DELETE_WITH_EVENTS = DeletePersons(delete_events=True)
UNSET = UnsetProperties(keys=("plan",), route="rest")
UPDATE = UpdateProperties(properties={"plan": "pro"}, route="rest")
OpenJob = Callable[..., Any]


def ref(number: int, *, created_at: datetime = CREATED) -> PersonRef:
    return PersonRef(uuid=UUID(int=number + 1), created_at=created_at, distinct_ids=(f"user-{number}",))


def person(plan: str) -> Person:
    known = ref(0)
    return Person(
        uuid=known.uuid, created_at=known.created_at, distinct_ids=known.distinct_ids, properties={"plan": plan}
    )


class Reader:
    """Persons and deletion rows that a test sets, and the arguments of each read."""

    def __init__(
        self, results: Mapping[int, ReadResult] | None = None, rows: Mapping[int, RowReading] | None = None
    ) -> None:
        self.results = results or {}
        self.rows = rows or {}
        self.asked_at = 7.0
        self.pages: list[list[DeletionRow]] = []
        self.expected_gone: Collection[UUID] = ()
        self.accepted: Collection[UUID] = ()
        self.unless_merged: Collection[UUID] = ()
        self.rows_read: list[UUID] = []
        self.confirmed: list[UUID] = []
        self.needed_from: float | None = None
        self.completed_from: float | None = None

    async def fetch_by_uuid(
        self,
        targets: Mapping[UUID, str | None],
        *,
        expected_gone: Collection[UUID],
        accepted: Collection[UUID],
        unless_merged: Collection[UUID],
    ) -> PersonReads[UUID]:
        self.expected_gone, self.accepted, self.unless_merged = expected_gone, accepted, unless_merged
        return PersonReads({uuid: self.results.get(uuid.int - 1, ABSENT) for uuid in targets}, asked_at=self.asked_at)

    def confirm_at(self, key: UUID | str) -> float | None:
        return {UUID(int=1): 100.0, "user-1": 105.0}.get(key)

    async def fetch(
        self, uuids: Collection[UUID], needed_from: float, *, confirm: Collection[UUID] = ()
    ) -> Mapping[int, RowReading]:
        self.rows_read, self.needed_from, self.confirmed = list(uuids), needed_from, list(confirm)
        return {uuid.int: self.rows.get(uuid.int - 1, NO_ROW) for uuid in uuids}

    async def completed(self, oldest: float) -> AsyncIterator[list[DeletionRow]]:
        self.completed_from = oldest
        for page in self.pages:
            yield page


def verifier(job: Any, reader: Any, *, has_rows: bool = True, max_uncovered_s: float = MAX_UNCOVERED_S) -> Verifier:
    return Verifier(
        job,
        reader,
        reader if has_rows else None,
        server_time=job.now,
        max_uncovered_s=max_uncovered_s,
    )


def statuses(job: Any, axis: Axis) -> list[AxisStatus]:
    return [job.target_states.status(axis, number) for number in range(job.target_states.count)]


@pytest.mark.parametrize(
    ("result", "after", "is_present", "is_unread"),
    [
        (Present(ref(0)), AxisStatus(PersonState.NOT_STARTED), True, False),
        (Present(ref(0, created_at=CREATED + timedelta(days=1))), AxisStatus(PersonState.RECREATED), False, False),
        (ABSENT, AxisStatus(PersonState.ALREADY_DELETED), False, False),
        (Absent(ref(5)), AxisStatus(PersonState.MERGED), False, False),
        (
            Unread(UnreadReason.TIMED_OUT),
            AxisStatus(PersonState.NOT_STARTED, Reason.UNREAD_TIMED_OUT),
            False,
            True,
        ),
    ],
)
async def test_each_result_of_a_read_leads_to_a_state(
    open_job: OpenJob, result: ReadResult, after: AxisStatus, *, is_present: bool, is_unread: bool
) -> None:
    job = open_job(DELETE)
    check = await verifier(job, Reader({0: result})).check_persons([0])
    assert statuses(job, Axis.PERSON) == [after]
    assert (0 in check.present, check.unread, check.left_out) == (is_present, (0,) * is_unread, ())
    assert check.requested_at == 7.0


async def test_a_target_that_a_response_left_out_keeps_its_state_until_a_second_read(open_job: OpenJob) -> None:
    job = open_job(DELETE, 3)
    records = len(job.records)
    left_out = Unread(UnreadReason.LEFT_OUT)
    check = await verifier(job, Reader({0: left_out, 1: Present(ref(1)), 2: left_out})).check_persons([0, 1, 2])
    assert check.left_out == (0, 2)
    assert check.unread == ()
    assert len(job.records) == records


def test_a_second_read_may_decide_once_the_last_of_the_targets_may_be_confirmed(open_job: OpenJob) -> None:
    checks = verifier(open_job(DELETE, 3), Reader())
    assert checks.confirm_at([0, 1]) == 105.0
    assert checks.confirm_at([0, 2]) == 100.0
    assert checks.confirm_at([2]) == float("-inf")


@pytest.mark.parametrize(("plan", "after"), [("pro", Properties.ALREADY_AS_DESIRED), ("free", Properties.NOT_STARTED)])
async def test_properties_are_as_desired_only_by_their_values(open_job: OpenJob, plan: str, after: Properties) -> None:
    job = open_job(UPDATE)
    check = await verifier(job, Reader({0: Present(person(plan))})).check_persons([0])
    assert job.target_states.state(Axis.PROPERTIES, 0) is after
    assert list(check.present) == [0]


LACKING, SHOWING = (Present(msgspec.structs.replace(person("pro"), properties=has)) for has in ({}, {"plan": "pro"}))


async def test_a_read_with_the_properties_makes_the_next_one_without_them_the_first(open_job: OpenJob) -> None:
    job, reader = open_job(UNSET), Reader()
    checks = verifier(job, reader)
    for reader.asked_at, read, after in (
        (0.0, LACKING, Properties.NOT_STARTED),
        (60.0, SHOWING, Properties.NOT_STARTED),
        (120.0, LACKING, Properties.NOT_STARTED),
        (180.0, LACKING, Properties.ALREADY_AS_DESIRED),
    ):
        reader.results = {0: read}
        await checks.check_persons([0])
        assert statuses(job, Axis.PROPERTIES) == [AxisStatus(after)]


@pytest.mark.parametrize(
    ("observed", "state", "first", "after"),
    [
        ([Observation.ABSENT], Properties.GONE_WITH_PERSON, Properties.TO_RETRY, Properties.FOUND_CHANGED),
        ([Observation.MERGED], Properties.SKIPPED, Properties.TO_RETRY, Properties.FOUND_CHANGED),
        (
            [Observation.PRESENT_AS_DESIRED, Observation.PRESENT_NOT_AS_DESIRED],
            Properties.CONTRADICTED,
            Properties.CONTRADICTED,
            Properties.FOUND_CHANGED,
        ),
    ],
)
async def test_two_reads_without_the_properties_decide_where_no_accepted_change_explains_them(
    open_job: OpenJob, observed: list[Observation], state: Properties, first: Properties, after: Properties
) -> None:
    job, reader = open_job(UNSET), Reader({0: LACKING})
    for observation in observed:
        job.observe("person_reads", {0: (observation,)})
    assert job.target_states.state(Axis.PROPERTIES, 0) is state
    job.record(PropertiesShown(at=OPENED, keys=("plan",)))
    checks = verifier(job, reader)
    assert (await checks.check_persons([0])).left_out == (0,)
    assert job.target_states.state(Axis.PROPERTIES, 0) is first
    reader.asked_at = 60.0
    await checks.check_persons([0])
    assert job.target_states.state(Axis.PROPERTIES, 0) is after


async def test_reads_without_a_property_that_no_read_has_shown_decide_nothing(open_job: OpenJob) -> None:
    """PostHog may hide it from the user of the key: it may be there (contract 2)."""
    job, reader = open_job(UNSET), Reader({0: LACKING})
    checks = verifier(job, reader)
    for reader.asked_at in (0.0, 60.0, 120.0):
        assert (await checks.check_persons([0])).left_out == ()
        assert job.target_states.state(Axis.PROPERTIES, 0) is Properties.NOT_STARTED
    assert job.target_states.shown_properties == set()
    reader.results = {0: SHOWING}
    await checks.check_persons([0])
    assert job.target_states.shown_properties == {"plan"}
    reader.results = {0: LACKING}
    for reader.asked_at in (180.0, 240.0):
        await checks.check_persons([0])
    assert job.target_states.state(Axis.PROPERTIES, 0) is Properties.ALREADY_AS_DESIRED


@pytest.mark.parametrize("lost", [Observation.ABSENT, Observation.MERGED, Observation.RECREATED])
async def test_a_person_that_was_lost_and_is_shown_without_the_properties_is_there_again(
    open_job: OpenJob, lost: Observation
) -> None:
    job, reader = open_job(UNSET), Reader({0: LACKING})
    job.observe("person_reads", {0: (lost,)})
    job.record(PropertiesShown(at=OPENED, keys=("plan",)))
    assert (await verifier(job, reader).check_persons([0])).left_out == (0,)
    assert job.target_states.person(0) is PersonState.NOT_REQUESTED
    assert job.target_states.properties(0) is Properties.TO_RETRY


async def test_a_read_explains_an_absence_only_after_an_accepted_deletion_that_no_read_contradicts(
    open_job: OpenJob,
) -> None:
    job = open_job(DELETE, 4)
    job.send([0, 1], Axis.PERSON)
    reader = Reader({1: Present(ref(1)), 2: Present(ref(2)), 3: ABSENT})
    await verifier(job, reader).check_persons([1, 2, 3])
    assert job.target_states.status(Axis.PERSON, 1).reason is Reason.STILL_PRESENT
    await verifier(job, reader).check_persons([0, 1, 2, 3])
    assert set(reader.accepted) == {UUID(int=1)}
    assert set(reader.unless_merged) == {UUID(int=2)}
    assert set(reader.expected_gone) == {UUID(int=4)}


@pytest.mark.parametrize(
    ("row", "after", "until"),
    [
        (RowReading(RowCoverage.COVERS_PENDING, OPENED - 9.5), AxisStatus(Events.QUEUED), OPENED - 10),
        (RowReading(RowCoverage.COVERS_PENDING, OPENED + 500), AxisStatus(Events.QUEUED), OPENED),
        (RowReading(RowCoverage.COVERS_COMPLETED, OPENED - 9.5), AxisStatus(Events.PURGED), OPENED - 10),
        (RowReading(RowCoverage.OLDER_PENDING, OPENED - 9000), AxisStatus(Events.HELD_BACK), None),
        (
            RowReading(RowCoverage.UNKNOWN_STATUS, OPENED),
            AxisStatus(Events.HELD_BACK, Reason.UNKNOWN_ROW_STATUS),
            None,
        ),
        (NO_ROW, AxisStatus(Events.TO_RETRY), None),
    ],
)
async def test_each_deletion_row_leads_to_a_state_and_covers_events_up_to_its_own_time(
    open_job: OpenJob, row: RowReading, after: AxisStatus, until: float | None
) -> None:
    job = open_job(DELETE_WITH_EVENTS)
    job.send([0], Axis.EVENTS, outcome="unknown")
    reader = Reader(rows={0: row})
    await verifier(job, reader).check_rows([0])
    assert statuses(job, Axis.EVENTS) == [after]
    assert job.target_states.coverage.until(0) == until
    assert reader.needed_from == OPENED - MAX_UNCOVERED_S + ROUNDED_S


@pytest.mark.parametrize(("outcome", "after"), [("ok", Events.UNVERIFIABLE), ("unknown", Events.TO_RETRY)])
async def test_without_deletion_rows_only_an_accepted_request_counts(
    open_job: OpenJob, outcome: str, after: Events
) -> None:
    job = open_job(DELETE_WITH_EVENTS)
    job.send([0], Axis.EVENTS, outcome=outcome)
    await verifier(job, Reader(), has_rows=False).check_rows([0])
    assert statuses(job, Axis.EVENTS) == [AxisStatus(after)]


async def test_rows_decide_the_events_of_lost_persons_for_which_a_request_left(open_job: OpenJob) -> None:
    job = open_job(DELETE_WITH_EVENTS, 2)
    job.send([0], Axis.EVENTS, outcome="unknown")
    reader = Reader(rows={0: RowReading(RowCoverage.OLDER_PENDING, OPENED - 9000)})
    await verifier(job, reader).check_persons([0, 1])
    assert statuses(job, Axis.EVENTS) == [
        AxisStatus(Events.TOO_LATE, Reason.PARTLY_COVERED),
        AxisStatus(Events.TOO_LATE),
    ]
    assert reader.rows_read == [UUID(int=1)]


async def queue(job: Any, ages_s: Iterable[float]) -> None:
    """Queue the events of targets, each with a deletion row of this age."""
    rows = {number: RowReading(RowCoverage.COVERS_PENDING, OPENED - age) for number, age in enumerate(ages_s)}
    job.send(list(rows), Axis.EVENTS)
    await verifier(job, Reader(rows=rows)).check_rows(list(rows))


@pytest.mark.parametrize(
    ("max_uncovered_s", "outdated", "expiring"),
    [
        (MAX_UNCOVERED_S, [5], [3, 4]),
        (2 * EXPIRING_S + 600.0, [], [4, 5]),
        (1801.0, [4, 5], [2, 3]),
        (1000.0, [2, 3, 4, 5], []),
        (900.0, [2, 3, 4, 5], [1]),
    ],
)
async def test_a_row_is_outdated_after_the_uncovered_time_and_expires_before(
    open_job: OpenJob, max_uncovered_s: float, outdated: list[int], expiring: list[int]
) -> None:
    job = open_job(DELETE_WITH_EVENTS, 6)
    await queue(job, [0.0, 500.0, 1800.0, 1801.0, 3600.0, 3601.0])
    checks = verifier(job, Reader(), max_uncovered_s=max_uncovered_s)
    assert checks.with_outdated_row(range(6)) == outdated
    assert checks.with_expiring_row(range(6)) == expiring
    assert checks.with_expiring_row([0]) == []


def test_a_job_that_deletes_no_events_has_no_rows_that_expire(open_job: OpenJob) -> None:
    checks = verifier(open_job(DELETE, 2), Reader())
    assert checks.with_outdated_row([0, 1]) == checks.with_expiring_row([0, 1]) == []


def completed(number: int, at: float, status: str = "completed") -> DeletionRow:
    return DeletionRow(person_uuid=UUID(int=number + 1), created_at=datetime.fromtimestamp(at, UTC), status=status)


async def test_queued_events_are_purged_by_a_completed_row_that_is_not_older_than_their_coverage(
    open_job: OpenJob,
) -> None:
    job = open_job(DeleteEvents(), 4)
    await queue(job, [100.0, 100.0, 100.0, 50.0])
    reader = Reader()
    reader.pages = [
        [completed(0, OPENED - 100), completed(1, OPENED - 101), completed(2, OPENED, "pending"), completed(9, OPENED)],
        [completed(0, OPENED - 9000)],
    ]
    await verifier(job, reader).check_purged()
    assert [job.target_states.events(n) for n in range(4)] == [
        Events.PURGED,
        Events.QUEUED,
        Events.QUEUED,
        Events.QUEUED,
    ]
    assert reader.completed_from == OPENED - 100


async def test_no_completed_row_is_read_if_no_events_are_queued(open_job: OpenJob) -> None:
    job = open_job(DeleteEvents())
    reader = Reader()
    await verifier(job, reader).check_purged()
    await verifier(job, reader, has_rows=False).check_purged()
    assert reader.completed_from is None
