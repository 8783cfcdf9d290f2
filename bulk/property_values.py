"""Which keys and values a person's properties can have, and whether a person has them as asked. Pure.

Checked before anything is planned: what the server rounds, drops or cannot store would never be read back as asked.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec

from bulk.errors import InputError

LONGEST_KEY = 400
MOST_KEYS = 100
LARGEST_EXACT = 2**53
"""Whole numbers beyond are rounded on their way, where numbers are doubles."""
DEEPEST = 32
LARGEST_BYTES = 512 * 1024
"""Of all values together, as JSON: what a person's properties may take up (contract 12 bounds whole requests)."""


def check_properties(properties: Mapping[str, Any]) -> None:
    """Pass values that a person can hold.

    Raises:
        InputError: there is none, or the server cannot hold one; the sentence names the key, never the value.
    """
    if not isinstance(properties, Mapping):
        raise InputError("the properties to set are no object of keys and values")
    check_keys(tuple(properties))
    for key, value in properties.items():
        _check_value(key, value, 1)
    size = len(msgspec.json.encode(properties))
    if size > LARGEST_BYTES:
        raise InputError(f"the properties to set take {size:,} bytes, a person can have {LARGEST_BYTES:,}: set fewer")


def check_keys(keys: Sequence[str]) -> None:
    """Pass keys of properties.

    Raises:
        InputError: there is none, one is named twice, or cannot be a key.
    """
    if isinstance(keys, str) or not isinstance(keys, Sequence):
        raise InputError("the keys are no list of texts")
    if not keys:
        raise InputError("no property is named: name at least one key")
    if len(keys) > MOST_KEYS:
        raise InputError(f"{len(keys)} properties are named: one job takes up to {MOST_KEYS}")
    for key in keys:
        if not isinstance(key, str) or not key.strip():
            raise InputError("a key is blank: a property's key has at least one character")
        if problem := _text_problem(key):
            raise InputError(f"the key {key!a} has {problem}, which the server cannot store")
        if len(key) > LONGEST_KEY:
            raise InputError(f"a key of {len(key)} characters is too long: {LONGEST_KEY} at most")
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(f"the key {key!a} is named twice")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a person's properties are to be after a job.

    Arguments:
        values: keys that are to have these values.
        absent: keys that are to be gone.
    """

    values: dict[str, Any] = {}
    absent: tuple[str, ...] = ()

    def open_keys(self, properties: Mapping[str, Any]) -> tuple[str, ...]:
        """The keys that are not as asked yet. A null-valued property is there."""
        different = (
            key for key, value in self.values.items() if key not in properties or not equal(properties[key], value)
        )
        return (*different, *(key for key in self.absent if key in properties))

    def __repr__(self) -> str:  # the values speak of persons
        return f"Wanted(keys={(*self.values, *self.absent)!r})"


def equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def _check_value(key: str, value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise InputError(f"the value of {key!a} is nested more than {DEEPEST} deep")
    match value:
        case None | bool():
            pass
        case str():
            if problem := _text_problem(value):
                raise InputError(f"the value of {key!a} has {problem}, which the server cannot store")
        case int():
            if abs(value) > LARGEST_EXACT:
                raise InputError(f"the value of {key!a} is a whole number beyond 2^53, which is rounded: give a text")
        case float():
            if not isfinite(value):
                raise InputError(f"the value of {key!a} is not a finite number, which JSON cannot hold")
        case list() | tuple():
            for each in value:
                _check_value(key, each, depth + 1)
        case dict():
            for inner, each in value.items():
                if not isinstance(inner, str) or _text_problem(inner):
                    raise InputError(f"the value of {key!a} has a key in it that the server cannot store")
                _check_value(key, each, depth + 1)
        case _:
            raise InputError(f"the value of {key!a} is a {type(value).__name__}, which JSON does not have")


def _text_problem(text: str) -> str | None:
    if "\0" in text:
        return "a NUL character"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "half of a surrogate pair"
    return None
