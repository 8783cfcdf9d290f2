"""Property values that trail the persons store: what filters of the listing see until a change has got there.

Only what is under way is kept, value by value. It knows neither time nor rows.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from asyncclient.testing.tables.store import PersonStore


class _Held:
    """Old values of one person, and how many changes are on their way."""

    __slots__ = ("under_way", "values")

    def __init__(self) -> None:
        self.under_way = 0
        self.values: dict[str, Any] = {}


class LaggingView:
    """The properties of persons as they were before the changes that are under way."""

    def __init__(self, store: PersonStore) -> None:
        self._store = store
        self._held: dict[int, _Held] = {}

    def value(self, key: int, name: str) -> Any:
        """One property, MISSING where there is none of that name."""
        held = self._held.get(key) if self._held else None
        if held is not None and name in held.values:
            return held.values[name]
        return self._store.value(key, name)

    def hold(self, key: int, names: Iterable[str]) -> None:
        """Keep the values of these properties, which are about to change in the store."""
        held = self._held.setdefault(key, _Held())
        held.under_way += 1
        for name in names:
            if name not in held.values:
                held.values[name] = self._store.value(key, name)

    def release(self, key: int, changes: Mapping[str, Any]) -> None:
        """Take over a change that was held back; the last one leaves nothing behind."""
        held = self._held.get(key)
        if held is None:
            return
        held.under_way -= 1
        if held.under_way:
            held.values.update(changes)
        else:
            del self._held[key]

    def forget(self, key: int) -> None:
        """Drop whatever is held for a person."""
        self._held.pop(key, None)
