"""How a request gets from a resource to the wire: retries, path prefix, outages and rate limits, then one attempt."""

from typing import Any, Protocol

from asyncclient._protocol.http import OnSent, Request, Response


class Wire(Protocol):
    """Sends a request once."""

    async def send(self, request: Request[Any], path: str, on_sent: OnSent) -> Response:
        """Send the request once and read the whole response.

        Arguments:
            path: the whole path, without a leading slash.
            on_sent: called once bytes of the request may have been sent, before this returns or raises.

        Raises:
            PostHogError: there is no response, or it cannot be read.
        """
        ...
