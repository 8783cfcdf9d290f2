"""How a person's properties changed over time (contract 6.10)."""

from datetime import datetime
from typing import Any

import msgspec


class TimelinePoint(msgspec.Struct, frozen=True):
    """A time from which on the properties were these.

    Arguments:
        timestamp: with its zone.
        properties: JSON values by key.
        relevant_event_count: events in between.
    """

    timestamp: datetime | None = None
    properties: dict[str, Any] = {}
    relevant_event_count: int = 0


class PropertiesTimeline(msgspec.Struct, frozen=True):
    """How a person's properties changed (contract 6.10).

    Arguments:
        points: the oldest first.
        crucial_property_keys: the properties that the question hung on.
        effective_date_from: the first instant looked at; None from older servers.
        effective_date_to: the last instant looked at; None from older servers.
    """

    points: list[TimelinePoint] = []
    crucial_property_keys: list[str] = []
    effective_date_from: datetime | None = None
    effective_date_to: datetime | None = None
