"""Puts the project's path prefix before a request, and moves from the documented one to its successor (contract 1).

Settled by a read before any write, so that no write is ever sent to a path that may answer with a redirect.
"""

from collections.abc import Callable

import anyio

from asyncclient import _endpoints
from asyncclient._http import BeforeSend, Request, Response
from asyncclient._transport import Transport
from asyncclient.errors import InvalidArgument
from asyncclient.events import PrefixMoved

DOCUMENTED = "environments"
SUCCESSOR = "projects"


class Prefix:
    """The prefix in use, shared by all views of a client.

    Arguments:
        name: "auto", or the one to stay with.
    """

    def __init__(self, name: str, project_id: int | str) -> None:
        if name not in ("auto", DOCUMENTED, SUCCESSOR):
            raise InvalidArgument(f"api prefix {name!r} is none of auto, {DOCUMENTED}, {SUCCESSOR}")
        self.name = DOCUMENTED if name == "auto" else name
        self.fixed = name != "auto"
        self.settled = self.fixed
        self.project_id = project_id
        self.settling = anyio.Lock()

    def path(self, request: Request) -> str:
        """The request's whole path."""
        return f"api/{self.name}/{self.project_id}/{request.path}" if request.in_project else request.path

    def learn(self, response: Response) -> bool:
        """Take what an answer on the documented prefix says of its successor.

        Returns:
            Whether the prefix moved.
        """
        if self.settled or self.name == SUCCESSOR:
            return False
        announced = "deprecation" in response.headers or 'rel="successor-version"' in response.headers.get("link", "")
        if announced or response.status in (301, 302, 307, 308) or _endpoint_unknown(response):
            self.name = SUCCESSOR
            self.settled = True
            return True
        if response.status < 400:
            self.settled = True
        return False


class Prefixing:
    """The wire with the prefix before each path."""

    def __init__(self, inner: Transport, prefix: Prefix, tell: Callable[[PrefixMoved], None]) -> None:
        self._inner = inner
        self._prefix = prefix
        self._tell = tell

    async def send(self, request: Request, before_send: BeforeSend | None) -> Response:
        """Send on the prefix in use; a read that learns of the successor is sent again there when it failed."""
        whole = _with_path(request, self._prefix.path(request))
        response = await self._inner.send(whole, before_send)
        if not request.in_project:
            return response
        old = self._prefix.name
        if self._prefix.learn(response):
            self._tell(PrefixMoved(old=old, new=self._prefix.name))
            if response.status >= 300 and not request.mutating:
                return await self._inner.send(_with_path(request, self._prefix.path(request)), before_send)
        return response


def settling_read() -> Request:
    """A read that every key may make and whose answer tells the prefix."""
    return _endpoints.list_persons(limit=1)


def _endpoint_unknown(response: Response) -> bool:
    return response.status == 404 and b"Endpoint not found." in response.body


def _with_path(request: Request, path: str) -> Request:
    return Request(
        action=request.action,
        method=request.method,
        path=path,
        route=request.route,
        bucket=request.bucket,
        in_project=request.in_project,
        query=request.query,
        body=request.body,
        mutating=request.mutating,
        timeout_s=request.timeout_s,
    )
