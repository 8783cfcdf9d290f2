"""Reads all targets of a job again, days or weeks later, and records what that showed.

It takes one request per 200 persons, one query of the list per 5,000 persons that are gone, one per 1,000 distinct IDs
whose recordings are to be deleted, and one request per page of deletion rows. A person that is gone is read by its
distinct ID, which finds a new person that has it. The query of the list finds the UUID, whichever distinct ID
it has now; those few are read by UUID. What the verification before showed, or the list shows, no single response
refutes: a second read decides (guarantee 11).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge

from bulk.concurrency.workers import grouped
from bulk.journal.job_log import JobLog
from bulk.journal.records import Verified
from bulk.number_ranges import expand, format_ranges
from bulk.plan.plan_lines import Target
from bulk.posthog.batch_reads import READ_SIZE
from bulk.states import Axis, Person, Properties, State
from bulk.targets.reasons import Reason
from bulk.verification.listed_persons import PERSONS_PER_QUERY, ListedPersons
from bulk.verification.reappeared import distinct_id_of
from bulk.verification.recording_verifier import RecordingVerifier
from bulk.verification.second_look import SecondLook
from bulk.verification.verifier import FOUND_ABSENT, Verifier

READ_AGAIN: dict[Axis, tuple[State, ...]] = {
    Axis.PERSON: (
        Person.DELETED_CONFIRMED,
        Person.FOUND_DELETED,
        Person.ALREADY_DELETED,
        Person.DISAPPEARED,
        Person.DELETED_UNEXPECTEDLY,
        Person.MERGED,
        Person.RECREATED,
        Person.CONTRADICTED,
    ),
    Axis.PROPERTIES: (
        Properties.CHANGED_CONFIRMED,
        Properties.FOUND_CHANGED,
        Properties.ALREADY_AS_DESIRED,
        Properties.CONTRADICTED,
        Properties.GONE_WITH_PERSON,
        Properties.TOO_LATE,
        Properties.SKIPPED,
    ),
}
"""States that are read again: a change may have been undone, and a person that was gone may be there again."""


class Verification:
    """Reads the targets of one job again.

    Arguments:
        listed: asks which persons are listed.
        recordings: reads whether recordings are deleted.
        readers: how many reads run at once.
        moved: called after each group that was read, for progress.
    """

    def __init__(
        self,
        job: JobLog,
        verifier: Verifier,
        second_look: SecondLook,
        listed: ListedPersons,
        recordings: RecordingVerifier,
        *,
        readers: int,
        moved: Callable[[], None],
    ) -> None:
        self._job = job
        self._verifier = verifier
        self._second_look = second_look
        self._listed = listed
        self._recordings = recordings
        self._readers = readers
        self._moved = moved
        self._deletes = job.primary_axis is Axis.PERSON
        before = job.target_states.verified
        self._returned_before = frozenset(expand(before.returned or "") if before is not None else ())
        self._listed_before = frozenset(expand(before.listed or "") if before is not None else ())
        axis = Axis.PROPERTIES if job.primary_axis is Axis.PROPERTIES else Axis.PERSON
        target_states = job.target_states
        maybe_deleted = [  # the error that stopped the run says that `verify` shows which of them are left
            number
            for number in target_states.numbers_with_reasons((Reason.DELETED_INSTEAD_OF_KEPT,))
            if target_states.person(number) in (Person.UNKNOWN, Person.NOT_REQUESTED)
        ]
        self._numbers = merge(maybe_deleted, target_states.numbers(axis, READ_AGAIN[axis]))
        counts = target_states.counts(axis)
        self.count = sum(counts.get(state, 0) for state in READ_AGAIN[axis]) + len(maybe_deleted)
        """How many persons are to be read."""

    async def read(self, counted: Callable[[Iterable[list[int]]], Iterator[list[int]]]) -> None:
        """Read all persons and deletion rows again, and record the result.

        Arguments:
            counted: wraps the groups of targets, for progress.

        Raises:
            Stopped: the gate closed.
        """
        unread: list[int] = []
        returned: list[int] = []

        async def read(group: Sequence[int]) -> Sequence[int]:
            left_out: list[int] = []
            by_distinct_id, by_uuid = self._by_read(group)
            if by_distinct_id:
                check = await self._verifier.check_gone(by_distinct_id, returned_before=self._returned_before)
                returned.extend(check.returned)
                unread.extend(check.unread)
                left_out += check.left_out
            if by_uuid:
                check = await self._verifier.check_persons(by_uuid)
                unread.extend(check.unread)
                left_out += check.left_out
            self._moved()
            return left_out

        await self._second_look.repeat(read, counted(self._groups()), size=READ_SIZE, workers=self._readers)
        returned += self._returned_before & {*unread}
        listed = await self._read_list() if self._deletes else []
        await self._verifier.check_purged()
        await self._recordings.check()
        self._job.record(
            Verified(
                at=self._job.now(),
                persons=self.count,
                unread=_ranges(unread),
                returned=_ranges(returned),
                listed=_ranges(listed),
                listing=self._listed.why_not,
            )
        )

    def _groups(self) -> Iterator[list[int]]:
        """Yield the targets in groups that are read alike: by distinct ID if their persons are gone, or by UUID."""
        waiting: tuple[list[int], list[int]] = ([], [])
        for numbers in grouped(self._numbers, READ_SIZE):
            for group, more in zip(waiting, self._by_read(numbers), strict=True):
                group += more
                if len(group) >= READ_SIZE:
                    yield group[:READ_SIZE]
                    del group[:READ_SIZE]
        yield from (group for group in waiting if group)

    def _by_read(self, numbers: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return which of these targets are read by distinct ID, and which by UUID."""
        by_distinct_id: list[int] = []
        by_uuid: list[int] = []
        for number, target in self._job.targets(numbers).items():
            (by_distinct_id if self._is_read_by_distinct_id(target) else by_uuid).append(number)
        return by_distinct_id, by_uuid

    def _is_read_by_distinct_id(self, target: Target) -> bool:
        is_gone = self._deletes and self._job.target_states.person(target.number) in FOUND_ABSENT
        return is_gone and distinct_id_of(target) is not None

    async def _read_list(self) -> list[int]:
        """Return the targets whose persons the store does not have and the list shows; read those listed first."""

        async def read(group: Sequence[int]) -> Sequence[int]:
            return (await self._verifier.check_persons(list(group), listed=True)).left_out

        target_states, still_listed = self._job.target_states, list[int]()
        for numbers in grouped(target_states.numbers(Axis.PERSON, FOUND_ABSENT), PERSONS_PER_QUERY):
            uuids = {target.uuid: number for number, target in self._job.targets(numbers).items()}
            before = [uuid for uuid, number in uuids.items() if number in self._listed_before]
            shown = sorted(uuids[uuid] for uuid in await self._listed.among([*uuids], before=before))
            await self._second_look.repeat(read, grouped(shown, READ_SIZE), size=READ_SIZE, workers=self._readers)
            still_listed += [number for number in shown if target_states.person(number) in FOUND_ABSENT]
        return still_listed


def _ranges(numbers: Iterable[int]) -> str | None:
    return format_ranges(sorted({*numbers})) or None
