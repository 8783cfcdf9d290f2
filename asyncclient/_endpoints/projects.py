"""The projects that a key can see. Pure."""

from asyncclient._endpoints.arguments import page_of_rows
from asyncclient._endpoints.ids import project_id
from asyncclient._http import Request
from asyncclient.limits import Bucket


def list_projects(*, limit: int, offset: int) -> Request:
    """GET projects."""
    return _projects("", "projects/", page_of_rows(limit, offset))


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
