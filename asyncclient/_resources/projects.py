"""Projects: lists and reads the projects that a key can see."""

from asyncclient._protocol import endpoints
from asyncclient._transport.pipeline import RequestPipeline
from asyncclient.models import Page, Project


class Projects:
    """`client.projects`: the projects that the key can see."""

    def __init__(self, pipeline: RequestPipeline) -> None:
        self._pipeline = pipeline

    async def list(self, *, limit: int = 100, offset: int = 0) -> Page[Project]:
        """Return one page of the projects that the key can see.

        Arguments:
            limit: rows, 1 to 10,000.
            offset: rows to skip.

        Returns:
            The page.

        Raises:
            InvalidArgument: an argument cannot be used; raised before anything is sent.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.list_projects(limit=limit, offset=offset))

    async def get(self, id: int | str) -> Project:  # noqa: A002
        """Return one project; needs the scope project:read.

        Arguments:
            id: number of the project, or "@current".

        Returns:
            The project.

        Raises:
            InvalidArgument: the ID is not valid; raised before anything is sent.
            RouteNotFound: the project does not exist, or the key cannot see it.
            PermissionDenied: the key lacks the scope, or cannot see the project.
            InvalidResponse: the response does not match this call.
            PostHogError: there is no response, or it reports an error.
        """
        return await self._pipeline.call(endpoints.get_project(id))
