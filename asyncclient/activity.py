"""What was done to persons, as the server's activity log tells it: tolerant, open where the log is (contract 6.9)."""

from typing import Any

import msgspec

from asyncclient.models import Instant


class ActivityUser(msgspec.Struct, frozen=True):
    """Who did it. The system itself has `is_system` and no email."""

    first_name: str | None = None
    email: str | None = None
    is_system: bool | None = None


class Change(msgspec.Struct, frozen=True):
    """One thing that an activity changed. `before` and `after` are as the server shows them."""

    type: str | None = None
    action: str | None = None
    field: str | None = None
    before: Any = None
    after: Any = None


class Activity(msgspec.Struct, frozen=True):
    """One entry. `item_id` is the person's number as a text, not its UUID; `detail` is open, `changes` typed."""

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
    """One numbered page of entries, the newest first."""

    results: list[Activity] = []
    next: str | None = None
    previous: str | None = None
    total_count: int | None = None


def _change(told: dict[str, Any]) -> Change:
    words = {name: told[name] for name in ("type", "action", "field") if isinstance(told.get(name), str)}
    return Change(**words, before=told.get("before"), after=told.get("after"))
