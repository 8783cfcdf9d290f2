"""Requests for the projects that a key can see. Pure."""

from typing import TypeVar

from asyncclient._protocol.endpoints.arguments import offset_query
from asyncclient._protocol.http import Expectation, Request
from asyncclient._protocol.ids import project_id
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import json_model
from asyncclient.models import Page, Project

T = TypeVar("T")

_PROJECT = json_model(Project)
_PROJECTS = json_model(Page[Project])


def list_projects(*, limit: int, offset: int) -> Request[Page[Project]]:
    """Build GET projects."""
    return _projects("", "projects/", _PROJECTS, offset_query(limit, offset))


def get_project(project: int | str) -> Request[Project]:
    """Build GET projects/:id."""
    return _projects(f"{project_id(project)}/", "projects/:id/", _PROJECT, ())


def _projects(path: str, route: str, expects: Expectation[T], query: tuple[tuple[str, str], ...]) -> Request[T]:
    return Request(
        action="projects",
        method="GET",
        path=f"api/projects/{path}",
        route=f"GET {route}",
        bucket=Bucket.DEFAULT,
        expects=expects,
        in_project=False,
        query=query,
    )
