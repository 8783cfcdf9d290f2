"""The activity log of persons: what was done through the API, newest first (contract 6.9).

Only the latest entries are kept, so that a million deletions take no memory. It knows persons by number
and reads no clock.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

Doer = tuple[str, str]
"""Who did something: first name and email."""


class Activity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that was done with a person.

    `number` counts from 1, `pk` is the person's number, `name` the UUID of a person that was deleted or
    split, `by` whose key it was, None for the server's first.
    """

    number: int
    pk: int
    activity: str
    at_us: int
    changes: tuple[dict[str, Any], ...]
    name: bytes | None
    by: Doer | None


class Activities:
    """The latest entries."""

    def __init__(self) -> None:
        self._entries: deque[Activity] = deque()
        self._total = 0

    def __len__(self) -> int:
        return len(self._entries)

    def log(
        self,
        pk: int,
        activity: str,
        *,
        at_us: int,
        keep: int,
        changes: tuple[dict[str, Any], ...] = (),
        name: bytes | None = None,
        by: Doer | None = None,
    ) -> None:
        """Add an entry; beyond `keep` entries the oldest go."""
        self._total += 1
        entry = Activity(number=self._total, pk=pk, activity=activity, at_us=at_us, changes=changes, name=name, by=by)
        self._entries.append(entry)
        while len(self._entries) > keep:
            self._entries.popleft()

    def newest(self, pk: int | None = None) -> Iterator[Activity]:
        """The entries of one person, or of all, newest first."""
        return (entry for entry in reversed(self._entries) if pk in (None, entry.pk))


def change(action: str, *, field: str | None = None, before: Any = None, after: Any = None) -> dict[str, Any]:
    """One change of an entry as the server spells it."""
    return {"type": "Person", "action": action, "field": field, "before": before, "after": after}
