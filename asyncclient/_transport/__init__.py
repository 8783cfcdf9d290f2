"""Transports: the layers between a resource and the wire, each with one coroutine from request to response."""

from typing import Any, Protocol

from asyncclient._protocol.http import BeforeSend, OnSent, Request, Response


class Wire(Protocol):
    """Sends a request once."""

    async def send(self, request: Request[Any], path: str, left: OnSent) -> Response:
        """Send the request once and read the whole response.

        Arguments:
            path: the whole path, without a leading slash.
            left: called once bytes of the request may have been sent, before this returns or raises.

        Raises:
            PostHogError: there is no response, or it cannot be read.
        """
        ...


class Transport(Protocol):
    """A transport above the wire."""

    async def send(self, request: Request[Any], path: str, before_send: BeforeSend | None, *, attempt: int) -> Response:
        """Send the request once.

        Arguments:
            path: the whole path, without a leading slash.
            before_send: awaited just before the request is sent; if it raises, nothing is sent.
            attempt: number of the attempt, from 1.

        Raises:
            PostHogError: there is no response, it cannot be read, or it is a 429.
        """
        ...
