"""Checks of property keys and values before anything is sent (contract 6.3, 6.8). Pure.

Values that the server would drop, round or fail to store are refused here, because it responds with 202 in any case.
Messages name the key, never a value.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec

from asyncclient.errors import InvalidArgument, shown

MAX_DEPTH = 64
MAX_EXACT_INTEGER = 2**53
"""The server stores numbers as doubles, which round larger whole numbers."""


def property_key(key: object) -> str:
    """Return a property key.

    Raises:
        InvalidArgument: it is not a string, is blank, or cannot be stored.
    """
    if not isinstance(key, str) or not key.strip():
        raise InvalidArgument(f"property key {shown(key)} is not a string of at least one visible character")
    if problem := _problem(key):
        raise InvalidArgument(f"property key {shown(key)} has {problem}, which the server cannot store")
    return str.__str__(key)


def property_keys(keys: object) -> tuple[str, ...]:
    """Return property keys, checked (contract 6.8).

    Arguments:
        keys: one key, or a list of keys; a string is one key.

    Raises:
        InvalidArgument: there is no key, one is given twice, or one is not a valid key.
    """
    if isinstance(keys, str):
        return (property_key(keys),)
    if isinstance(keys, bytes | bytearray) or not isinstance(keys, Sequence) or not keys:
        raise InvalidArgument(f"{shown(keys)} is neither a property key nor a list of at least one")
    found = tuple(property_key(key) for key in keys)
    for at, key in enumerate(found):
        if key in found[:at]:
            raise InvalidArgument(f"property key {shown(key)} is given twice")
    return found


def property_object(properties: object, *, min_count: int = 1) -> dict[str, Any]:
    """Return properties as plain JSON, checked and copied, so that later changes are not sent (contract 6.3).

    Arguments:
        properties: values by key.
        min_count: the least number of properties.

    Raises:
        InvalidArgument: they are not a mapping, too few, or one cannot be stored.
    """
    if not isinstance(properties, Mapping):
        raise InvalidArgument(f"properties must be a mapping of keys to values, not a {type(properties).__name__}")
    if len(properties) < min_count:
        raise InvalidArgument("properties is empty: give at least one property")
    return {property_key(key): property_value(value, key) for key, value in properties.items()}


class EncodedProperties:
    """Properties to set, checked and encoded once, to set the same ones on many persons.

    Arguments:
        properties: JSON values by key, at least one; None sets null.

    Raises:
        InvalidArgument: a key or a value cannot be sent or stored.
    """

    __slots__ = ("body",)

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self.body = msgspec.json.encode({"properties": property_object(properties)})

    def __repr__(self) -> str:  # values are personal data
        return "<EncodedProperties>"


def property_value(value: object, key: str) -> Any:
    """Return a value as plain JSON.

    Raises:
        InvalidArgument: JSON cannot express it, or the server cannot store it.
    """
    return _plain(value, f"the value of {shown(key)}", 1)


def plain_json(value: object, name: str) -> Any:
    """Return any argument as plain JSON: lists, objects, strings, numbers, booleans and None.

    Raises:
        InvalidArgument: as in `property_value`.
    """
    return _plain(value, name, 1)


def json_objects(values: object, name: str) -> list[Any]:
    """Return a list of JSON objects, such as filters.

    Raises:
        InvalidArgument: it is not a list, or has another item than an object.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Sequence):
        raise InvalidArgument(f"{name} must be a list of objects, not a {type(values).__name__}")
    for each in values:
        if not isinstance(each, Mapping):
            raise InvalidArgument(f"{name} must be a list of objects, and a {type(each).__name__} is in it")
    return [_plain(each, name, 1) for each in values]


def _plain(value: object, label: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise InvalidArgument(f"{label} is nested more than {MAX_DEPTH} deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if problem := _problem(value):
            raise InvalidArgument(f"{label} has {problem}, which the server cannot store")
        return str.__str__(value)
    if isinstance(value, int):
        if abs(value) > MAX_EXACT_INTEGER:
            raise InvalidArgument(f"{label} is a whole number beyond 2^53, which would be rounded: give a string")
        return int.__int__(value)
    if isinstance(value, float):
        if not isfinite(value):
            raise InvalidArgument(f"{label} is not a finite number, which JSON cannot express")
        return float.__float__(value)
    if isinstance(value, Mapping):
        return {_inner_key(key, label): _plain(each, label, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, label, depth + 1) for each in value]
    raise InvalidArgument(
        f"{label} is a {type(value).__name__}, which JSON cannot express: give a string, a number, a boolean, None, "
        "a list or a mapping"
    )


def _inner_key(key: object, label: str) -> str:
    if not isinstance(key, str) or _problem(key):
        raise InvalidArgument(f"{label} has a key that is not a string, or that the server cannot store")
    return str.__str__(key)


def _problem(text: str) -> str | None:
    if "\0" in text:
        return "a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "half of a surrogate pair"
    return None
