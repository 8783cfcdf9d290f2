"""PropertyProjection: which of persons' properties a read decodes, where a few of many matter."""

from collections.abc import Sequence
from typing import Any, TypedDict

import msgspec

from asyncclient._protocol.endpoints import property_keys
from asyncclient.models import BatchResults, Person, ResultsByUuid, StoredPerson


class PropertyProjection:
    """The properties that a read is to decode; persons hold no others then, which saves most of the time and memory.

    Arguments:
        keys: one, or a list.

    Raises:
        InvalidArgument: there is none, one is given twice, or one cannot be a key.
    """

    __slots__ = ("by_distinct_id", "by_uuid")

    def __init__(self, keys: str | Sequence[str]) -> None:
        typed: Any = TypedDict  # of a dictionary with declared keys the others are skipped unread
        properties = typed("Properties", dict.fromkeys(property_keys(keys), Any), total=False)
        person: Any = msgspec.defstruct(
            "Person", [("properties", properties)], bases=(StoredPerson,), frozen=True, gc=False, kw_only=True
        )
        self.by_distinct_id: msgspec.json.Decoder[BatchResults[Person]] = msgspec.json.Decoder(BatchResults[person])
        self.by_uuid: msgspec.json.Decoder[ResultsByUuid[Person]] = msgspec.json.Decoder(ResultsByUuid[person])
