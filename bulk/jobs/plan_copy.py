"""Copies the persons of a plan with all their distinct IDs, so that a copy can be handed out before they are erased.

Only reads from the server; the journal of the job records that the copy was made (Art. 15 and 20 GDPR). A batch read
shows at most 10 distinct IDs of a person (contract 6.11), so a person with as many is read by itself.
"""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from uuid import UUID

import msgspec

from asyncclient import ApiStatusError, NotFound, PostHogClient, PostHogError, RawPerson
from bulk.concurrency.outages import RETRY_FOR_S, with_outage_wait
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import run_workers
from bulk.events import OutageEvent, WaitKind
from bulk.export.person_export import person_line
from bulk.files.private_files import refuse_existing
from bulk.jobs.first_record import first_record
from bulk.journal.binding import check_binding
from bulk.journal.records import CopyMade, Record
from bulk.journal.replay import open_journal
from bulk.journal.storage import Journal
from bulk.journal.target_states import TargetStates
from bulk.number_ranges import format_ranges
from bulk.plan.plan_file import Plan
from bulk.plan.plan_lines import Target
from bulk.posthog import person_reader
from bulk.posthog.attempt_result import TRANSIENT_ERRORS, raise_if_permanent
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.person_reader import PersonReader
from bulk.posthog.person_reads import LEFT_OUT, Absent, Present, ReadResult, is_same
from bulk.posthog.recordings.distinct_ids import BATCH_READ_SHOWS
from bulk.posthog.rereads import read_until_known
from bulk.progress.file_reading import OnRead

READERS = 4
"""Requests at once for persons with many distinct IDs."""


class PlanPersons(msgspec.Struct, kw_only=True):
    """What became of the targets of a plan in an export, by their numbers.

    Arguments:
        persons: how many were exported.
        missing: targets that PostHog does not have, or whose UUID belongs to a re-created person.
        unread: targets that could not be read.
        read_error: the last error with which a person could not be read; None if no read failed.
    """

    persons: int = 0
    missing: list[int] = msgspec.field(default_factory=list)
    unread: list[int] = msgspec.field(default_factory=list)
    read_error: PostHogError | None = None


async def export_plan(
    client: PostHogClient,
    plan: Plan,
    found: PlanPersons,
    *,
    gate: StopGate | None = None,
    retry_for_s: float = RETRY_FOR_S,
    on_progress: Callable[[OutageEvent], None] | None = None,
) -> AsyncIterator[bytes]:
    """Yield one line of JSON with its line end per person of the plan, in the order of the plan.

    Arguments:
        client: set to the host and project of the plan.
        plan: the plan.
        found: records what became of each target.
        gate: for waits between two reads; its `sleeps` tell of them.
        retry_for_s: seconds to wait for a server that does not respond, at most 365 days; 0 fails at once, except that
            a read is retried a few times, within seconds.
        on_progress: called with an event before each wait in an outage, and at its end.

    Raises:
        PlanError: the plan was changed since it was opened.
        PostHogError: the server did not respond for too long, or responded with an error.
    """
    # the plan comes from this host
    client = with_outage_wait(client, retry_for_s, host_is_known=True, on_outage=on_progress)
    gate = gate or StopGate()
    reader = PersonReader(client, gate, readers=READERS, raw=True)
    for start in range(0, plan.count, READ_SIZE):
        targets = plan.targets(start, start + READ_SIZE)
        results = await _read(reader, targets, gate)
        found.read_error = reader.last_error
        persons = await _with_all_ids(client, [_person_of(target, results) for target in targets], gate)
        for target, person in zip(targets, persons, strict=True):
            if isinstance(person, RawPerson) and not is_same(target, person):
                found.missing.append(target.number)
            elif isinstance(person, RawPerson):
                found.persons += 1
                yield person_line(person.raw)
            else:
                (found.missing if person is _MISSING else found.unread).append(target.number)


_MISSING, _UNREAD, _LACKING = "missing", "unread", "lacks distinct IDs"
_Found = RawPerson | str


