"""The projects that a key can see. Pure."""

from asyncclient._endpoints.arguments import MOST_ROWS, whole
from asyncclient._endpoints.ids import LARGEST_NUMBER, project_id
from asyncclient._http import Request
from asyncclient.limits import Bucket


def list_projects(*, limit: int, offset: int) -> Request:
    """GET projects."""
    whole(limit, "limit", 1, MOST_ROWS)
    whole(offset, "offset", 0, LARGEST_NUMBER)
    query = (("limit", str(limit)), ("offset", str(offset)))
    return _projects("", "projects/", query)


def get_project(project: int | str) -> Request:
    """GET projects/:id."""
    return _projects(f"{project_id(project)}/", "projects/:id/", ())


def _projects(path: str, route: str, query: tuple[tuple[str, str], ...]) -> Request:
    return Request(
        action="projects",
        method="GET",
        path=f"api/projects/{path}",
        route=f"GET {route}",
        bucket=Bucket.DEFAULT,
        in_project=False,
        query=query,
    )
