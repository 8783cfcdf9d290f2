"""The persisted folders of the key's user: where the product's file tree opens (contract 7)."""

from uuid import UUID

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import FolderType
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.models import Page, PersistedFolder


class PersistedFolders:
    """`client.persisted_folders`. A user has at most one a type; those of another user are NotFound."""

    def __init__(self, core: RequestPipeline) -> None:
        self._core = core

    async def list(self, *, limit: int = 100, offset: int = 0) -> Page[PersistedFolder]:
        """One page of folders, by type; needs the scope persisted_folder:read (contract 7).

        Arguments:
            limit: rows, 1 to 10,000.
            offset: rows to skip.

        Raises:
            InvalidArgument: before anything is sent.
            PostHogError: no or no good answer.
        """
        return await self._core.call(endpoints.list_folders(limit=limit, offset=offset))

    async def create(
        self,
        type: FolderType,  # noqa: A002
        path: str = "",
        *,
        protocol: str = "products://",
    ) -> PersistedFolder:
        """Make the folder of a type, or overwrite the one there is (contract 7).

        Needs the scope persisted_folder:write. The server upserts by type: a folder of that type keeps its id, and
        gets the default path and protocol where they are left out here. Change one with `update` to keep the rest.

        Arguments:
            type: home, pinned or custom_products.
            path: may be empty.
            protocol: up to 64 characters.

        Raises:
            InvalidArgument: before anything is sent.
            PostHogError: no or no good answer.
        """
        return await self._core.call(endpoints.create_folder(type, path=path, protocol=protocol))

    async def get(self, id: UUID | str) -> PersistedFolder:  # noqa: A002
        """One folder; needs the scope persisted_folder:read (contract 7).

        Arguments:
            id: its UUID.

        Raises:
            InvalidArgument: before anything is sent.
            NotFound: there is none, or it is another user's.
        """
        return await self._core.call(endpoints.get_folder(id))

    async def update(
        self,
        id: UUID | str,  # noqa: A002
        *,
        type: FolderType | None = None,  # noqa: A002
        path: str | None = None,
        protocol: str | None = None,
    ) -> PersistedFolder:
        """Change what is given and nothing else; needs the scope persisted_folder:write (contract 7).

        Arguments:
            id: its UUID.
            type: home, pinned or custom_products; one that another folder has is likely a ServerError.
            path: may be empty.
            protocol: up to 64 characters.

        Raises:
            InvalidArgument: before anything is sent; also when nothing is given.
            NotFound: there is none, or it is another user's.
        """
        return await self._core.call(endpoints.update_folder(id, type=type, path=path, protocol=protocol))

    async def delete(self, id: UUID | str) -> None:  # noqa: A002
        """Delete one folder; needs the scope persisted_folder:write (contract 0, 7).

        Arguments:
            id: its UUID.

        Raises:
            InvalidArgument: before anything is sent.
            NotFound: there is none, or it is another user's.
        """
        await self._core.call(endpoints.delete_folder(id))
