"""Which keys and values a person's properties can have, and whether a person has them as asked. Pure.

Checked before anything is planned: what the server rounds, drops or cannot store would never be read back as asked.
What a key or a value can be at all is the client's to say; how many a job takes is said here.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from asyncclient import InvalidArgument, property_keys, property_object
from bulk.errors import InputError

LONGEST_KEY = 400
MOST_KEYS = 100
LARGEST_BYTES = 512 * 1024
"""Of all values together, as JSON: what a person's properties may take up (contract 12 bounds whole requests)."""


def checked_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Values that a person can hold, as plain JSON; a copy.

    Raises:
        InputError: there is none, or the server cannot hold one; the sentence names the key, never the value.
    """
    with _as_input_error():
        plain = property_object(properties)
    _check_bounds(tuple(plain))
    size = len(msgspec.json.encode(plain))
    if size > LARGEST_BYTES:
        raise InputError(f"the properties to set take {size:,} bytes, a person can have {LARGEST_BYTES:,}: set fewer")
    return plain


def checked_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Keys of properties.

    Raises:
        InputError: there is none, one is named twice, or cannot be a key.
    """
    if isinstance(keys, str) or not isinstance(keys, Sequence):
        raise InputError("the keys are no list of texts")
    if not keys:
        raise InputError("no property is named: name at least one key")
    _check_bounds(keys)
    with _as_input_error():
        return property_keys(keys)


def _check_bounds(keys: Sequence[str]) -> None:
    if len(keys) > MOST_KEYS:
        raise InputError(f"{len(keys)} properties are named: one job takes up to {MOST_KEYS}")
    longest = max((len(key) for key in keys if isinstance(key, str)), default=0)
    if longest > LONGEST_KEY:
        raise InputError(f"a key of {longest} characters is too long: {LONGEST_KEY} at most")


@contextmanager
def _as_input_error() -> Iterator[None]:
    try:
        yield
    except InvalidArgument as problem:
        raise InputError(str(problem)) from None


class DesiredProperties(msgspec.Struct, frozen=True, kw_only=True):
    """What a person's properties are to be after a job.

    Arguments:
        values: keys that are to have these values.
        absent: keys that are to be gone.
    """

    values: dict[str, Any] = {}
    absent: tuple[str, ...] = ()

    def open_keys(self, properties: Mapping[str, Any]) -> tuple[str, ...]:
        """The keys that are not as asked yet. A null-valued property is there."""
        different = [
            key for key, value in self.values.items() if key not in properties or not equal(properties[key], value)
        ]
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
