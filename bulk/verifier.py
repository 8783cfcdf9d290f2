"""Reads back what became of targets and settles it in the journal. The rules of promises 20 to 22 are here.

Every method reads first, then decides for all targets at once, then writes one record: no half-settled target.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from asyncclient import PersonRef
from bulk.job import Changes, Job
from bulk.outcomes import Events, Person, Recordings, State, axis_of
from bulk.plan import Target
from bulk.rows import RowReader, RowState
from bulk.store import StoreReader

SAME_INSTANT = timedelta(milliseconds=1)
"""Two creation times closer than this are one: the listing and the store keep different precision."""

OURS = frozenset({Person.UNKNOWN, Person.SURVIVED, Person.ACCEPTED})
"""States in which a vanished person may be our doing."""


class Verifier:
    """Settles targets by reading.

    Arguments:
        rows: None where the server has no deletion rows to read.
    """

    def __init__(self, job: Job, store: StoreReader, rows: RowReader | None) -> None:
        self._job = job
        self._store = store
        self._rows = rows

    async def check_store(self, numbers: list[int]) -> set[int]:
        """Read whether these targets' persons are there and are the same persons; settle those that are not.

        Returns:
            The numbers of those that are there, unchanged.
        """
        targets = self._job.targets(numbers)
        present = await self._store.present([target.uuid for target in targets.values()])
        absent = [n for n, target in targets.items() if target.uuid not in present]
        changes: Changes = {}
        here: set[int] = set()
        for number, target in targets.items():
            if target.uuid in present:
                self._there(number, target, present[target.uuid], changes, here)
        if absent:
            owners = await self._owners({n: targets[n] for n in absent})
            fresh = await self._rows_of({n: targets[n] for n in absent})
            for number in absent:
                if owners.get(number) == targets[number].uuid:  # re-created between the two reads
                    self._reappeared(number, changes)
                else:
                    self._vanished(number, number in owners, fresh.get(number), changes)
        self._job.settle("store", changes)
        return here

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
        """Read whether persons that were read as gone are still gone; settle those that are back."""
        targets = self._job.targets(numbers)
        present = await self._store.present([target.uuid for target in targets.values()])
        changes: Changes = {}
        for number, target in targets.items():
            if target.uuid in present:
                same = same_instant(target.created_at, present[target.uuid].created_at)
                _add(changes, Person.CONTRADICTED if same else Person.REAPPEARED, number)
        self._job.settle("store", changes)

    async def check_purged(self, numbers: list[int]) -> None:
        """Read whether the event deletions of these targets have been completed; a missing row proves nothing."""
        states = await self._rows_of(self._job.targets(numbers), (Events.QUEUED,))
        done = [number for number in numbers if states.get(number) is RowState.FRESH_COMPLETED]
        self._job.settle("rows", {(Events.PURGED, None): done})

    def _is(self, number: int, state: State) -> bool:
        return self._job.ledger.state(axis_of(state), number) is state

    def _there(self, number: int, target: Target, person: PersonRef, changes: Changes, here: set[int]) -> None:
        if not same_instant(target.created_at, person.created_at):
            self._reappeared(number, changes)
            return
        here.add(number)
        if self._job.ledger.person(number) is Person.UNKNOWN:
            _add(changes, Person.SURVIVED, number)

    def _reappeared(self, number: int, changes: Changes) -> None:
        _add(changes, Person.REAPPEARED, number)
        self._leave_rest(number, changes, Events.NOT_SENT, Recordings.NOT_SENT)

    def _vanished(self, number: int, merged: bool, row: RowState | None, changes: Changes) -> None:
        person = self._job.ledger.person(number)
        if merged:
            _add(changes, Person.MERGED, number)
        elif person is Person.ACCEPTED:
            _add(changes, Person.GONE, number)
        elif person in OURS:
            _add(changes, Person.GONE_SETTLED, number)
        else:
            _add(changes, Person.GONE_BEFORE, number)
        if row is RowState.FRESH:
            _add(changes, Events.QUEUED, number)
        elif row is RowState.FRESH_COMPLETED:
            _add(changes, Events.PURGED, number)
        missed = (
            Events.NOT_SENT if merged else Events.MISSED,
            Recordings.NOT_SENT if merged else Recordings.MISSED,
        )
        self._leave_rest(number, changes, *missed, events_known=row in (RowState.FRESH, RowState.FRESH_COMPLETED))

    def _leave_rest(
        self,
        number: int,
        changes: Changes,
        events: Events,
        recordings: Recordings,
        *,
        events_known: bool = False,
    ) -> None:
        ledger = self._job.ledger
        if not events_known and ledger.events(number) in _EVENTS_OPEN:
            _add(changes, events, number)
        if ledger.recordings(number) in _RECORDINGS_OPEN:
            _add(changes, recordings, number)

    async def _owners(self, absent: Mapping[int, Target]) -> dict[int, UUID]:
        """Who owns the distinct id that selected a vanished target now, where it may not be our doing."""
        ledger = self._job.ledger
        asked = {
            target.distinct_id: number
            for number, target in absent.items()
            if target.distinct_id is not None and ledger.person(number) not in OURS
        }
        owners = await self._store.owners(list(asked)) if asked else {}
        return {asked[distinct_id]: uuid for distinct_id, uuid in owners.items()}

    async def _rows_of(
        self,
        targets: Mapping[int, Target],
        states: tuple[Events, ...] = (Events.UNKNOWN, Events.REQUESTED, Events.HELD),
    ) -> dict[int, RowState]:
        if self._rows is None:
            return {}
        since = {
            target.uuid: first
            for number, target in targets.items()
            if (first := self._job.ledger.first_queued(number)) is not None
            and self._job.ledger.events(number) in states
        }
        if not since:
            return {}
        found = await self._rows.read(since)
        return {number: found[target.uuid] for number, target in targets.items() if target.uuid in found}


def same_instant(planned: datetime, read: datetime) -> bool:
    """Whether two readings of a person's creation time are of the same person (promise 22)."""
    return abs(planned - read) < SAME_INSTANT


_EVENTS_OPEN = frozenset({Events.UNTOUCHED, Events.UNKNOWN, Events.REQUESTED, Events.HELD})
_RECORDINGS_OPEN = frozenset({Recordings.UNTOUCHED, Recordings.UNKNOWN})


def _add(changes: Changes, state: State, number: int) -> None:
    changes.setdefault((state, None), []).append(number)
