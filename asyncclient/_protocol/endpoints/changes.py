"""Requests that change persons: properties, splits, distinct IDs (contract 6.3, 6.8, 6.11). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from asyncclient._protocol.endpoints.arguments import Format, bounded_list, text
from asyncclient._protocol.endpoints.calls import in_format, persons_call
from asyncclient._protocol.endpoints.properties import EncodedProperties, property_key, property_object, property_value
from asyncclient._protocol.http import Expectation, Request
from asyncclient._protocol.ids import person_id
from asyncclient._protocol.responses.expectations import (
    CHANGED,
    EmptyBody,
    Json,
    UnexpectedResponse,
    decode_body,
    json_model,
)
from asyncclient.errors import InvalidArgument
from asyncclient.models import Person

T = TypeVar("T")

MAX_SPLIT_IDS = 10_000


class Succeeded(msgspec.Struct, frozen=True):
    """The response body of a change that the server accepted or refused."""

    success: bool


def _failure(body: bytes) -> UnexpectedResponse | None:
    if decode_body(_SUCCEEDED, body).success:
        return None
    return UnexpectedResponse("the server reports that the change failed", is_failure=True)


_SUCCEEDED = msgspec.json.Decoder(Succeeded)
_SPLIT = Json(decoder=_SUCCEEDED, statuses=CHANGED, objection=_failure)
_PROPERTY_DELETED = Json(
    decoder=_SUCCEEDED, statuses=CHANGED, objection=_failure, blank=lambda: Succeeded(success=True)
)
_UPDATED = EmptyBody(or_json=json_model(Person, statuses=CHANGED))
"""The documentation has a 200 without saying that the body is empty, so a person is accepted too (contract 0)."""
_UPDATE = persons_call("update", "PATCH", "", _UPDATED, route=":id/", mutating=True)
"""All that the updates of different persons have in common; building it for each person takes longer."""


def update_person(
    person: object,
    properties: Mapping[str, Any] | EncodedProperties,
    *,
    format: Format | None = None,  # noqa: A002
) -> Request[None]:
    """Build PATCH persons/:id (contract 6.3)."""
    encoded = properties if isinstance(properties, EncodedProperties) else EncodedProperties(properties)
    request = msgspec.structs.replace(_UPDATE, path=f"persons/{person_id(person)}/", body=encoded.body)
    return request if format is None else in_format(request, format)


def update_property(person: object, key: str, value: Any) -> Request[None]:
    """Build POST persons/:id/update_property (contract 6.11). None is sent as null and removes nothing."""
    body = {"key": property_key(key), "value": property_value(value, key)}
    return _changes("update_property", "POST", person, "update_property/", body, EmptyBody())


def delete_property(
    person: object,
    key: str | tuple[str, ...],
    *,
    properties: Mapping[str, Any] | None = None,
    format: Format | None = None,  # noqa: A002
) -> Request[Succeeded]:
    """Build POST persons/:id/delete_property: the server reads `$unset` from the body only (contract 6.8).

    Arguments:
        key: one key, or checked keys that only newer servers remove in one call.
    """
    body: dict[str, Any] = {"$unset": key if isinstance(key, tuple) else property_key(key)}
    if properties is not None:
        body["properties"] = property_object(properties, min_count=0)
    return _changes("delete_property", "POST", person, "delete_property/", body, _PROPERTY_DELETED, format=format)


def split_person(
    person: object, *, main_distinct_id: str | None = None, distinct_ids_to_split: Sequence[str] | None = None
) -> Request[Succeeded]:
    """Build POST persons/:id/split (contract 6.11, 9)."""
    if (main_distinct_id is None) == (distinct_ids_to_split is None):
        raise InvalidArgument("split takes either main_distinct_id or distinct_ids_to_split")
    body: dict[str, Any]
    if distinct_ids_to_split is None:
        body = {"main_distinct_id": text(main_distinct_id, "main_distinct_id")}
    else:
        named = bounded_list(distinct_ids_to_split, "distinct_ids_to_split", MAX_SPLIT_IDS)
        body = {"distinct_ids_to_split": [text(each, "distinct_ids_to_split") for each in named]}
    return _changes("split", "POST", person, "split/", body, _SPLIT, once=True)


def reset_distinct_id(distinct_id: str) -> Request[None]:
    """Build POST persons/reset_person_distinct_id (contract 6.11)."""
    body = msgspec.json.encode({"distinct_id": text(distinct_id, "distinct_id")})
    return persons_call("reset_distinct_id", "POST", "reset_person_distinct_id/", EmptyBody(), body=body, mutating=True)


def _changes(
    action: str,
    method: str,
    person: object,
    path: str,
    body: dict[str, Any],
    expects: Expectation[T],
    *,
    format: Format | None = None,  # noqa: A002
    once: bool = False,
) -> Request[T]:
    return persons_call(
        action,
        method,
        f"{person_id(person)}/{path}",
        expects,
        route=f":id/{path}",
        body=msgspec.json.encode(body),
        format=format,
        mutating=True,
        once=once,
    )
