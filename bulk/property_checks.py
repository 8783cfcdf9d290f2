"""Checks the keys and values that a job may set, and compares a person's properties with them. Pure.

The check comes before planning, because a value that the server rounds, drops or cannot store would never be read back
as set. The client defines valid keys and values; the limits per job are here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from asyncclient import InvalidArgument, property_keys, property_object
from bulk.errors import InputError

MAX_KEY_LENGTH = 400
MAX_KEYS = 100
MAX_VALUES_BYTES = 512 * 1024
"""Maximum size of all properties of a person, as JSON; contract 12 has the limit of a whole request."""


def checked_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of properties as plain JSON, after a check that the server can store them.

    Raises:
        InputError: there is no property, or the server cannot store one; the message names the key, never the value.
    """
    with _as_input_error():
        plain = property_object(properties)
    _check_bounds(tuple(plain))
    size = len(msgspec.json.encode(plain))
    if size > MAX_VALUES_BYTES:
        raise InputError(
            f"the properties to set take {size:,} bytes, but a person can have {MAX_VALUES_BYTES:,}: set fewer"
        )
    return plain


def checked_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Return property keys after a check that the server can have them.

    Raises:
        InputError: there is no key, a key is given twice, or a key is not valid.
    """
    if isinstance(keys, str) or not isinstance(keys, Sequence):
        raise InputError("the keys must be a list of strings")
    if not keys:
        raise InputError("no property is named: give at least one key")
    _check_bounds(keys)
    with _as_input_error():
        return property_keys(keys)


def _check_bounds(keys: Sequence[str]) -> None:
    if len(keys) > MAX_KEYS:
        raise InputError(f"{len(keys):,} properties are named: one job takes up to {MAX_KEYS}")
    longest = max((len(key) for key in keys if isinstance(key, str)), default=0)
    if longest > MAX_KEY_LENGTH:
        raise InputError(f"a property key has {longest:,} characters: use at most {MAX_KEY_LENGTH}")


@contextmanager
def _as_input_error() -> Iterator[None]:
    try:
        yield
    except InvalidArgument as problem:
        raise InputError(str(problem)) from None


class DesiredProperties(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The properties that a person has after a job.

    Arguments:
        values: keys with the value that they have.
        absent: keys that the person does not have.
        once: keys that the person has, with the value that they get if it has none yet.
    """

    values: dict[str, Any] = {}
    absent: tuple[str, ...] = ()
    once: dict[str, Any] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys."""
        return (*self.values, *self.absent, *self.once)

    def unmet_keys(self, properties: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the keys that a person still has to get or lose; a property whose value is null exists.

        Arguments:
            properties: of the person.
        """
        different = [
            key for key, value in self.values.items() if key not in properties or not equal(properties[key], value)
        ]
        if self.absent:
            different += [key for key in self.absent if key in properties]
        if self.once:
            different += [key for key in self.once if key not in properties]
        return tuple(different)

    def needed(self, unmet: Collection[str]) -> "DesiredProperties":
        """Return the parts of which something is unmet: all values if one differs, all removals if one is left.

        Arguments:
            unmet: keys that the person still has to get or lose.
        """
        return DesiredProperties(
            values=self.values if any(key in unmet for key in self.values) else {},
            absent=self.absent if any(key in unmet for key in self.absent) else (),
            once=self.once,
        )

    def __repr__(self) -> str:  # the values are personal data
        return f"DesiredProperties(keys={self.keys!r})"


def equal(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal; 1 equals 1.0, but not true."""
    if isinstance(one, str) and isinstance(other, str):  # most values are
        return one == other
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
