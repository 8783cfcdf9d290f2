"""Keys and values of persons' properties, checked before anything is sent (contract 6.3, 6.8). Pure.

What the server would drop, round or fail to store is refused here: it answers 202 all the same. Sentences name the
key, never a value.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec

from asyncclient.errors import InvalidArgument, shown

DEEPEST = 64
LARGEST_EXACT = 2**53
"""Whole numbers beyond are rounded on their way, where numbers are doubles."""


def property_key(key: object) -> str:
    """A property's name.

    Raises:
        InvalidArgument: it is no text, blank, or cannot be stored.
    """
    if not isinstance(key, str) or not key.strip():
        raise InvalidArgument(f"property key {shown(key)} is not a text of at least one visible character")
    if problem := _problem(key):
        raise InvalidArgument(f"property key {shown(key)} has {problem}, which the server cannot store")
    return str.__str__(key)


def property_keys(keys: object) -> tuple[str, ...]:
    """Names of properties, checked (contract 6.8).

    Arguments:
        keys: one name, or a list of them; a text is one name and never taken letter by letter.

    Raises:
        InvalidArgument: there is none, one is given twice, or one cannot be a key.
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


def property_object(properties: object, *, least: int = 1) -> dict[str, Any]:
    """Properties as plain JSON, checked; a copy, so that what was checked is what is sent (contract 6.3).

    Arguments:
        properties: values by key.
        least: how many there have to be.

    Raises:
        InvalidArgument: they are no mapping, too few, or one cannot be stored.
    """
    if not isinstance(properties, Mapping):
        raise InvalidArgument(f"properties takes a mapping of keys and values, not a {type(properties).__name__}")
    if len(properties) < least:
        raise InvalidArgument("properties is empty: name at least one property")
    return {property_key(key): property_value(value, key) for key, value in properties.items()}


class EncodedProperties:
    """Properties to set, checked and encoded once, for setting the same ones of many persons.

    Arguments:
        properties: JSON values by key, at least one; None sets null.

    Raises:
        InvalidArgument: a key or value that JSON or the server cannot hold.
    """

    __slots__ = ("body",)

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self.body = msgspec.json.encode({"properties": property_object(properties)})

    def __repr__(self) -> str:  # the values speak of persons
        return "<EncodedProperties>"


def property_value(value: object, key: str) -> Any:
    """A value as plain JSON.

    Raises:
        InvalidArgument: JSON has no word for it, or the server cannot store it.
    """
    return _plain(value, f"the value of {shown(key)}", 1)


def plain_json(value: object, name: str) -> Any:
    """Any argument that is sent as JSON, made of plain lists, objects, texts, numbers, booleans and None.

    Raises:
        InvalidArgument: as `property_value`.
    """
    return _plain(value, name, 1)


def json_objects(values: object, name: str) -> list[Any]:
    """A list of JSON objects, such as filters.

    Raises:
        InvalidArgument: it is no list, or something else is in it.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Sequence):
        raise InvalidArgument(f"{name} takes a list of objects, not a {type(values).__name__}")
    for each in values:
        if not isinstance(each, Mapping):
            raise InvalidArgument(f"{name} takes a list of objects, and there is a {type(each).__name__} in it")
    return [_plain(each, name, 1) for each in values]


def _plain(value: object, called: str, depth: int) -> Any:
    if depth > DEEPEST:
        raise InvalidArgument(f"{called} is nested more than {DEEPEST} deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if problem := _problem(value):
            raise InvalidArgument(f"{called} has {problem}, which the server cannot store")
        return str.__str__(value)
    if isinstance(value, int):
        if abs(value) > LARGEST_EXACT:
            raise InvalidArgument(f"{called} is a whole number beyond 2^53, which would be rounded: give a text")
        return int.__int__(value)
    if isinstance(value, float):
        if not isfinite(value):
            raise InvalidArgument(f"{called} is not a finite number, which JSON has no word for")
        return float.__float__(value)
    if isinstance(value, Mapping):
        return {_inner_key(key, called): _plain(each, called, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, called, depth + 1) for each in value]
    raise InvalidArgument(
        f"{called} is a {type(value).__name__}, which JSON has no word for: give a text, a number, a boolean, None, "
        "a list or a mapping"
    )


def _inner_key(key: object, called: str) -> str:
    if not isinstance(key, str) or _problem(key):
        raise InvalidArgument(f"{called} has a key in it that is no text, or that the server cannot store")
    return str.__str__(key)


def _problem(text: str) -> str | None:
    if "\0" in text:
        return "a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "half of a surrogate pair"
    return None
