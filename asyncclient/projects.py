"""The projects that a key can see."""

from asyncclient import _endpoints
from asyncclient._core import Core
from asyncclient.models import Page, Project


class Projects:
    """`client.projects`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def list(self, *, limit: int = 100, offset: int = 0) -> Page[Project]:
        """One page of projects."""
        return await self._core.call(_endpoints.list_projects(limit=limit, offset=offset))

    async def get(self, id: int | str) -> Project:  # noqa: A002
        """One project; needs the scope project:read.

        Arguments:
            id: its number, or "@current".
        """
        return await self._core.call(_endpoints.get_project(id))
