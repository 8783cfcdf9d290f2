"""Listing: the table behind the list call, by creation time, the newest first; it lags behind the persons store.

It simulates PostHog's ClickHouse table. The rows that match a filter are found once and then kept up to date row by
row, so that a page costs the same at any offset (contract 6.1, 8). Filters see properties as they were when the lag
began; the listed properties come from the store, as in PostHog.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from asyncclient.testing.tables.lagging_view import LaggingView
from asyncclient.testing.tables.offset_sequence import OffsetSequence
from asyncclient.testing.tables.seeding import Seeding
from asyncclient.testing.tables.uuid_order import by_clickhouse
from asyncclient.testing.tables.uuids import UuidTable

_KEPT_SELECTIONS = 8

Predicate = Callable[[int], bool]
# The creation time of a new or moved row, None to remove the row, or new values of properties.
_Change = int | None | Mapping[str, Any]


class Listing:
    """The rows that a listing can show; a person without a row is hidden."""

    def __init__(self, table: UuidTable, seeding: Seeding, lagging_view: LaggingView) -> None:
        self._table = table
        self._seeding = seeding
        self._lagging_view = lagging_view
        self._created_us: dict[int, int] = {}
        self._shown = bytearray(b"\x01") * seeding.persons
        self._rows = OffsetSequence(self._sort_key, self._seeded_order())
        self._due: deque[tuple[int, int, _Change]] = deque()
        self._selections: OrderedDict[str, tuple[OffsetSequence, Predicate]] = OrderedDict()
        self.newest_us = seeding.created_us(seeding.persons - 1) if seeding.persons else 0

    def __contains__(self, key: int) -> bool:
        return key < len(self._shown) and self._shown[key] == 1

    @property
    def rows(self) -> OffsetSequence:
        """All rows, the newest first; rows with the same time are in ClickHouse's order of UUIDs."""
        return self._rows

    def chosen(self, keys: list[int]) -> OffsetSequence:
        """Return only these rows, in the order of the listing."""
        return OffsetSequence(self._sort_key, sorted(keys, key=self._sort_key))

    def select(self, name: str, predicate: Predicate) -> OffsetSequence:
        """Return the rows that match; `name` identifies the predicate."""
        known = self._selections.get(name)
        if known is None:
            known = OffsetSequence(self._sort_key, filter(predicate, self._rows)), predicate
            self._selections[name] = known
            if len(self._selections) > _KEPT_SELECTIONS:
                self._selections.popitem(last=False)
        self._selections.move_to_end(name)
        return known[0]

    def forget_selections(self) -> None:
        """Forget which rows match which filter, after a change that may affect many rows."""
        self._selections.clear()

    def show(self, key: int, created_us: int, *, due_us: int, now_us: int) -> None:
        """Add or move the row of a person at `due_us`."""
        self._schedule(key, created_us, due_us, now_us)

    def hide(self, key: int, *, due_us: int, now_us: int) -> None:
        """Remove the row of a person at `due_us`."""
        self._schedule(key, None, due_us, now_us)

    def value(self, key: int, name: str) -> Any:
        """Return one property as filters see it; MISSING if the person does not have it."""
        return self._lagging_view.value(key, name)

    def hold(self, key: int, changes: Mapping[str, Any]) -> None:
        """Keep the current values of these properties for filters; call it before the store changes them."""
        self._lagging_view.hold(key, changes)

    def change(self, key: int, changes: Mapping[str, Any], *, due_us: int, now_us: int) -> None:
        """Let filters see the changed properties from `due_us` on."""
        self._schedule(key, changes, due_us, now_us)

    def recheck(self, key: int) -> None:
        """Update which filters match a person, after a change of the person."""
        if key in self:
            for rows, predicate in self._selections.values():
                rows.remove(key)
                if predicate(key):
                    rows.add(key)

    def lose(self, key: int) -> None:
        """Remove a row and its pending changes."""
        self._due = deque(change for change in self._due if change[1] != key)
        self._lagging_view.forget(key)
        self._apply(key, None)

    def advance(self, now_us: int) -> None:
        """Apply the changes that are due."""
        while self._due and self._due[0][0] <= now_us:
            _, key, change = self._due.popleft()
            self._apply(key, change)

    def settle(self) -> None:
        """Apply all pending changes."""
        while self._due:
            _, key, change = self._due.popleft()
            self._apply(key, change)

    def pending(self) -> int:
        """Return the number of pending changes."""
        return len(self._due)

    def _schedule(self, key: int, change: _Change, due_us: int, now_us: int) -> None:
        if due_us <= now_us and not self._due:
            self._apply(key, change)
            return
        # Changes stay in their order, as Kafka delivers them.
        self._due.append((due_us, key, change))
        self.advance(now_us)

    def _apply(self, key: int, change: _Change) -> None:
        if isinstance(change, Mapping):
            self._lagging_view.release(key, change)
            self.recheck(key)
        else:
            self._place(key, change)

    def _place(self, key: int, created_us: int | None) -> None:
        if key in self:
            self._shown[key] = 0
            self._rows.remove(key)
            for rows, _ in self._selections.values():
                rows.remove(key)
        if created_us is None:
            return
        if key >= len(self._shown):
            self._shown.extend(bytes(key + 1 - len(self._shown)))
        self._shown[key] = 1
        self._created_us[key] = created_us
        self._rows.add(key)
        for rows, predicate in self._selections.values():
            if predicate(key):
                rows.add(key)

    def _sort_key(self, key: int) -> tuple[int, bytes]:
        created_us = self._created_us.get(key)
        if created_us is None:
            created_us = self._seeding.created_us(key)
        return -created_us, by_clickhouse(self._table.raw(key))

    def _seeded_order(self) -> Iterator[int]:
        last = self._seeding.persons - 1
        while last >= 0:
            tied = self._seeding.tied(last)
            if len(tied) == 1:
                yield last
            else:
                yield from sorted(tied, key=lambda key: by_clickhouse(self._table.raw(key)))
            last = tied.start - 1
