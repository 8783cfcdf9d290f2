"""The persisted folders: at most one per type and user (contract 7)."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from asyncclient.testing.tables.person import as_datetime
from asyncclient.testing.tables.uuids import derive_uuid

PROTOCOL = "products://"


class TypeTaken(Exception):
    """The user has another folder of this type."""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder as it is stored; `email` names its user."""

    raw_id: bytes
    email: str
    type: str
    protocol: str
    path: str
    created_us: int
    updated_us: int


class FolderView(msgspec.Struct, frozen=True, kw_only=True):
    """A folder as a test sees it."""

    id: UUID
    email: str
    type: str
    protocol: str
    path: str
    created_at: datetime
    updated_at: datetime


class Folders:
    """The folders of all users."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._folders: dict[bytes, Folder] = {}
        self._made = 0

    def of(self, email: str) -> list[Folder]:
        """Return the folders of a user, by type."""
        return sorted((each for each in self._folders.values() if each.email == email), key=lambda each: each.type)

    def get(self, email: str, raw_id: bytes) -> Folder | None:
        """Return a folder of this user; None if it belongs to another user."""
        folder = self._folders.get(raw_id)
        return folder if folder is not None and folder.email == email else None

    def put(self, email: str, type: str, *, protocol: str, path: str) -> Folder:  # noqa: A002
        """Create the folder of a type, or overwrite the existing one, which keeps its ID."""
        for known in self.of(email):
            if known.type == type:
                return self.change(known, type=type, protocol=protocol, path=path)
        now_us = self._now_us()
        folder = Folder(
            raw_id=self._new_id(now_us),
            email=email,
            type=type,
            protocol=protocol,
            path=path,
            created_us=now_us,
            updated_us=now_us,
        )
        self._folders[folder.raw_id] = folder
        return folder

    def change(self, folder: Folder, *, type: str, protocol: str, path: str) -> Folder:  # noqa: A002
        """Change a folder.

        Raises:
            TypeTaken: another folder of the user has the type.
        """
        if any(other.type == type and other.raw_id != folder.raw_id for other in self.of(folder.email)):
            raise TypeTaken
        changed = msgspec.structs.replace(folder, type=type, protocol=protocol, path=path, updated_us=self._now_us())
        self._folders[folder.raw_id] = changed
        return changed

    def remove(self, folder: Folder) -> None:
        """Delete a folder."""
        del self._folders[folder.raw_id]

    def _new_id(self, now_us: int) -> bytes:
        """Return a UUID of version 7: the time in milliseconds, then unique bytes."""
        self._made += 1
        rest = bytearray(derive_uuid(0, f"folder:{self._made}")[6:])
        rest[0] = rest[0] & 0x0F | 0x70
        return (now_us // 1000).to_bytes(6, "big") + bytes(rest)


def view(folder: Folder) -> FolderView:
    """Return a folder as a test sees it."""
    return FolderView(
        id=UUID(bytes=folder.raw_id),
        email=folder.email,
        type=folder.type,
        protocol=folder.protocol,
        path=folder.path,
        created_at=as_datetime(folder.created_us),
        updated_at=as_datetime(folder.updated_us),
    )
