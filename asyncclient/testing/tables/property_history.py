"""PropertyHistory: the latest property changes of all persons, kept as the old values.

Persons are named by their keys.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from asyncclient.testing.tables.seeding import MISSING


class Change(msgspec.Struct, frozen=True, gc=False):
    """The time of a change of properties, and their old values; MISSING for a new property."""

    key: int
    at_us: int
    before: Mapping[str, Any]


class PropertyHistory:
    """The latest changes; older ones are forgotten."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque()

    def note(self, change: Change, *, keep: int) -> None:
        """Add a change; beyond `keep` changes the oldest are dropped."""
        self._changes.append(change)
        while len(self._changes) > keep:
            self._changes.popleft()

    def of(self, key: int) -> Iterator[Change]:
        """Yield the changes of one person, the newest first."""
        return (change for change in reversed(self._changes) if change.key == key)

    def properties(self, key: int, now: Mapping[str, Any], at_us: int) -> dict[str, Any]:
        """Return the properties of a person at a time, from its current ones."""
        found = dict(now)
        for change in self.of(key):
            if change.at_us <= at_us:
                break
            found.update(change.before)
        return {name: value for name, value in found.items() if value is not MISSING}
