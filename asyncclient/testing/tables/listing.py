"""The table behind the list call: rows by creation time, newest first, trailing the persons store.

It stands for PostHog's ClickHouse view. Which rows match a filter is found once and then kept up to date
row by row, so that a page costs the same at any offset (contract 6.1, 8). Filters see properties as they
were when the lag began; what is shown of a person comes from the store, as PostHog reads it there.
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
# When a person with a row was created, None for the end of its row, or new values of properties.
_Change = int | None | Mapping[str, Any]


class Listing:
    """The rows that a listing can show; who has no row here is hidden from it."""

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
        """Every row, newest first, those of one instant by UUID in ClickHouse's order: by its second half first."""
        return self._rows

    def chosen(self, keys: list[int]) -> OffsetSequence:
        """These rows alone, in the order of the listing."""
        return OffsetSequence(self._sort_key, sorted(keys, key=self._sort_key))

    def select(self, name: str, predicate: Predicate) -> OffsetSequence:
        """The rows that match. `name` must tell the predicate from every other."""
        known = self._selections.get(name)
        if known is None:
            known = OffsetSequence(self._sort_key, filter(predicate, self._rows)), predicate
            self._selections[name] = known
            if len(self._selections) > _KEPT_SELECTIONS:
                self._selections.popitem(last=False)
        self._selections.move_to_end(name)
        return known[0]

    def forget_selections(self) -> None:
        """To be called when rows may match differently from before."""
        self._selections.clear()

    def show(self, key: int, created_us: int, *, due_us: int, now_us: int) -> None:
        """Give a person a row, or another place, once `due_us` has come."""
        self._schedule(key, created_us, due_us, now_us)

    def hide(self, key: int, *, due_us: int, now_us: int) -> None:
        """Take a person's row away once `due_us` has come."""
        self._schedule(key, None, due_us, now_us)

    def value(self, key: int, name: str) -> Any:
        """One property as filters see it, MISSING where there is none of that name."""
        return self._lagging_view.value(key, name)

    def hold(self, key: int, changes: Mapping[str, Any]) -> None:
        """To be called before the store changes these properties: filters go on seeing what they are."""
        self._lagging_view.hold(key, changes)

    def change(self, key: int, changes: Mapping[str, Any], *, due_us: int, now_us: int) -> None:
        """Let filters see properties that were held once `due_us` has come."""
        self._schedule(key, changes, due_us, now_us)

    def recheck(self, key: int) -> None:
        """To be called when a person may match filters differently from before."""
        if key in self:
            for rows, predicate in self._selections.values():
                rows.remove(key)
                if predicate(key):
                    rows.add(key)

    def lose(self, key: int) -> None:
        """Take a row away for good, with whatever is under way for it."""
        self._due = deque(change for change in self._due if change[1] != key)
        self._lagging_view.forget(key)
        self._apply(key, None)

    def advance(self, now_us: int) -> None:
        """Apply what has become due."""
        while self._due and self._due[0][0] <= now_us:
            _, key, change = self._due.popleft()
            self._apply(key, change)

    def settle(self) -> None:
        """Apply all that is under way."""
        while self._due:
            _, key, change = self._due.popleft()
            self._apply(key, change)

    def pending(self) -> int:
        """How many changes are under way."""
        return len(self._due)

    def _schedule(self, key: int, change: _Change, due_us: int, now_us: int) -> None:
        if due_us <= now_us and not self._due:
            self._apply(key, change)
            return
        # In the order of the changes, as Kafka delivers them: none overtakes one before it.
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
