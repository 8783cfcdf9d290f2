"""PersistedFolders: the folders that the key's user keeps in PostHog's file tree (contract 7)."""

from uuid import UUID

from asyncclient._protocol import endpoints
from asyncclient._protocol.endpoints import FolderType
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.models import Page, PersistedFolder


class PersistedFolders:
    """`client.persisted_folders`: at most one folder per type and user; folders of other users are not found."""

    def __init__(self, pipeline: RequestPipeline) -> None:
        self._pipeline = pipeline

    async def list(self, *, limit: int = 100, offset: int = 0) -> Page[PersistedFolder]:
        """Return one page of folders, ordered by type; needs the scope persisted_folder:read (contract 7).

        Arguments:
            limit: rows, 1 to 10,000.
            offset: rows to skip.

        Returns:
            The page.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.list_folders(limit=limit, offset=offset))

    async def create(
        self,
        type: FolderType,  # noqa: A002
        path: str = "",
        *,
        protocol: str = "products://",
    ) -> PersistedFolder:
        """Create the folder of a type, or overwrite the existing one (contract 7).

        Needs the scope persisted_folder:write. An existing folder of that type keeps its ID, and gets the default path
        and protocol if they are left out here. Use `update` to change single fields.

        Arguments:
            type: "home", "pinned" or "custom_products".
            path: path in the file tree; may be empty.
            protocol: prefix of the path, up to 64 characters.

        Returns:
            The folder.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.create_folder(type, path=path, protocol=protocol))

    async def get(self, id: UUID | str) -> PersistedFolder:  # noqa: A002
        """Return one folder; needs the scope persisted_folder:read (contract 7).

        Arguments:
            id: UUID of the folder.

        Returns:
            The folder.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: the folder does not exist, or belongs to another user.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.get_folder(id))

    async def update(
        self,
        id: UUID | str,  # noqa: A002
        *,
        type: FolderType | None = None,  # noqa: A002
        path: str | None = None,
        protocol: str | None = None,
    ) -> PersistedFolder:
        """Change the given fields of a folder; needs the scope persisted_folder:write (contract 7).

        Arguments:
            id: UUID of the folder.
            type: "home", "pinned" or "custom_products"; a type that another folder has probably raises ServerError.
            path: path in the file tree; may be empty.
            protocol: prefix of the path, up to 64 characters.

        Returns:
            The changed folder.

        Raises:
            InvalidArgument: an argument cannot be used, or no field is given; raised before anything is sent.
            NotFound: the folder does not exist, or belongs to another user.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.update_folder(id, type=type, path=path, protocol=protocol))

    async def delete(self, id: UUID | str) -> None:  # noqa: A002
        """Delete one folder; needs the scope persisted_folder:write (contract 0, 7).

        Arguments:
            id: UUID of the folder.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            NotFound: the folder does not exist, or belongs to another user.
            PostHogError: there is no response, or it reports an error.
        """
        await self._pipeline.call(endpoints.delete_folder(id))
