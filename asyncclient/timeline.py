"""How a person's properties changed over time (contract 6.10)."""

from datetime import datetime
from typing import Any

import msgspec


class TimelinePoint(msgspec.Struct, frozen=True):
    """A time from which on the properties were these."""

    timestamp: datetime | None = None
    properties: dict[str, Any] = {}
    relevant_event_count: int = 0


class PropertiesTimeline(msgspec.Struct, frozen=True):
    """The points, and which keys the question hung on. Older servers tell no dates."""

    points: list[TimelinePoint] = []
    crucial_property_keys: list[str] = []
    effective_date_from: datetime | None = None
    effective_date_to: datetime | None = None
