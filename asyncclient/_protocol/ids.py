"""IDs as path segments, parsed first, so that no input can change path, query or host (guarantee 28). Pure."""

import re
from collections.abc import Sequence
from typing import cast
from uuid import UUID

import msgspec

from asyncclient.errors import InvalidArgument, shown

MAX_ROW_ID = 2**63 - 1
MAX_ROW_ID_DIGITS = len(str(MAX_ROW_ID))

_UUID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

PersonId = UUID | int | str


def person_id(value: object) -> str:
    """Return a person ID as a path segment: a UUID or a positive number.

    Raises:
        InvalidArgument: it is neither; resolve a distinct ID to its person first.
    """
    if isinstance(value, UUID):
        text: str = msgspec.to_builtins(value)  # the same as str(value), in a sixth of the time
        return text
    if isinstance(value, str):
        return str(number(value) or person_uuid(value))
    row = number(value)
    if row is not None:
        return str(row)
    raise InvalidArgument(f"{shown(value)} is not a person ID: give a UUID or a positive number")


def person_uuid(value: object) -> UUID:
    """Return the UUID of a person.

    Raises:
        InvalidArgument: the value is not a UUID.
    """
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and _UUID.fullmatch(value):  # UUID() accepts more: braces, underscores, dashes anywhere
        return UUID(value)
    raise InvalidArgument(f"{shown(value)} is not a UUID: resolve distinct IDs to persons first")


def person_uuids(values: Sequence[object]) -> list[UUID]:
    """Return the UUIDs of persons, as `person_uuid` does for each."""
    kinds = set(map(type, values))
    return list(cast("Sequence[UUID]", values)) if kinds == {UUID} else [person_uuid(value) for value in values]


def project_id(value: object) -> int | str:
    """Return a project ID: a positive number, or "@current".

    Raises:
        InvalidArgument: it is neither.
    """
    if value == "@current":
        return "@current"
    row = number(value)
    if row is not None:
        return row
    raise InvalidArgument(f"project ID {shown(value)} is not a positive number: see the project's settings or URL")


def number(value: object) -> int | None:
    """Return a positive number as a database gives it to a row, or None."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MAX_ROW_ID_DIGITS:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ROW_ID:
        return int(value)
    return None
