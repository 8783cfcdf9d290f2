"""CaptureEvent: one event for the capture route, checked before anything is sent (contract 12). Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec

from asyncclient._protocol.endpoints.properties import plain_json, property_keys, property_object
from asyncclient.errors import InvalidArgument, shown

LONGEST_DISTINCT_ID = 200
"""Characters. The server cuts a longer one here: the event would go to another person, or make one."""
SET = "$set"
UNSET = "$delete_person_property"


class _Addressed(msgspec.Struct, frozen=True):
    event: str
    distinct_id: str
    properties: Mapping[str, Any] = {}


class CaptureEvent(_Addressed, frozen=True, kw_only=True):
    """One event for `client.capture.batch`.

    The server acknowledges no event singly, and drops or alters unusable ones with a 200: they are refused here.

    Arguments:
        event: its name.
        distinct_id: any one of the person's, up to 200 characters; one that has no person makes one.
        properties: of the event; JSON values.
        timestamp: when it happened, with its zone; without it, when it arrives.
        uuid: of the event; with it and a timestamp the server tells a repetition from a second event.

    Raises:
        InvalidArgument: a part cannot be used; no message shows the distinct id or a value.
    """

    timestamp: datetime | None = None
    uuid: UUID | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.event, str) or not self.event.strip():
            raise InvalidArgument(f"event {shown(self.event)} is not a name: the server would drop the event")
        plain_json(self.event, "the name of the event")
        _check_id(self.distinct_id)
        # a copy, so that what was checked is what is sent
        msgspec.structs.force_setattr(self, "properties", property_object(self.properties, least=0))
        if self.timestamp is not None and (
            not isinstance(self.timestamp, datetime) or self.timestamp.utcoffset() is None
        ):
            raise InvalidArgument(f"timestamp {shown(self.timestamp)} is not a datetime with a zone")
        if self.uuid is not None and not isinstance(self.uuid, UUID):
            raise InvalidArgument(f"uuid {shown(self.uuid)} is no UUID")

    @classmethod
    def set(cls, distinct_id: str, properties: Mapping[str, Any]) -> Self:
        """Set properties of a person; keys that are not named stay as they are (contract 12).

        Arguments:
            distinct_id: any one of the person's.
            properties: values by key; null is a value.

        Raises:
            InvalidArgument: as for any event, or there is nothing to set.
        """
        return cls(SET, distinct_id, {"$set": property_object(properties), **_without_place()})

    @classmethod
    def unset(cls, distinct_id: str, keys: str | Sequence[str]) -> Self:
        """Remove properties from a person; a key that is not there is no error (contract 12).

        Arguments:
            distinct_id: any one of the person's.
            keys: of the properties; one, or a list.

        Raises:
            InvalidArgument: as for any event, or there is nothing to remove.
        """
        return cls(UNSET, distinct_id, {"$unset": list(property_keys(keys)), **_without_place()})

    @property
    def is_repeatable(self) -> bool:
        """Whether the person is the same after it arrived twice as after once."""
        only_sets = self.event in (SET, UNSET)
        return only_sets or (self.uuid is not None and self.timestamp is not None)

    def to_wire(self) -> dict[str, Any]:
        """The object that the server reads."""
        wire: dict[str, Any] = {"event": self.event, "distinct_id": self.distinct_id, "properties": self.properties}
        if self.timestamp is not None:
            wire["timestamp"] = self.timestamp
        if self.uuid is not None:
            wire["uuid"] = self.uuid
        return wire

    def __repr__(self) -> str:
        return f"<CaptureEvent {shown(self.event)}>"  # who, and what of them, is in no log

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("event", self.event)]


def _without_place() -> dict[str, bool]:
    """PostHog would otherwise look up the sender's address, and write that place into the person."""
    return {"$geoip_disable": True}


def _check_id(value: object) -> None:
    if not isinstance(value, str):
        raise InvalidArgument(f"the distinct id is a {type(value).__name__}, not a text")
    if not value.strip():
        raise InvalidArgument("the distinct id is blank: the server would drop the event")
    if len(value) > LONGEST_DISTINCT_ID:
        raise InvalidArgument(
            f"the distinct id has {len(value)} characters and the server cuts it to {LONGEST_DISTINCT_ID}, which is "
            "somebody else: use another one of the person's, or the persons API"
        )
    plain_json(value, "the distinct id")
