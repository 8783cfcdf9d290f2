"""PropertyProjection: limits a batch read to a few properties of each person."""

from collections.abc import Sequence
from typing import Any, TypedDict

import msgspec

from asyncclient._protocol.endpoints import property_keys
from asyncclient.models import BatchResults, Person, StoredPerson


class PropertyProjection:
    """The properties that a batch read decodes; skipping all others saves most of the time and memory.

    Arguments:
        keys: one property key, or a list of at least one.

    Raises:
        InvalidArgument: there is no key, one is given twice, or one is not a valid key.
    """

    __slots__ = ("decoder",)

    def __init__(self, keys: str | Sequence[str]) -> None:
        typed: Any = TypedDict  # msgspec skips keys that a TypedDict does not declare
        properties = typed("Properties", dict.fromkeys(property_keys(keys), Any), total=False)
        person: Any = msgspec.defstruct(
            "Person", [("properties", properties)], bases=(StoredPerson,), frozen=True, gc=False, kw_only=True
        )
        self.decoder: msgspec.json.Decoder[BatchResults[Person]] = msgspec.json.Decoder(BatchResults[person])