async def _read(reader: PersonReader, targets: Sequence[Target], gate: StopGate) -> dict[UUID, ReadResult]:
    distinct_ids = {target.uuid: target.distinct_id for target in targets}
    results: dict[UUID, ReadResult] = {}

    async def read(uuids: Sequence[UUID]) -> tuple[None, Sequence[UUID]]:
        reads = await reader.fetch_by_uuid({uuid: distinct_ids[uuid] for uuid in uuids})
        results.update(reads.results)
        return None, [uuid for uuid in uuids if results[uuid] == LEFT_OUT]

    _, left_out = await read([*distinct_ids])
    await read_until_known(read, left_out, gate)
    return results


def _person_of(target: Target, results: dict[UUID, ReadResult]) -> _Found:
    match results[target.uuid]:
        case Present(RawPerson() as person):
            return person
        case Absent():
            return _MISSING
        case _:
            return _UNREAD


async def _with_all_ids(client: PostHogClient, persons: list[_Found], gate: StopGate) -> list[_Found]:
    """Return the persons; each with as many distinct IDs as a batch read shows is read again on its own.

    A response that does not find such a person, or lacks distinct IDs that the batch read showed, proves nothing: a
    second read some seconds later decides (guarantee 11).
    """
    complete = list(persons)

    async def read(indexes: Sequence[int]) -> list[int]:
        """Read these persons; return those that a second read has to decide."""
        await run_workers(read_one, indexes, workers=READERS)
        return [index for index in indexes if complete[index] in (_MISSING, _LACKING)]

    async def read_one(index: int) -> None:
        shown = persons[index]
        assert isinstance(shown, RawPerson)
        try:
            again = await client.persons.raw_by_uuid(shown.uuid)
        except NotFound:
            complete[index] = _MISSING
        except (ApiStatusError, *TRANSIENT_ERRORS) as error:
            raise_if_permanent(error)
            complete[index] = _UNREAD
        else:
            complete[index] = again if {*shown.ref.distinct_ids} <= {*again.ref.distinct_ids} else _LACKING

    cut = [
        index
        for index, person in enumerate(persons)
        if isinstance(person, RawPerson) and len(person.ref.distinct_ids) >= BATCH_READ_SHOWS
    ]
    if open_indexes := await read(cut):
        await gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=len(open_indexes))
        await read(open_indexes)
    return complete


class CopyJournal:
    """The journal of a plan's job, for the record of a copy. It is locked from the start, if it exists.

    Arguments:
        plan: the plan.
        path: the journal; created with the record if it does not exist.
        on_read: called while it is read.

    Raises:
        JournalBusy: the job is running.
        Refused: the journal belongs to another plan.
        FileTrouble: the journal cannot be used.
    """

    def __init__(self, plan: Plan, path: Path, *, on_read: OnRead | None = None) -> None:
        self._plan = plan
        self._path = path
        self._states = TargetStates()
        self._journal: Journal[Record] | None = None
        if os.path.lexists(path):
            self._open(on_read)
        else:
            refuse_existing(path)  # early, if its folder does not exist

    async def record(self, found: PlanPersons, *, layout: str, sha256: str, requests: int, at: float) -> None:
        """Put on disk that a copy was made.

        Arguments:
            found: what became of each target.
            layout: format of the copy.
            sha256: of the copy, in hexadecimal.
            requests: reads of the last hour.
            at: the server's time in seconds since the epoch.
        """
        journal = self._journal or self._open()
        self._journal = None
        async with journal.writer() as writer:
            if self._states.job is None:
                writer.append(first_record(self._plan, at))
            writer.append(
                CopyMade(
                    at=at,
                    persons=found.persons,
                    layout=layout,
                    sha256=sha256,
                    requests=requests,
                    missing=format_ranges(found.missing) if found.missing else None,
                    unread=format_ranges(found.unread) if found.unread else None,
                )
            )
            await writer.durable()

    def close(self) -> None:
        """Release the journal; idempotent."""
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    def _open(self, on_read: OnRead | None = None) -> Journal[Record]:
        journal = open_journal(self._path, self._states, on_read=on_read)
        try:
            if self._states.job is not None:
                check_binding(str(self._path), self._states.job, self._plan)
        except BaseException:
            journal.close()
            raise
        self._journal = journal
        return journal
