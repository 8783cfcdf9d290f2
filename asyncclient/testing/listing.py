"""The table behind the list call: rows by creation time, newest first, trailing the persons store.

It stands for PostHog's ClickHouse view. Which rows match a filter is found once and then kept up to date
row by row, so that a page costs the same at any offset (contract 6.1, 8).
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator

from asyncclient.testing.rows import OrderedRows
from asyncclient.testing.seeding import Seeding
from asyncclient.testing.uuids import UuidTable

_KEPT_SELECTIONS = 8

Predicate = Callable[[int], bool]


class Listing:
    """The rows that a listing can show; who has no row here is hidden from it."""

    def __init__(self, table: UuidTable, seeding: Seeding) -> None:
        self._table = table
        self._seeding = seeding
        self._created_us: dict[int, int] = {}
        self._shown = bytearray(b"\x01") * seeding.persons
        self._rows = OrderedRows(self._sort_key, self._seeded_order())
        self._due: deque[tuple[int, int, int | None]] = deque()
        self._selections: OrderedDict[str, tuple[OrderedRows, Predicate]] = OrderedDict()
        self.newest_us = seeding.created_us(seeding.persons - 1) if seeding.persons else 0

    def __contains__(self, key: int) -> bool:
        return key < len(self._shown) and self._shown[key] == 1

    @property
    def rows(self) -> OrderedRows:
        """Every row, newest first, those of one instant by UUID."""
        return self._rows

    def chosen(self, keys: list[int]) -> OrderedRows:
        """These rows alone, in the order of the listing."""
        return OrderedRows(self._sort_key, sorted(keys, key=self._sort_key))

    def select(self, name: str, predicate: Predicate) -> OrderedRows:
        """The rows that match. `name` must tell the predicate from every other."""
        known = self._selections.get(name)
        if known is None:
            known = OrderedRows(self._sort_key, filter(predicate, self._rows)), predicate
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

    def lose(self, key: int) -> None:
        """Take a row away for good, with whatever is under way for it."""
        self._due = deque(change for change in self._due if change[1] != key)
        self._apply(key, None)

    def advance(self, now_us: int) -> None:
        """Apply what has become due."""
        while self._due and self._due[0][0] <= now_us:
            _, key, created_us = self._due.popleft()
            self._apply(key, created_us)

    def settle(self) -> None:
        """Apply all that is under way."""
        while self._due:
            _, key, created_us = self._due.popleft()
            self._apply(key, created_us)

    def pending(self) -> int:
        """How many changes are under way."""
        return len(self._due)

    def _schedule(self, key: int, created_us: int | None, due_us: int, now_us: int) -> None:
        if due_us <= now_us and not self._due:
            self._apply(key, created_us)
            return
        # In the order of the changes, as Kafka delivers them: none overtakes one before it.
        self._due.append((due_us, key, created_us))
        self.advance(now_us)

    def _apply(self, key: int, created_us: int | None) -> None:
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
        return -created_us, self._table.raw(key)

    def _seeded_order(self) -> Iterator[int]:
        last = self._seeding.persons - 1
        while last >= 0:
            tied = self._seeding.tied(last)
            if len(tied) == 1:
                yield last
            else:
                yield from sorted(tied, key=self._table.raw)
            last = tied.start - 1
