"""VerifiedTargets: keeps recent reads of the persons of a group, and says when a read is too old to send on.

A request leaves only for a person that was just read as present and unchanged (guarantee 22). This module keeps what
was read, says when a read is too old, and how many persons to read ahead. It reads and sends nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from bulk.execution.run_context import RunContext
from bulk.execution.run_settings import whole_blocks
from bulk.posthog.batch_reads import READ_SIZE
from bulk.posthog.calls import TargetAddress
from bulk.posthog.strategy import MAX_BODY_BYTES

READ_GOOD_FOR_S = 60.0
"""Seconds after its read in which a call for a person may leave."""

READ_GOOD_FOR_EVENT_S = 10.0
"""The same for an event: if the person was deleted since the read, the event re-creates it (contract 12)."""


class VerifiedTarget(TargetAddress, frozen=True, kw_only=True, gc=False):
    """A target whose person was read as present and unchanged.

    Arguments:
        read_at: when the request of that read left, by the boot-time clock.
        keys: the properties that still have to be removed, where calls remove properties.
        tests: those of them that no response has shown: the calls find out whether they are hidden.
        before: those properties of the job that the person had, where a before-image is kept.
    """

    read_at: float
    keys: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    before: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return "<VerifiedTarget>"


_READ_AT = attrgetter("read_at")


class VerifiedTargets:
    """The verified targets of a group, by number.

    Arguments:
        by_capture: the targets are changed by events.
        max_read_ahead: how many targets to read ahead at most.
        clock: the boot-time clock.
    """

    def __init__(self, *, by_capture: bool, max_read_ahead: int, clock: Callable[[], float]) -> None:
        self.read_ahead = max_read_ahead
        self._max_read_ahead = max_read_ahead
        self._good_for_s = READ_GOOD_FOR_EVENT_S if by_capture else READ_GOOD_FOR_S
        self._clock = clock
        self._targets: dict[int, VerifiedTarget] = {}
        self._keys_sent: dict[int, set[str]] = {}

    def add(self, targets: Mapping[int, VerifiedTarget]) -> None:
        """Keep targets that were just read, by number; an earlier read of them is forgotten."""
        self._targets.update(targets)

    def addresses(self, numbers: Sequence[int]) -> list[VerifiedTarget]:
        """Return the targets with these numbers, which were all read."""
        return [self._targets[n] for n in numbers]

    def testing(self, numbers: Sequence[int]) -> list[int]:
        """Return those of these targets whose calls find out whether properties are hidden."""
        return [n for n in numbers if n in self._targets and self._targets[n].tests]

    def with_distinct_id(self, numbers: Sequence[int]) -> list[int]:
        """Return those of these targets that an event can address."""
        return [n for n in numbers if n in self._targets and self._targets[n].distinct_id is not None]

    def fitting(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return the first of these targets, which were all read: as many as fit in one capture request (contract 12).

        That is at least one: the check of the values has limited the size of each.
        """
        size = 0
        for count, number in enumerate(numbers):
            size += self._targets[number].event_bytes
            if size > MAX_BODY_BYTES and count:
                return numbers[:count]
        return numbers

    def oldest_read(self, numbers: Sequence[int]) -> float:
        """Return when the first of these targets was read; minus infinity if one was not read."""
        try:
            return min(map(_READ_AT, map(self._targets.__getitem__, numbers)), default=math.inf)
        except KeyError:
            return -math.inf

    def is_too_old(self, read_at: float) -> bool:
        """Return whether a read at this time no longer permits a request."""
        return read_at + self._good_for_s < self._clock()

    def must_be_read(self, numbers: Sequence[int]) -> bool:
        """Return whether one of these targets has to be read before a request for all of them may leave."""
        return self.is_too_old(self.oldest_read(numbers))

    def read_fewer(self, count: int, took_s: float) -> None:
        """Read fewer targets ahead if reading takes so long that the first results expire before the last arrive.

        Arguments:
            count: how many targets were read.
            took_s: how long that took, in seconds.
        """
        within_s = self._good_for_s / 2
        if took_s > within_s:
            self.read_ahead = max(1, int(count * within_s / took_s))

    def read_more(self) -> None:
        """Read twice as many targets ahead, up to the maximum: all that were read were sent in time."""
        self.read_ahead = min(self._max_read_ahead, self.read_ahead * 2)

    def note_keys_sent(self, number: int, keys: Sequence[str]) -> None:
        """Note the keys that an interrupted block of calls already removed from a target's person."""
        self._keys_sent.setdefault(number, set()).update(keys)

    def keys_to_send(self, number: int, unmet_keys: tuple[str, ...]) -> tuple[str, ...]:
        """Return the keys that were not sent yet, because a sent one may take effect later; all, if all were sent.

        Arguments:
            unmet_keys: the keys that the person had when it was just read.
        """
        sent = self._keys_sent.get(number, set())
        return tuple(key for key in unmet_keys if key not in sent) or unmet_keys


def max_read_ahead(context: RunContext, count: int) -> int:
    """Return how many targets of a group are read ahead: whole blocks within one read, if a call takes one person.

    A person that is read long before its request takes memory, and its read expires; events leave right after a read.

    Arguments:
        count: targets of the group.
    """
    if context.strategy.one_call_per_person(context.job.primary_axis):
        return whole_blocks(context.strategy.persons_per_intent)
    return max(READ_SIZE, context.batch_size) if context.strategy.by_capture else count
