"""The projects that a key can see."""

from asyncclient._protocol import endpoints
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.models import Page, Project


class Projects:
    """`client.projects`."""

    def __init__(self, core: RequestPipeline) -> None:
        self._core = core

    async def list(self, *, limit: int = 100, offset: int = 0) -> Page[Project]:
        """One page of the projects that the key can see.

        Arguments:
            limit: rows, 1 to 10,000.
            offset: rows to skip.

        Returns:
            The page.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        return await self._core.call(endpoints.list_projects(limit=limit, offset=offset))

    async def get(self, id: int | str) -> Project:  # noqa: A002
        """One project; needs the scope project:read.

        Arguments:
            id: its number, or "@current".

        Returns:
            The project.

        Raises:
            InvalidArgument: the ID is none; raised before anything is sent.
            RouteNotFound: there is no such project, or the key does not see it.
            PermissionDenied: the key lacks the scope, or does not see the project.
            InvalidResponse: the answer is not this call's.
            PostHogError: there is no answer, or it is an error.
        """
        return await self._core.call(endpoints.get_project(id))
