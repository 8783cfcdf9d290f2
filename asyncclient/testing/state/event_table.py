"""The events table of the local server, from which the weekly job deletes (contract 8).

An event has a person, the time it happened and the time it was ingested; a personless event has a distinct ID in
place of the person. Properties of events are not kept.
"""

from array import array
from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import UUID

import msgspec


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One event as a test sees it; `person_uuid` is None for a personless one."""

    person_uuid: UUID | None
    timestamp: datetime
    ingested_at: datetime
    distinct_id: str | None


EventRow = tuple[int | None, str | None, int, int]
"""An event: its person or else its distinct ID, when it happened, and when it was ingested."""


class _Times:
    """Pairs of event time and ingestion time, in microseconds."""

    __slots__ = ("happened_us", "ingested_us")

    def __init__(self) -> None:
        self.happened_us = array("q")
        self.ingested_us = array("q")

    def add(self, happened_us: int, ingested_us: int) -> None:
        self.happened_us.append(happened_us)
        self.ingested_us.append(ingested_us)

    def pairs(self) -> Iterator[tuple[int, int]]:
        return zip(self.happened_us, self.ingested_us, strict=True)

    def remove_up_to(self, moment_us: int) -> int:
        """Remove the events that happened and were ingested at or before a time, and return their number."""
        return self.keep([pair for pair in self.pairs() if max(pair) > moment_us])

    def keep(self, left: list[tuple[int, int]]) -> int:
        """Keep only these events, and return the number of the others."""
        removed = len(self.happened_us) - len(left)
        if removed:
            self.happened_us = array("q", (pair[0] for pair in left))
            self.ingested_us = array("q", (pair[1] for pair in left))
        return removed


class Events:
    """Events by person key, and personless ones by distinct ID."""

    def __init__(self) -> None:
        self._of_persons: dict[int, _Times] = {}
        self._personless: dict[str, _Times] = {}

    def __len__(self) -> int:
        tables = (*self._of_persons.values(), *self._personless.values())
        return sum(len(times.happened_us) for times in tables)

    def add(self, key: int, happened_us: int, ingested_us: int) -> None:
        """Add an event of a person."""
        self._of_persons.setdefault(key, _Times()).add(happened_us, ingested_us)

    def add_personless(self, distinct_id: str, happened_us: int, ingested_us: int) -> None:
        """Add a personless event."""
        self._personless.setdefault(distinct_id, _Times()).add(happened_us, ingested_us)

    def of(self, key: int) -> list[tuple[int, int]]:
        """Return event time and ingestion time of each event of a person."""
        times = self._of_persons.get(key)
        return [] if times is None else list(times.pairs())

    def personless(self, distinct_id: str) -> list[tuple[int, int]]:
        """Return event time and ingestion time of each personless event of a distinct ID."""
        times = self._personless.get(distinct_id)
        return [] if times is None else list(times.pairs())

    def rows(self) -> Iterator[EventRow]:
        """Yield all events."""
        for key, times in self._of_persons.items():
            for happened_us, ingested_us in times.pairs():
                yield key, None, happened_us, ingested_us
        for distinct_id, times in self._personless.items():
            for happened_us, ingested_us in times.pairs():
                yield None, distinct_id, happened_us, ingested_us

    def remove(self, is_selected: Callable[[EventRow], bool]) -> int:
        """Remove the events that are selected, and return their number."""
        removed = 0
        for key, times in self._of_persons.items():
            removed += times.keep([pair for pair in times.pairs() if not is_selected((key, None, *pair))])
        for distinct_id, times in self._personless.items():
            removed += times.keep([pair for pair in times.pairs() if not is_selected((None, distinct_id, *pair))])
        return removed

    def keys_with_events(self) -> Iterator[int]:
        """Yield the keys of persons, existing or deleted, that still have events."""
        return (key for key, times in self._of_persons.items() if times.happened_us)

    def merge(self, into: int, emptied: int) -> None:
        """Move the events of one person to another, as person overrides do."""
        moved = self._of_persons.pop(emptied, None)
        if moved is not None:
            for happened_us, ingested_us in moved.pairs():
                self.add(into, happened_us, ingested_us)

    def delete(self, key: int, up_to_us: int) -> int:
        """Delete a person's events that happened and were ingested at or before a time, and return their number."""
        times = self._of_persons.get(key)
        return 0 if times is None else times.remove_up_to(up_to_us)
