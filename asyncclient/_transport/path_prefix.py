"""PathPrefix: the project's path prefix, which moves from the documented one to its successor (contract 1).

A read settles the prefix before the first write, so that no write is sent to a path that may be redirected.
"""

from typing import Any, Literal
from urllib.parse import urlsplit

import anyio

from asyncclient._protocol import endpoints
from asyncclient._protocol.http import Request, Response
from asyncclient._protocol.responses.reading import is_served
from asyncclient.errors import InvalidArgument

ApiPrefix = Literal["auto", "environments", "projects"]
"""The path prefix of a project: "environments", "projects", or "auto" to find out."""

DOCUMENTED = "environments"
SUCCESSOR = "projects"


class PathPrefix:
    """The prefix in use, shared by all views of a client.

    Arguments:
        name: "auto", or the prefix to keep.
        project_id: the project's number, or "@current".
    """

    def __init__(self, name: str, project_id: int | str) -> None:
        if name not in ("auto", DOCUMENTED, SUCCESSOR):
            raise InvalidArgument(f"api prefix {name!r} is not one of auto, {DOCUMENTED}, {SUCCESSOR}")
        self.name = DOCUMENTED if name == "auto" else name
        self.fixed = name != "auto"
        self.settled = self.fixed
        self.project_id = project_id
        self.settling = anyio.Lock()

    def path(self, request: Request[Any]) -> str:
        """Return the whole path of a request."""
        return f"api/{self.name}/{self.project_id}/{request.path}" if request.in_project else request.path

    def learn(self, used: str, request: Request[Any], response: Response) -> bool:
        """Learn from a response which prefix the server wants.

        Once the prefix is settled, a missing route says something about the prefix only if every server has that
        route; for any other route the prefix has to be settled again. A read that is redirected to the successor moves
        the prefix for every route.

        Arguments:
            used: the prefix that the request was sent to.
            request: the request.
            response: its response.

        Returns:
            True if the prefix moved.
        """
        if self.fixed or used != self.name:
            return False
        if used == SUCCESSOR:
            self.settled = self.settled or is_served(request, response)
            return False
        headers = response.headers
        if self.settled and response.status < 300 and "deprecation" not in headers and "link" not in headers:
            return False  # as nearly every response
        moved_away = response.status >= 300 and _moved_away(response)
        if moved_away and not request.reveals_prefix and (self.settled or request.mutating):
            redirected_read = _is_redirected(response) and not request.mutating
            if not redirected_read:
                self.settled = False
                return False
        if moved_away or _announces_successor(response):
            self.name = SUCCESSOR
            # an announcement comes with a served request; after a redirect or 404 the successor has to prove itself
            self.settled = is_served(request, response)
            return True
        self.settled = self.settled or is_served(request, response)
        return False

    def must_resend(self, used: str, request: Request[Any], response: Response) -> bool:
        """Return whether a read did not reach its route, and another prefix is in use by now.

        Arguments:
            used: the prefix that the request was sent to; this or another request may have moved it meanwhile.
            request: the request.
            response: its response.
        """
        return self.name != used and not request.mutating and _moved_away(response)


def settling_read() -> Request[None]:
    """Return a read whose response shows the prefix, even if the key lacks the scope person:read.

    It reads no real person: one whose reads time out would otherwise block all other reads.
    """
    return endpoints.get_nil_person()


def _moved_away(response: Response) -> bool:
    """Return whether the response says that the route is no longer below this prefix."""
    return _is_redirected(response) or (response.status == 404 and b"Endpoint not found." in response.body)


def _announces_successor(response: Response) -> bool:
    """Return whether the response says that this prefix is deprecated."""
    headers = response.headers
    return "deprecation" in headers or 'rel="successor-version"' in headers.get("link", "")


def _is_redirected(response: Response) -> bool:
    """Return whether the response redirects to the successor."""
    is_redirect = response.status in (301, 302, 307, 308)
    return is_redirect and _leads_to_successor(response.headers.get("location", ""))


def _leads_to_successor(location: str) -> bool:
    try:
        return urlsplit(location).path.startswith(f"/api/{SUCCESSOR}/")
    except ValueError:
        return False
