"""What properties were: the latest changes of all persons, kept as the values from before.

It reads no clock and knows persons by key.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from asyncclient.testing.tables.seeding import MISSING


class Change(msgspec.Struct, frozen=True, gc=False):
    """When properties of a person changed, and what they were, MISSING where there was none of that name."""

    key: int
    at_us: int
    before: Mapping[str, Any]


class PropertyHistory:
    """The latest changes; older ones are as good as never made."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque()

    def note(self, change: Change, *, keep: int) -> None:
        """Add a change; beyond `keep` the oldest go."""
        self._changes.append(change)
        while len(self._changes) > keep:
            self._changes.popleft()

    def of(self, key: int) -> Iterator[Change]:
        """The changes of one person, newest first."""
        return (change for change in reversed(self._changes) if change.key == key)

    def properties(self, key: int, now: Mapping[str, Any], at_us: int) -> dict[str, Any]:
        """What the properties of a person were at a time, given what they are."""
        found = dict(now)
        for change in self.of(key):
            if change.at_us <= at_us:
                break
            found.update(change.before)
        return {name: value for name, value in found.items() if value is not MISSING}
