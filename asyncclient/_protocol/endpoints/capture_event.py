"""CaptureEvent: one event for the capture route, checked before anything is sent (contract 12). Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec

from asyncclient._protocol.endpoints.properties import plain_json, property_keys, property_object
from asyncclient.errors import InvalidArgument, shown

MAX_DISTINCT_ID = 200
"""Characters. The server cuts a longer one, so the event would go to another person, or create one."""
SET = "$set"
UNSET = "$delete_person_property"


class _Addressed(msgspec.Struct, frozen=True):
    event: str
    distinct_id: str
    properties: Mapping[str, Any] = {}


class CaptureEvent(_Addressed, frozen=True, kw_only=True):
    """One event for `client.capture.batch`.

    The server does not acknowledge single events: it drops or alters unusable ones and responds with 200. So they are
    refused here.

    Arguments:
        event: name of the event.
        distinct_id: any distinct ID of the person, up to 200 characters; one without a person creates a person.
        properties: properties of the event, as JSON values by key.
        timestamp: when the event happened, with its time zone; None means when it arrives.
        uuid: UUID of the event; with it and a timestamp the server recognizes a retry as the same event.

    Raises:
        InvalidArgument: an argument cannot be used; no message shows the distinct ID or a value.
    """

    timestamp: datetime | None = None
    uuid: UUID | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.event, str) or not self.event.strip():
            raise InvalidArgument(f"event {shown(self.event)} is not a name: the server would drop the event")
        plain_json(self.event, "the name of the event")
        _check_id(self.distinct_id)
        # a copy, so that what was checked is what is sent
        msgspec.structs.force_setattr(self, "properties", property_object(self.properties, min_count=0))
        if self.timestamp is not None and (
            not isinstance(self.timestamp, datetime) or self.timestamp.utcoffset() is None
        ):
            raise InvalidArgument(f"timestamp {shown(self.timestamp)} is not a datetime with a time zone")
        if self.uuid is not None and not isinstance(self.uuid, UUID):
            raise InvalidArgument(f"uuid {shown(self.uuid)} is not a UUID")

    @classmethod
    def set(cls, distinct_id: str, properties: Mapping[str, Any]) -> Self:
        """Return an event that sets properties of a person; other properties stay as they are (contract 12).

        Arguments:
            distinct_id: any distinct ID of the person.
            properties: JSON values by key, at least one; None sets null.

        Raises:
            InvalidArgument: an argument cannot be used, or there is nothing to set.
        """
        return cls(SET, distinct_id, {"$set": property_object(properties), **_without_geoip()})

    @classmethod
    def set_once(cls, distinct_id: str, properties: Mapping[str, Any]) -> Self:
        """Return an event that sets those properties that the person does not have; a value it has stays (contract 12).

        Arguments:
            distinct_id: any distinct ID of the person.
            properties: JSON values by key, at least one; None sets null.

        Raises:
            InvalidArgument: an argument cannot be used, or there is nothing to set.
        """
        return cls(SET, distinct_id, {"$set_once": property_object(properties), **_without_geoip()})

    @classmethod
    def unset(cls, distinct_id: str, keys: str | Sequence[str]) -> Self:
        """Return an event that removes properties of a person; a missing property is not an error (contract 12).

        Arguments:
            distinct_id: any distinct ID of the person.
            keys: one property key, or a list of at least one.

        Raises:
            InvalidArgument: an argument cannot be used, or there is nothing to remove.
        """
        return cls(UNSET, distinct_id, {"$unset": list(property_keys(keys)), **_without_geoip()})

    @property
    def is_repeatable(self) -> bool:
        """Whether the event has the same effect if it arrives twice."""
        only_sets = self.event in (SET, UNSET)
        return only_sets or (self.uuid is not None and self.timestamp is not None)

    def to_wire(self) -> dict[str, Any]:
        """Return the event as the server reads it."""
        wire: dict[str, Any] = {"event": self.event, "distinct_id": self.distinct_id, "properties": self.properties}
        if self.timestamp is not None:
            wire["timestamp"] = self.timestamp
        if self.uuid is not None:
            wire["uuid"] = self.uuid
        return wire

    def __repr__(self) -> str:
        return f"<CaptureEvent {shown(self.event)}>"  # distinct ID and values must not get into logs

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("event", self.event)]


def _without_geoip() -> dict[str, bool]:
    """Return the property that stops PostHog from writing the location of the sender's IP address into the person."""
    return {"$geoip_disable": True}


def _check_id(value: object) -> None:
    if not isinstance(value, str):
        raise InvalidArgument(f"the distinct ID is a {type(value).__name__}, not a string")
    if not value.strip():
        raise InvalidArgument("the distinct ID is blank: the server would drop the event")
    if len(value) > MAX_DISTINCT_ID:
        raise InvalidArgument(
            f"the distinct ID has {len(value)} characters and the server cuts it to {MAX_DISTINCT_ID}, which names "
            "another person: use another distinct ID of the person, or the persons API"
        )
    plain_json(value, "the distinct ID")
