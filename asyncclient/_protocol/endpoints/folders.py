"""The persisted folders of the key's user (contract 7). Pure."""

from typing import Literal, TypeVar, get_args
from uuid import UUID

import msgspec

from asyncclient._protocol.endpoints.arguments import page_of_rows
from asyncclient._protocol.endpoints.properties import plain_json
from asyncclient._protocol.http import Expectation, Request
from asyncclient._protocol.ids import person_uuid
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import Empty, json_of
from asyncclient.errors import InvalidArgument, shown
from asyncclient.models import Page, PersistedFolder

FolderType = Literal["home", "pinned", "custom_products"]
"""Where the product's file tree opens, by the page that it is for (contract 7)."""

TYPES: tuple[FolderType, ...] = get_args(FolderType)
LONGEST_PROTOCOL = 64

T = TypeVar("T")

_FOLDER = json_of(PersistedFolder)
_FOLDERS = json_of(Page[PersistedFolder])
_UPSERTED = json_of(PersistedFolder, statuses=frozenset({200, 201}))


def list_folders(*, limit: int, offset: int) -> Request[Page[PersistedFolder]]:
    """GET persisted_folder."""
    return _folder("GET", _FOLDERS, query=page_of_rows(limit, offset))


def create_folder(type: object, *, path: object, protocol: object) -> Request[PersistedFolder]:  # noqa: A002
    """POST persisted_folder: upserts by type, and resets what is left out, so all is sent."""
    return _folder("POST", _UPSERTED, body=_body({"type": type, "path": path, "protocol": protocol}))


def get_folder(folder: object) -> Request[PersistedFolder]:
    """GET persisted_folder/:id."""
    return _folder("GET", _FOLDER, folder_id(folder))


def update_folder(
    folder: object,
    *,
    type: object,  # noqa: A002
    path: object,
    protocol: object,
) -> Request[PersistedFolder]:
    """PATCH persisted_folder/:id: what is None stays as it is."""
    given = {"type": type, "path": path, "protocol": protocol}
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        raise InvalidArgument("nothing to change: give type, path or protocol")
    return _folder("PATCH", _FOLDER, folder_id(folder), body=_body(given))


def delete_folder(folder: object) -> Request[None]:
    """DELETE persisted_folder/:id (contract 0)."""
    return _folder("DELETE", Empty(), folder_id(folder))


def folder_id(value: object) -> UUID:
    """A folder's UUID as a path segment.

    Raises:
        InvalidArgument: it is none.
    """
    try:
        return person_uuid(value)  # the same form
    except InvalidArgument:
        raise InvalidArgument(f"{shown(value)} is no UUID: that is what names a folder") from None


def _body(given: dict[str, object]) -> bytes:
    for name, value in given.items():
        if not isinstance(value, str):
            raise InvalidArgument(f"{name} {shown(value)} is not a text")
        plain_json(value, name)
    if "type" in given and given["type"] not in TYPES:
        raise InvalidArgument(f"type {shown(given['type'])} is none of {', '.join(TYPES)}")
    protocol = given.get("protocol", "")
    if isinstance(protocol, str) and len(protocol) > LONGEST_PROTOCOL:
        raise InvalidArgument(f"protocol has {len(protocol)} characters and the server takes {LONGEST_PROTOCOL}")
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
