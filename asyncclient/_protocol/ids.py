"""Ids as path segments: parsed before a path exists, so that no input can change path, query or host (promise 28)."""

import re
from uuid import UUID

import msgspec

from asyncclient.errors import InvalidArgument, shown

LARGEST_NUMBER = 2**63 - 1
LONGEST_NUMBER = len(str(LARGEST_NUMBER))

_UUID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

PersonId = UUID | int | str


def person_id(value: object) -> str:
    """A person's id as a path segment: a UUID or a positive number.

    Raises:
        InvalidArgument: it is neither; a distinct id has to be resolved first.
    """
    if isinstance(value, UUID):
        text: str = msgspec.to_builtins(value)  # what str() makes of it, in a sixth of the time
        return text
    if isinstance(value, str):
        return str(number(value) or person_uuid(value))
    row = number(value)
    if row is not None:
        return str(row)
    raise InvalidArgument(f"{shown(value)} is no person id: give a UUID or a positive number")


def person_uuid(value: object) -> UUID:
    """A person's UUID.

    Raises:
        InvalidArgument: it is none.
    """
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and _UUID.fullmatch(value):  # UUID() takes more: braces, underscores, any dashes
        return UUID(value)
    raise InvalidArgument(f"{shown(value)} is no UUID: distinct ids have to be resolved to persons first")


def project_id(value: object) -> int | str:
    """A project's id: a positive number, or "@current".

    Raises:
        InvalidArgument: it is neither.
    """
    if value == "@current":
        return "@current"
    row = number(value)
    if row is not None:
        return row
    raise InvalidArgument(f"project id {shown(value)} is no positive number: it is in the project's settings and URL")


def number(value: object) -> int | None:
    """A number that a database gives to a row, or None."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_NUMBER:
        return int(value)
    return None
