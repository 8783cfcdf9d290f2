"""Reads back what became of targets and settles it in the journal. The rules of promises 20 to 22 are here.

Every method reads first, then decides for all targets at once, then writes one record: no half-settled target.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import anyio.lowlevel
import msgspec

import asyncclient
from bulk.job import Changes, Job, by_uuid
from bulk.outcomes import Axis, Events, Person, Properties, Recordings, State, axis_of
from bulk.plan import Target
from bulk.property_values import Wanted
from bulk.ranges import grouped
from bulk.rows import RowReader, RowState, judge_row
from bulk.store import Known, StoreReader

SAME_INSTANT = timedelta(milliseconds=1)
"""Two creation times closer than this are one: the listing and the store keep different precision."""

OURS = frozenset({Person.UNKNOWN, Person.SURVIVED, Person.ACCEPTED})
"""States in which a vanished person may be our doing."""

SINCE_SENT = "since_sent"
"""The reason of whoever was gone, merged or re-created when read after an event or a call of this job."""
DONE = frozenset({Properties.DONE, Properties.DONE_SETTLED, Properties.DONE_BEFORE})

ROWS_AT_ONCE = 50_000
"""Completed rows that are matched with the plan in one pass over it."""
TARGETS_AT_ONCE = 5_000


class Seen(msgspec.Struct, frozen=True):
    """Targets' persons that are there, unchanged, by number, and when they were asked for (`Sighting.asked_at`)."""

    here: Mapping[int, Known]
    asked_at: float


