"""What every layer below the client looks like: one coroutine from request to response."""

from typing import Protocol

from asyncclient._http import BeforeSend, Request, Response


class Transport(Protocol):
    """Sends a request."""

    async def send(self, request: Request, before_send: BeforeSend | None) -> Response:
        """Send once or, in a layer that retries, until it is decided.

        Arguments:
            before_send: awaited when the request is about to leave; when it raises, nothing leaves.

        Raises:
            PostHogError: no answer, or none that can be read.
        """
        ...
