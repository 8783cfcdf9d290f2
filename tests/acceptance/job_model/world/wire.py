"""The one seam of the model: a wire without sockets, from the client to a network, and from there to the local server.

Only this file knows how a client is told to use another wire than its own, and how a server responds without one.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlencode

from asyncclient import ConnectFailed, ConnectionLost, PostHogClient, TimedOut
from asyncclient._protocol.http import OnSent, Request, Response
from asyncclient.testing import LocalPostHog
from asyncclient.testing.http.envelope import Response as ServerResponse
from asyncclient.testing.http.parsed_request import ParsedRequest

HOST = "127.0.0.1:1"
TIMEOUT_S = 60.0


class NotReached(Exception):
    """No connection came about."""


class Lost(Exception):
    """The connection broke after the request had left."""


class Silent(Exception):
    """No response came in time."""


class Network(Protocol):
    """What lies between client and server."""

    async def exchange(self, call: ParsedRequest, timeout_s: float, on_sent: Callable[[], None]) -> ServerResponse:
        """The response to a request.

        Arguments:
            on_sent: to be called as soon as bytes of the request may have left.

        Raises:
            NotReached, Lost, Silent: there is none.
        """
        ...


class Wire:
    """Sends over a network."""

    def __init__(self, network: Network, key: str | None) -> None:
        self._network = network
        self._key = key

    async def send(self, request: Request, path: str, on_sent: OnSent) -> Response:
        """Send the request once."""
        query = f"?{urlencode(request.query)}" if request.query else ""
        headers = {"host": HOST, "content-type": "application/json"}
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key}"
        call = ParsedRequest(request.method, f"/{path}{query}", headers, request.body or b"")
        about: dict[str, Any] = {"method": request.method, "path": path, "route": request.route}
        try:
            response = await self._network.exchange(call, request.timeout_s or TIMEOUT_S, on_sent)
        except NotReached:
            raise ConnectFailed("no connection", **about, sent=False) from None
        except Lost:
            raise ConnectionLost("the connection broke", **about, sent=True) from None
        except Silent:
            raise TimedOut("no response", **about, sent=True) from None
        headers = {name.lower(): value for name, value in response.headers} | {"content-type": response.content_type}
        return Response(status=response.status, path=path, headers=headers, body=response.body)

    async def close(self) -> None:
        """There is nothing to close."""


def response_of(server: LocalPostHog, call: ParsedRequest) -> ServerResponse:
    """Return the server's response; the request takes effect here and now."""
    outcome = server._handler.handle(call)
    assert outcome.ending == "response", outcome.ending
    return outcome.response


@asynccontextmanager
async def client_over(network: Network, *, key: str, project_id: int, **settings: Any) -> AsyncIterator[PostHogClient]:
    """A client, open, whose requests go over a network."""
    client = PostHogClient(host=f"http://{HOST}", project_id=project_id, personal_api_key=key, **settings)
    shared = client._core.shared
    shared.wire, shared.ingest_wire = Wire(network, key), Wire(network, None)
    try:
        yield client
    finally:
        await client.aclose()
