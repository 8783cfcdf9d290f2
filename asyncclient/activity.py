"""What was done to persons, as the server's activity log tells it: tolerant, open where the log is (contract 6.9)."""

from typing import Any

import msgspec

from asyncclient.models import Instant


class ActivityUser(msgspec.Struct, frozen=True):
    """Who did it.

    Arguments:
        first_name: "System" for the system itself.
        email: None for the system itself.
        is_system: whether it was the system.
    """

    first_name: str | None = None
    email: str | None = None
    is_system: bool | None = None


class Change(msgspec.Struct, frozen=True):
    """One thing that an activity changed.

    Arguments:
        type: of what was changed.
        action: what was done to it.
        field: of it.
        before: as the server shows it.
        after: as the server shows it.
    """

    type: str | None = None
    action: str | None = None
    field: str | None = None
    before: Any = None
    after: Any = None


class Activity(msgspec.Struct, frozen=True):
    """One entry of the activity log (contract 6.9).

    Arguments:
        activity: what was done, an open set.
        created_at: when, with its zone.
        user: who did it.
        scope: "Person" here.
        item_id: the person's number as a text, not its UUID.
        id: of the entry.
        detail: open; `changes` is its typed part.
    """

    activity: str = ""
    created_at: Instant | None = None
    user: ActivityUser | None = None
    scope: str | None = None
    item_id: str | int | None = None
    id: str | int | None = None
    detail: dict[str, Any] | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was changed, as far as `detail` tells it."""
        found = (self.detail or {}).get("changes")
        return tuple(_change(each) for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


class ActivityPage(msgspec.Struct, frozen=True):
    """One numbered page of entries.

    Arguments:
        results: entries, the newest first.
        next: the server's address of the next page, None at the end.
        previous: the server's address of the page before.
        total_count: of all entries.
    """

    results: list[Activity] = []
    next: str | None = None
    previous: str | None = None
    total_count: int | None = None


def _change(told: dict[str, Any]) -> Change:
    words = {name: told[name] for name in ("type", "action", "field") if isinstance(told.get(name), str)}
    return Change(**words, before=told.get("before"), after=told.get("after"))
