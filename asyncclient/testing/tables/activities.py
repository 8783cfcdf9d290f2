"""The activity log of persons (contract 6.9).

Only the latest entries are kept, so that a million deletions take no memory. Persons are named by their number.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

Actor = tuple[str, str]
"""First name and email of the user who did something."""


class Activity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of the activity log.

    `number` counts entries from 1, `pk` is the person's number, `name` the UUID of a person that was deleted or split,
    and `actor` the user of the key, None for the first key's user.
    """

    number: int
    pk: int
    activity: str
    at_us: int
    changes: tuple[dict[str, Any], ...]
    name: bytes | None
    actor: Actor | None


class Activities:
    """The latest entries of the activity log."""

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
        actor: Actor | None = None,
    ) -> None:
        """Add an entry; beyond `keep` entries the oldest are dropped."""
        self._total += 1
        entry = Activity(
            number=self._total, pk=pk, activity=activity, at_us=at_us, changes=changes, name=name, actor=actor
        )
        self._entries.append(entry)
        while len(self._entries) > keep:
            self._entries.popleft()

    def newest(self, pk: int | None = None) -> Iterator[Activity]:
        """Return the entries of one person, or of all, the newest first."""
        return (entry for entry in reversed(self._entries) if pk in (None, entry.pk))


def change(action: str, *, field: str | None = None, before: Any = None, after: Any = None) -> dict[str, Any]:
    """Return one change of an entry as the server sends it."""
    return {"type": "Person", "action": action, "field": field, "before": before, "after": after}
