"""The interfaces between the layers of the client: one coroutine each, from request to response."""

from typing import Any, Protocol

from asyncclient._protocol.http import BeforeSend, OnSent, Request, Response


class Wire(Protocol):
    """Sends a request once."""

    async def send(self, request: Request[Any], path: str, left: OnSent) -> Response:
        """Send the request once and read the whole answer.

        Arguments:
            path: the whole path, without its first slash.
            left: called when bytes of the request may have left, before this returns or raises.

        Raises:
            PostHogError: no answer, or none that can be read.
        """
        ...


class Transport(Protocol):
    """A layer above the wire."""

    async def send(self, request: Request[Any], path: str, before_send: BeforeSend | None, *, attempt: int) -> Response:
        """Send the request once.

        Arguments:
            path: the whole path, without its first slash.
            before_send: awaited when the request is about to leave; when it raises, nothing leaves.
            attempt: which one it is, from 1.

        Raises:
            PostHogError: no answer, none that can be read, or a 429.
        """
        ...
