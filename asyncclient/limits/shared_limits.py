"""SharedLimits: keeps a state of rate limits equal to that of the other processes that use the same limits file.

All processes append what they do to the file, and compute their state from all records in the order of the file. So
each knows what the others have used and have in flight.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from asyncclient._protocol.limits.limit_reduction import LimitReduction
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.limits.shared_records import MAX_AMOUNT, LimitRecord, RecordKind
from asyncclient.errors import LimitsFileError
from asyncclient.limits.limit_state import LimitState
from asyncclient.limits.limits_file import Change, Found, LimitsFile

LOOK_AGAIN_S = 5.0
"""Seconds after which a waiting request reads the file again: another process may have returned a permit, or died."""
LEASE_S = 900.0
"""A request in flight for longer than these seconds counts as ended, because its process may not exist any more."""
REWRITE_FROM = 16_384
"""Records from which the file is rewritten without those that no longer count."""
FLUSH_S = 0.05

_KEEP_TIME = frozenset({RecordKind.EARLIER, RecordKind.LOWERED})
_Taken = tuple[int, Bucket, float]
"""A permit: its process, its limit, and when it was taken."""


class SharedLimits:
    """The rate limits of a key as all processes with the same limits file see them.

    Arguments:
        state: the state that is kept up to date.
        file: the file.
        clock: seconds since the machine started.
        owner: names this process to the others; 0 means its process ID.
    """

    def __init__(self, state: LimitState, file: LimitsFile, *, clock: Callable[[], float], owner: int = 0) -> None:
        self.file = file
        self._clock = clock
        self._state = state
        self._owner = owner or os.getpid()
        self._in_flight: dict[_Taken, int] = {}
        self._unwritten: list[LimitRecord] = []
        self._latest = 0.0
        self._live_records = 0
        self._flushing = False

    def begin(self) -> float | None:
        """Lock the file and take in what the others wrote; unless this returns None, `end` has to follow.

        Returns:
            The time; None if another process has the lock.

        Raises:
            LimitsFileError: the file cannot be used.
        """
        found = self.file.lock()
        if found is None:
            return None
        now = self._clock()
        try:
            if found.change is Change.OTHER_BOOT:
                self._restart_after_boot(found, now)
                return self.begin()
            self._take_in(found, now)
            self._write_rest(now)
        except BaseException:
            self.file.unlock()
            raise
        return now

    def end(self, now: float) -> None:
        """Release the lock; rewrite the file first if most of its records no longer count."""
        try:
            if self.file.record_count > max(REWRITE_FROM, 2 * self._live_records):
                with suppress(LimitsFileError):  # there is no room for a second file; this one goes on growing
                    self._rewrite(now)
        finally:
            self.file.unlock()

    def take(self, bucket: Bucket) -> float | None:
        """Take a permit if there is room; return the time that names it, or None.

        Raises:
            LimitsFileError: the file cannot be used.
        """
        now = self.begin()
        if now is None:
            return None
        try:
            if not self._state.queues[bucket].has_room(now):
                self._end_lost(now)
                return None
            self._write(LimitRecord(RecordKind.TAKEN, bucket, now, now, owner=self._owner), now)
            return now
        finally:
            self.end(now)

    def give_back(self, bucket: Bucket, *, taken_at: float, used: bool, passed: bool) -> None:
        """Count the request of a permit, or return the permit. What cannot be written now is written later."""
        kind = RecordKind.ENDED if used else RecordKind.RETURNED
        self.post([LimitRecord(kind, bucket, self._clock(), taken_at, status=int(passed), owner=self._owner)])

    def open(self) -> None:
        """Create the file or read it for the first time, so that one that cannot be used is refused early.

        Raises:
            LimitsFileError: the file cannot be used.
        """
        now = self.begin()
        if now is not None:
            self.end(now)

    def post(self, records: Iterable[LimitRecord]) -> None:
        """Write records, now or as soon as the file can be written."""
        self._unwritten += records
        try:
            now = self.begin()  # this writes them
            if now is not None:
                self.end(now)
        except LimitsFileError:
            pass  # the next request that needs a permit raises it
        if self._unwritten and not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def lower(self, bucket: Bucket, retry_after_s: float | None, since: float) -> list[LimitReduction]:
        """Lower a limit for all processes after an unexpected 429; return what was lowered."""
        # 0 and no wait mean the same: not an hourly limit
        wait_ms = min(round((retry_after_s or 0.0) * 1000), MAX_AMOUNT)
        record = LimitRecord(RecordKind.REFUSED, bucket, self._clock(), since, amount=wait_ms, owner=self._owner)
        try:
            now = self.begin()
            if now is not None:
                try:
                    return self._write(record._replace(at=now), now)
                finally:
                    self.end(now)
        except LimitsFileError:
            pass
        self.post([record])
        return []

    def _flush(self) -> None:
        self._flushing = False
        if self._unwritten:
            self.post(())

    def _write(self, record: LimitRecord, now: float) -> list[LimitReduction]:
        """Append a record to the locked file, and apply it; return the limits that it lowers."""
        self.file.append([record])
        return self._apply(record, now)

    def _write_rest(self, now: float) -> None:
        """Write what could not be written before; a request counts from now on, which is later than it ended."""
        if self._unwritten:
            records = [each if each.kind in _KEEP_TIME else each._replace(at=now) for each in self._unwritten]
            self.file.append(records)
            self._unwritten = []
            self._fold(records, now)

    def _take_in(self, found: Found, now: float) -> None:
        match found.change:
            case Change.NONE:
                self._fold(found.records, now)
            case Change.CREATED:  # for the first time, or because it was removed: this process knows what counted
                self.file.append(self._records(now))
            case Change.REWRITTEN:
                self._restart(found.records, now)
            case Change.OTHER_BOOT:
                raise AssertionError("`begin` has rewritten such a file")

    def _restart(self, records: list[LimitRecord], now: float) -> None:
        self._state.reset()
        self._in_flight.clear()
        self._latest = 0.0
        self._fold(records, now)

    def _restart_after_boot(self, found: Found, now: float) -> None:
        """Count what was in the file as made when the machine started, which is the latest that it can have been."""
        counts: dict[Bucket, int] = {}
        for record in found.records:
            # each request has one TAKEN, or was summed up in an EARLIER
            change = {RecordKind.TAKEN: 1, RecordKind.RETURNED: -1, RecordKind.EARLIER: record.amount}
            counts[record.bucket] = counts.get(record.bucket, 0) + change.get(record.kind, 0)
        self._restart([LimitRecord(RecordKind.EARLIER, bucket, 0.0, amount=n) for bucket, n in counts.items()], now)
        if not found.is_complete:
            for bucket in Bucket:
                self._state.spend_all(bucket, now, 0.0)
        self._rewrite(now)

    def _rewrite(self, now: float) -> None:
        records = self._records(now)
        self.file.rewrite(records)
        self._live_records = len(records)
        self._restart(records, now)

    def _records(self, now: float) -> list[LimitRecord]:
        taken = [
            LimitRecord(RecordKind.TAKEN, bucket, at, at, owner=owner)
            for (owner, bucket, at), count in self._in_flight.items()
            for _ in range(count)
        ]
        return [*self._state.records(now), *taken]

    def _fold(self, records: list[LimitRecord], now: float) -> None:
        earlier: dict[Bucket, list[float]] = {}
        for record in records:
            if record.kind is RecordKind.EARLIER:
                earlier.setdefault(record.bucket, []).extend([record.at] * record.amount)
            else:
                self._apply(record, now)
        for bucket, times in earlier.items():  # at once, because each insertion rebuilds the log
            self._state.add_earlier(bucket, now, times)

    def _apply(self, record: LimitRecord, now: float) -> list[LimitReduction]:
        kind, bucket, at, time_s, amount, status, owner = record
        state = self._state
        at = self._latest = max(self._latest, at)  # the clock is that of the machine, so this changes nothing
        if kind is RecordKind.TAKEN:
            key = owner, bucket, time_s
            self._in_flight[key] = self._in_flight.get(key, 0) + 1
            state.add_in_flight(bucket)
        elif kind is RecordKind.ENDED:
            self._forget((owner, bucket, time_s))
            state.record_response(bucket, at, sent_at=time_s, passed=bool(status))
        elif kind is RecordKind.RETURNED:
            self._forget((owner, bucket, time_s))
        elif kind is RecordKind.PAUSED:
            state.queues[bucket].bucket.pause(at, time_s, status)
            state.queues[bucket].wake()
        elif kind is RecordKind.REFUSED:
            return state.reduce(bucket, at, retry_after_s=amount / 1000 or None, sent_at=time_s)
        elif kind is RecordKind.LOWERED:
            state.queues[bucket].bucket.restore_reduction(now, window_s=time_s, new=amount, age_s=now - record.at)
        else:
            state.add_earlier(bucket, now, [record.at] * amount)
        return []

    def _forget(self, key: _Taken) -> None:
        count = self._in_flight.pop(key, 0)
        if count > 1:
            self._in_flight[key] = count - 1
        if count:
            self._state.remove_in_flight(key[1])

    def _end_lost(self, now: float) -> None:
        """Count the requests of processes that died with them as ended now: when the server counted them is unknown."""
        for (owner, held, taken_at), count in list(self._in_flight.items()):
            if now - taken_at < LEASE_S and (owner == self._owner or _is_alive(owner)):
                continue
            for _ in range(count):
                self._write(LimitRecord(RecordKind.ENDED, held, now, taken_at, owner=owner), now)


def _is_alive(owner: int) -> bool:
    try:
        os.kill(owner, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
