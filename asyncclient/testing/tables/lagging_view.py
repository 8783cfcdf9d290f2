"""LaggingView: property values as the filters of the listing see them, which lag behind the persons store.

Only the old values of pending changes are kept.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from asyncclient.testing.tables.store import PersonStore


class _Held:
    """Old property values of one person, and the number of pending changes."""

    __slots__ = ("under_way", "values")

    def __init__(self) -> None:
        self.under_way = 0
        self.values: dict[str, Any] = {}


class LaggingView:
    """The properties of persons without the pending changes."""

    def __init__(self, store: PersonStore) -> None:
        self._store = store
        self._held: dict[int, _Held] = {}

    def value(self, key: int, name: str) -> Any:
        """Return one property; MISSING if the person does not have it."""
        held = self._held.get(key) if self._held else None
        if held is not None and name in held.values:
            return held.values[name]
        return self._store.value(key, name)

    def hold(self, key: int, names: Iterable[str]) -> None:
        """Keep the current values of these properties, which are about to change in the store."""
        held = self._held.setdefault(key, _Held())
        held.under_way += 1
        for name in names:
            if name not in held.values:
                held.values[name] = self._store.value(key, name)

    def release(self, key: int, changes: Mapping[str, Any]) -> None:
        """Apply a pending change; after the last one the person has no entry any more."""
        held = self._held.get(key)
        if held is None:
            return
        held.under_way -= 1
        if held.under_way:
            held.values.update(changes)
        else:
            del self._held[key]

    def forget(self, key: int) -> None:
        """Drop all kept values of a person."""
        self._held.pop(key, None)
