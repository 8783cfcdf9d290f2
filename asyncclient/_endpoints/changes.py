"""Changes of persons: properties, splits, distinct ids (contract 6.3, 6.8, 6.11). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from asyncclient._endpoints.arguments import Format, some, text
from asyncclient._endpoints.calls import persons_call
from asyncclient._endpoints.ids import person_id
from asyncclient._endpoints.properties import EncodedProperties, property_key, property_object, property_value
from asyncclient._http import Request
from asyncclient.errors import InvalidArgument

MOST_SPLIT_IDS = 10_000


def update_person(
    person: object,
    properties: Mapping[str, Any] | EncodedProperties,
    *,
    format: Format | None = None,  # noqa: A002
) -> Request:
    """PATCH persons/:id (contract 6.3)."""
    encoded = properties if isinstance(properties, EncodedProperties) else EncodedProperties(properties)
    path = f"{person_id(person)}/"
    return persons_call("update", "PATCH", path, route=":id/", body=encoded.body, format=format, mutating=True)


def update_property(person: object, key: str, value: Any) -> Request:
    """POST persons/:id/update_property (contract 6.11). A null value is sent as null, not removed."""
    body = {"key": property_key(key), "value": property_value(value, key)}
    return _changes("update_property", "POST", person, "update_property/", body)


def delete_property(
    person: object,
    key: str,
    *,
    properties: Mapping[str, Any] | None = None,
    format: Format | None = None,  # noqa: A002
) -> Request:
    """POST persons/:id/delete_property: the server reads `$unset` from the body only (contract 6.8)."""
    body: dict[str, Any] = {"$unset": property_key(key)}
    if properties is not None:
        body["properties"] = property_object(properties, least=0)
    return _changes("delete_property", "POST", person, "delete_property/", body, format=format)


def split_person(
    person: object, *, main_distinct_id: str | None = None, distinct_ids_to_split: Sequence[str] | None = None
) -> Request:
    """POST persons/:id/split (contract 6.11, 9)."""
    if (main_distinct_id is None) == (distinct_ids_to_split is None):
        raise InvalidArgument("split takes either main_distinct_id or distinct_ids_to_split")
    body: dict[str, Any]
    if distinct_ids_to_split is None:
        body = {"main_distinct_id": text(main_distinct_id, "main_distinct_id")}
    else:
        named = some(distinct_ids_to_split, "distinct_ids_to_split", MOST_SPLIT_IDS)
        body = {"distinct_ids_to_split": [text(each, "distinct_ids_to_split") for each in named]}
    return _changes("split", "POST", person, "split/", body, once=True)


def reset_distinct_id(distinct_id: str) -> Request:
    """POST persons/reset_person_distinct_id (contract 6.11)."""
    body = msgspec.json.encode({"distinct_id": text(distinct_id, "distinct_id")})
    return persons_call("reset_distinct_id", "POST", "reset_person_distinct_id/", body=body, mutating=True)


def _changes(
    action: str,
    method: str,
    person: object,
    path: str,
    body: dict[str, Any],
    *,
    format: Format | None = None,  # noqa: A002
    once: bool = False,
) -> Request:
    return persons_call(
        action,
        method,
        f"{person_id(person)}/{path}",
        route=f":id/{path}",
        body=msgspec.json.encode(body),
        format=format,
        mutating=True,
        once=once,
    )