class Verifier:
    """Settles targets by reading.

    Arguments:
        rows: None where the server has no deletion rows to read.
        wanted: what properties are to be; None where they are not changed.
    """

    def __init__(self, job: Job, store: StoreReader, rows: RowReader | None, wanted: Wanted | None = None) -> None:
        self._job = job
        self._store = store
        self._rows = rows
        self._wanted = wanted

    async def check_store(self, numbers: list[int]) -> Seen:
        """Read whether these targets' persons are there and are the same persons; settle those that are not.

        Returns:
            Those that are there, unchanged.
        """
        targets = self._job.targets(numbers)
        found, asked_at = await self._found(targets)
        here = {n: found[n] for n, target in targets.items() if n in found and is_same(target, found[n])}
        changes: Changes = {}
        for number, person in here.items():
            if self._job.ledger.person(number) is Person.UNKNOWN:
                _add(changes, Person.SURVIVED, number)
            if state := self._read_as(number, person):
                _add(changes, state, number)
        lost = {n: target for n, target in targets.items() if n not in here}
        rows = await self._rows_of(lost)
        for number, target in lost.items():
            self._lost(number, target, found.get(number), rows.get(number), changes)
        self._job.settle("store", changes)
        return Seen(here, asked_at)

    async def _found(self, targets: Mapping[int, Target]) -> tuple[dict[int, Known], float]:
        """Who is there of these targets, by number, or who owns their ids now; and when they were asked for."""
        sighting = await self._store.present([target.uuid for target in targets.values()])
        present = sighting.persons
        found = {n: person for n, target in targets.items() if (person := present.get(target.uuid)) is not None}
        if len(found) < len(targets):
            found |= await self._owners({n: target for n, target in targets.items() if n not in found})
        return found, sighting.asked_at

    def open_keys(self, person: Known) -> tuple[str, ...]:
        """The properties of a person, as it was read, that are not as asked."""
        if self._wanted is None or not isinstance(person, asyncclient.Person):
            return ()
        return self._wanted.open_keys(person.properties)

    def _read_as(self, number: int, person: Known) -> Properties | None:
        """What reading makes of the properties of a person that is there; None where it changes nothing."""
        state = self._job.ledger.properties(number)
        as_asked = _READING_TELLS.get(state)
        if as_asked is None:
            return None
        if not self.open_keys(person):
            return as_asked
        return Properties.AGAIN if state is Properties.UNKNOWN else None

    async def check_rows(self, numbers: list[int]) -> None:
        """Read the deletion rows of targets whose events were sent to be queued, and settle what they say."""
        ledger = self._job.ledger
        states = await self._rows_of(self._job.targets(numbers))
        changes: Changes = {}
        for number in numbers:
            match states.get(number):
                case RowState.FRESH:
                    _add(changes, Events.QUEUED, number)
                case RowState.FRESH_COMPLETED:
                    _add(changes, Events.PURGED, number)
                case RowState.STALE:
                    _add(changes, Events.HELD, number)
                    if ledger.person(number) is not Person.NOT_ASKED:
                        _add(changes, Person.HELD, number)
                    continue
                case RowState.NONE:
                    _add(changes, Events.UNTOUCHED, number)
                case None:
                    sent = ledger.events(number) is Events.REQUESTED
                    _add(changes, Events.UNVERIFIABLE if sent else Events.UNTOUCHED, number)
            if ledger.person(number) is Person.HELD:
                _add(changes, Person.UNTOUCHED, number)
        self._job.settle("rows", {key: n for key, n in changes.items() if any(not self._is(i, key[0]) for i in n)})

    async def check_gone(self, numbers: list[int]) -> None:
        """Read whether persons that this job read as gone are still gone; settle those that are back."""
        targets = self._job.targets(numbers)
        present = (await self._store.present([target.uuid for target in targets.values()])).persons
        changes: Changes = {}
        for number, target in targets.items():
            if target.uuid not in present:
                continue
            if not is_same(target, present[target.uuid]):
                _add(changes, Person.REAPPEARED, number)
            elif self._job.ledger.person(number) is Person.GONE_BEFORE:
                _add(changes, Person.UNTOUCHED, number)  # nobody asked for its deletion: the next run does
            else:
                _add(changes, Person.CONTRADICTED, number, "there_again")
        self._job.settle("store", changes)

    async def check_kept(self, numbers: list[int]) -> None:
        """Read persons once more whose part in the job is over, and settle what has become of them since.

        A person that is gone, merged or re-created keeps what was read of its properties, and is named.
        """
        targets = self._job.targets(numbers)
        found, _ = await self._found(targets)
        changes: Changes = {}
        for number, target in targets.items():
            person = found.get(number)
            now = _kept_as(target, person)
            if not self._is(number, now):
                _add(changes, now, number, None if now is Person.NOT_ASKED else self._since(number))
            if now is Person.NOT_ASKED and person is not None:
                state = self._kept_properties(number, is_as_asked=not self.open_keys(person))
                if state is not None:
                    _add(changes, state, number, "changed_since" if state is Properties.CONTRADICTED else None)
        self._job.settle("store", changes)

    def _since(self, number: int) -> str | None:
        """Since when a person that is not there as planned any more is not."""
        ledger = self._job.ledger
        if ledger.reason(Axis.PERSON, number) == SINCE_SENT:
            return SINCE_SENT  # an event that was under way may have come late
        return "since_done" if ledger.properties(number) in DONE else None

    def _kept_properties(self, number: int, *, is_as_asked: bool) -> Properties | None:
        """What reading once more makes of the properties of a person that is there; None where it changes nothing."""
        match self._job.ledger.properties(number):
            case state if state in DONE:
                return None if is_as_asked else Properties.CONTRADICTED
            case Properties.CONTRADICTED:
                return Properties.DONE if is_as_asked else None
            case Properties.GONE | Properties.MISSED:  # the store had left the person out
                return Properties.DONE_SETTLED if is_as_asked else Properties.AGAIN
            case _:
                return None

    async def check_purged(self) -> None:
        """Read which queued event deletions have been completed; a missing row proves nothing.

        One pass over the server's completed rows, however many targets there are.
        """
        if self._rows is None:
            return
        ledger = self._job.ledger
        since = (ledger.first_queued(n) for n in ledger.numbers(Axis.EVENTS, (Events.QUEUED,)))
        oldest = min((first for first in since if first is not None), default=None)
        if oldest is None:
            return
        completed: dict[UUID, datetime] = {}
        async for page in self._rows.completed(oldest):
            completed |= {row.person_uuid: row.created_at for row in page if row.person_uuid not in completed}
            if len(completed) >= ROWS_AT_ONCE:
                await self._purged(completed)
                completed.clear()
        await self._purged(completed)

    async def _purged(self, completed: Mapping[UUID, datetime]) -> None:
        ledger = self._job.ledger
        if not completed:
            return
        for numbers in grouped(ledger.numbers(Axis.EVENTS, (Events.QUEUED,)), TARGETS_AT_ONCE):
            uuids = by_uuid(self._job.targets(numbers))
            done = [
                number
                for uuid in uuids.keys() & completed.keys()
                if (first := ledger.first_queued(number := uuids[uuid])) is not None
                and judge_row("completed", completed[uuid], first) is RowState.FRESH_COMPLETED
            ]
            self._job.settle("rows", {(Events.PURGED, None): done})
            await anyio.lowlevel.checkpoint()

    def _is(self, number: int, state: State) -> bool:
        return self._job.ledger.state(axis_of(state), number) is state

    def _lost(self, number: int, target: Target, found: Known | None, row: RowState | None, changes: Changes) -> None:
        """Settle a target whose person is not there any more, or not as the same person."""
        ledger = self._job.ledger
        person = ledger.person(number)
        # an event of ours may have been what made it anew, or will yet be, although it was read just before
        since = SINCE_SENT if ledger.properties(number) in _SENT else None
        if found is not None:
            _add(changes, Person.REAPPEARED if found.uuid == target.uuid else Person.MERGED, number, since)
        elif person in OURS:
            _add(changes, Person.GONE if person is Person.ACCEPTED else Person.GONE_SETTLED, number)
        elif person is Person.NOT_ASKED:
            _add(changes, Person.VANISHED, number, since)
        else:
            _add(changes, Person.GONE_BEFORE, number)
        left_alone = found is not None
        match ledger.events(number):
            case _ if row is RowState.FRESH:
                _add(changes, Events.QUEUED, number)
            case _ if row is RowState.FRESH_COMPLETED:
                _add(changes, Events.PURGED, number)
            case _ if row is RowState.STALE:
                _add(changes, Events.MISSED, number, "covered_in_part")
            case Events.UNTOUCHED:
                _add(changes, Events.NOT_SENT if left_alone else Events.MISSED, number)
            case Events.REQUESTED if self._rows is None:
                _add(changes, Events.UNVERIFIABLE, number)
            case Events.UNKNOWN if self._rows is None:
                _add(changes, Events.MISSED, number, "answer_unknown")
            case Events.REQUESTED | Events.UNKNOWN:
                _add(changes, Events.MISSED, number, "no_deletion_row")
            case Events.HELD:
                _add(changes, Events.MISSED, number, "covered_in_part")
        match ledger.recordings(number):
            case Recordings.UNTOUCHED:
                _add(changes, Recordings.NOT_SENT if left_alone else Recordings.MISSED, number)
            case Recordings.UNKNOWN:
                _add(changes, Recordings.MISSED, number, "answer_unknown")
        match ledger.properties(number):
            case Properties.UNTOUCHED if left_alone:
                _add(changes, Properties.NOT_SENT, number)
            case Properties.UNTOUCHED | Properties.UNKNOWN | Properties.AGAIN | Properties.REQUESTED:
                only_absent = not left_alone and self._wanted is not None and not self._wanted.values
                _add(changes, Properties.GONE if only_absent else Properties.MISSED, number)

    async def _owners(self, absent: Mapping[int, Target]) -> dict[int, Known]:
        """Who owns the distinct id that selected a vanished target now, where it may not be our doing."""
        asked = {
            target.distinct_id: number
            for number, target in absent.items()
            if target.distinct_id is not None and self._job.ledger.person(number) not in OURS
        }
        owners = await self._store.owners(list(asked)) if asked else {}
        return {asked[distinct_id]: person for distinct_id, person in owners.items()}

    async def _rows_of(self, targets: Mapping[int, Target]) -> dict[int, RowState]:
        """What the rows say of those of these targets whose events were sent to be queued."""
        ledger = self._job.ledger
        since = {
            target.uuid: first
            for number, target in targets.items()
            if ledger.events(number) in _ROWS_TELL and (first := ledger.first_queued(number)) is not None
        }
        found = await self._rows.read(since) if since and self._rows is not None else {}
        return {number: found[target.uuid] for number, target in targets.items() if target.uuid in found}


_SENT = frozenset({Properties.UNKNOWN, Properties.AGAIN, Properties.REQUESTED})
_ROWS_TELL = frozenset({Events.UNKNOWN, Events.REQUESTED, Events.HELD})
_READING_TELLS = {
    Properties.UNTOUCHED: Properties.DONE_BEFORE,
    Properties.UNKNOWN: Properties.DONE_SETTLED,
    Properties.AGAIN: Properties.DONE_SETTLED,
    Properties.REQUESTED: Properties.DONE,
}
"""What properties that are read as asked are from now on."""


def is_same(target: Target, person: Known) -> bool:
    """Whether a person that was read is the plan's target, and no other and no re-created one (promise 22)."""
    return person.uuid == target.uuid and abs(target.created_at - person.created_at) < SAME_INSTANT


def _kept_as(target: Target, person: Known | None) -> Person:
    """What has become of a person that was to be kept, as it was read."""
    if person is None:
        return Person.VANISHED
    if is_same(target, person):
        return Person.NOT_ASKED
    return Person.REAPPEARED if person.uuid == target.uuid else Person.MERGED


def _add(changes: Changes, state: State, number: int, reason: str | None = None) -> None:
    changes.setdefault((state, reason), []).append(number)
