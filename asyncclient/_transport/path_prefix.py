"""Puts the project's path prefix before a request, and moves from the documented one to its successor (contract 1).

Settled by a read before any write, so that no write is ever sent to a path that may answer with a redirect.
"""

from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

import anyio

from asyncclient._protocol import endpoints
from asyncclient._protocol.http import BeforeSend, Request, Response
from asyncclient._protocol.responses.reading import is_served
from asyncclient._transport import Transport
from asyncclient.errors import InvalidArgument
from asyncclient.events import PrefixMoved

ApiPrefix = Literal["auto", "environments", "projects"]
"""Below which path of the host a project is; "auto" finds out."""

DOCUMENTED = "environments"
SUCCESSOR = "projects"


class PathPrefix:
    """The prefix in use, shared by all views of a client.

    Arguments:
        name: "auto", or the one to stay with.
        project_id: the project's number, or "@current".
    """

    def __init__(self, name: str, project_id: int | str) -> None:
        if name not in ("auto", DOCUMENTED, SUCCESSOR):
            raise InvalidArgument(f"api prefix {name!r} is none of auto, {DOCUMENTED}, {SUCCESSOR}")
        self.name = DOCUMENTED if name == "auto" else name
        self.fixed = name != "auto"
        self.settled = self.fixed
        self.project_id = project_id
        self.settling = anyio.Lock()

    def path(self, request: Request[Any]) -> str:
        """The request's whole path."""
        return f"api/{self.name}/{self.project_id}/{request.path}" if request.in_project else request.path

    def learn(self, used: str, request: Request[Any], response: Response) -> bool:
        """Take what an answer says of the prefix that was used.

        Once the prefix is settled, a route that is not there tells of the prefix only where every server has the
        route; for any other it is a reason to settle the prefix again. A read that is redirected to the successor
        tells it for every route.

        Returns:
            Whether the prefix moved.
        """
        if self.fixed or used != self.name:
            return False
        if used == SUCCESSOR:
            self.settled = self.settled or is_served(request, response)
            return False
        redirected_read = _is_redirected(response) and not request.mutating
        doubtful = self.settled or request.mutating
        if _moved_away(response) and not request.tells_prefix and doubtful and not redirected_read:
            self.settled = False
            return False
        announced = "deprecation" in response.headers or 'rel="successor-version"' in response.headers.get("link", "")
        if announced or _moved_away(response):
            self.name = SUCCESSOR
            # announced, the request was still served; moved away, the successor has yet to prove itself
            self.settled = is_served(request, response)
            return True
        self.settled = self.settled or is_served(request, response)
        return False


class PathPrefixTransport:
    """A transport with the prefix before each path."""

    def __init__(self, inner: Transport, prefix: PathPrefix, tell: Callable[[PrefixMoved], None]) -> None:
        self._inner = inner
        self._prefix = prefix
        self._tell = tell

    async def send(self, request: Request[Any], before_send: BeforeSend | None, *, attempt: int) -> Response:
        """Send on the prefix in use; a read that did not reach its route there is sent again on the successor."""
        prefix = self._prefix
        used = prefix.name
        response = await self._inner.send(request, prefix.path(request), before_send, attempt=attempt)
        if not request.in_project:
            return response
        if prefix.learn(used, request, response):
            self._tell(PrefixMoved(old=used, new=prefix.name))
        # another request may have learned of the successor meanwhile
        again = prefix.name != used and _moved_away(response) and not request.mutating and before_send is None
        if again:
            response = await self._inner.send(request, prefix.path(request), None, attempt=attempt)
            prefix.learn(prefix.name, request, response)
        return response


def settling_read() -> Request[None]:
    """A read of nobody, whose answer tells the prefix, a refusal for want of person:read too.

    It touches no person: one that times out in every call would keep all others from being read.
    """
    return endpoints.get_nobody()


def _moved_away(response: Response) -> bool:
    """Whether the answer says that the route is not under this prefix any more."""
    return _is_redirected(response) or (response.status == 404 and b"Endpoint not found." in response.body)


def _is_redirected(response: Response) -> bool:
    """Whether the answer sends on to the successor."""
    is_redirect = response.status in (301, 302, 307, 308)
    return is_redirect and _leads_to_successor(response.headers.get("location", ""))


def _leads_to_successor(location: str) -> bool:
    try:
        return urlsplit(location).path.startswith(f"/api/{SUCCESSOR}/")
    except ValueError:
        return False
