"""How the properties of a person changed over time (contract 6.10)."""

from datetime import datetime
from typing import Any

import msgspec


class TimelinePoint(msgspec.Struct, frozen=True):
    """The properties of a person from one time on.

    Arguments:
        timestamp: when they began to apply, with its time zone.
        properties: JSON values by key.
        relevant_event_count: number of events until the next point.
    """

    timestamp: datetime | None = None
    properties: dict[str, Any] = {}
    relevant_event_count: int = 0


class PropertiesTimeline(msgspec.Struct, frozen=True):
    """The timeline of a person's properties (contract 6.10).

    Arguments:
        points: the oldest first.
        crucial_property_keys: keys of the properties that the filters and the breakdown of the request use.
        effective_date_from: start of the period; None from older servers.
        effective_date_to: end of the period; None from older servers.
    """

    points: list[TimelinePoint] = []
    crucial_property_keys: list[str] = []
    effective_date_from: datetime | None = None
    effective_date_to: datetime | None = None
