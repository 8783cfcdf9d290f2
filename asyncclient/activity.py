"""Entries of the activity log of persons (contract 6.9). Decoding is tolerant: fields may be missing, sets are open."""

from typing import Any

import msgspec

from asyncclient.models import Instant


class ActivityUser(msgspec.Struct, frozen=True):
    """The user who did something.

    Arguments:
        first_name: "System" if PostHog itself did it.
        email: None if PostHog itself did it.
        is_system: whether PostHog itself did it.
    """

    first_name: str | None = None
    email: str | None = None
    is_system: bool | None = None


class Change(msgspec.Struct, frozen=True):
    """One change of an activity.

    Arguments:
        type: kind of the changed object.
        action: what was done to it.
        field: name of the changed field.
        before: the old value as the server shows it.
        after: the new value as the server shows it.
    """

    type: str | None = None
    action: str | None = None
    field: str | None = None
    before: Any = None
    after: Any = None


class Activity(msgspec.Struct, frozen=True):
    """One entry of the activity log (contract 6.9).

    Arguments:
        activity: what was done, such as "updated" or "deleted"; the set is open.
        created_at: when it was done, with its time zone.
        user: who did it.
        scope: "Person" for entries about persons.
        item_id: the numeric person ID as text, not the UUID.
        id: ID of the entry.
        detail: further fields as the server sends them; `changes` is the typed part.
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
        """The changes listed in `detail`; empty if there are none."""
        found = (self.detail or {}).get("changes")
        return tuple(_change(each) for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


class ActivityPage(msgspec.Struct, frozen=True):
    """One numbered page of the activity log.

    Arguments:
        results: entries, the newest first.
        next: URL of the next page; None at the end.
        previous: URL of the previous page; None on the first one.
        total_count: number of all entries; None if the server does not say.
    """

    results: list[Activity] = []
    next: str | None = None
    previous: str | None = None
    total_count: int | None = None


def _change(item: dict[str, Any]) -> Change:
    texts = {name: item[name] for name in ("type", "action", "field") if isinstance(item.get(name), str)}
    return Change(**texts, before=item.get("before"), after=item.get("after"))
