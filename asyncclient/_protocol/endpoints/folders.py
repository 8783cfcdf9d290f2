"""Requests for the persisted folders of the key's user (contract 7). Pure."""

from typing import Literal, TypeVar, get_args
from uuid import UUID

import msgspec

from asyncclient._protocol.endpoints.arguments import offset_query
from asyncclient._protocol.endpoints.properties import plain_json
from asyncclient._protocol.http import Expectation, Request
from asyncclient._protocol.ids import person_uuid
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import EmptyBody, json_model
from asyncclient.errors import InvalidArgument, shown
from asyncclient.models import Page, PersistedFolder

FolderType = Literal["home", "pinned", "custom_products"]
"""The types of persisted folders (contract 7)."""

TYPES: tuple[FolderType, ...] = get_args(FolderType)
MAX_PROTOCOL = 64

T = TypeVar("T")

_FOLDER = json_model(PersistedFolder)
_FOLDERS = json_model(Page[PersistedFolder])
_UPSERTED = json_model(PersistedFolder, statuses=frozenset({200, 201}))


def list_folders(*, limit: int, offset: int) -> Request[Page[PersistedFolder]]:
    """Build GET persisted_folder."""
    return _folder("GET", _FOLDERS, query=offset_query(limit, offset))


def create_folder(type: object, *, path: object, protocol: object) -> Request[PersistedFolder]:  # noqa: A002
    """Build POST persisted_folder: the server overwrites the folder of that type and resets omitted fields."""
    return _folder("POST", _UPSERTED, body=_body({"type": type, "path": path, "protocol": protocol}))


def get_folder(folder: object) -> Request[PersistedFolder]:
    """Build GET persisted_folder/:id."""
    return _folder("GET", _FOLDER, folder_id(folder))


def update_folder(
    folder: object,
    *,
    type: object,  # noqa: A002
    path: object,
    protocol: object,
) -> Request[PersistedFolder]:
    """Build PATCH persisted_folder/:id: fields that are None stay as they are."""
    given = {"type": type, "path": path, "protocol": protocol}
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        raise InvalidArgument("nothing to change: give type, path or protocol")
    return _folder("PATCH", _FOLDER, folder_id(folder), body=_body(given))


def delete_folder(folder: object) -> Request[None]:
    """Build DELETE persisted_folder/:id (contract 0)."""
    return _folder("DELETE", EmptyBody(), folder_id(folder))


def folder_id(value: object) -> UUID:
    """Return the UUID of a folder.

    Raises:
        InvalidArgument: it is not a UUID.
    """
    try:
        return person_uuid(value)  # UUIDs of folders have the same form
    except InvalidArgument:
        raise InvalidArgument(f"{shown(value)} is not the UUID of a folder") from None


def _body(given: dict[str, object]) -> bytes:
    for name, value in given.items():
        if not isinstance(value, str):
            raise InvalidArgument(f"{name} {shown(value)} is not a string")
        plain_json(value, name)
    if "type" in given and given["type"] not in TYPES:
        raise InvalidArgument(f"type {shown(given['type'])} is not one of {', '.join(TYPES)}")
    protocol = given.get("protocol", "")
    if isinstance(protocol, str) and len(protocol) > MAX_PROTOCOL:
        raise InvalidArgument(f"protocol has {len(protocol)} characters and the server accepts at most {MAX_PROTOCOL}")
    return msgspec.json.encode(given)


def _folder(
    method: str,
    expects: Expectation[T],
    folder: UUID | None = None,
    *,
    query: tuple[tuple[str, str], ...] = (),
    body: bytes | None = None,
) -> Request[T]:
    return Request(
        action="persisted_folder",
        method=method,
        path="persisted_folder/" if folder is None else f"persisted_folder/{folder}/",
        route=f"{method} persisted_folder/" if folder is None else f"{method} persisted_folder/:id/",
        bucket=Bucket.DEFAULT,
        expects=expects,
        query=query,
        body=body,
        mutating=method != "GET",
    )
