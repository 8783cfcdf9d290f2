"""Reads the bodies of responses: whole and bounded, or piece by piece."""

import asyncio
from collections.abc import Iterator, MutableSet
from io import BytesIO
from typing import Any, Final, Protocol

from asyncclient._protocol.http import Request
from asyncclient._protocol.responses.unpacking import CannotUnpack, Unpacker
from asyncclient._transport.failures import FOREIGN, ClientClosed, failure, invalid
from asyncclient.errors import InvalidResponse, PostHogError
from asyncclient.retry import TOO_LARGE

LARGEST_BODY: Final = 32 * 1024 * 1024
LARGEST_ERROR: Final = 64 * 1024
TOLD_BY_DETAIL: Final = frozenset({400, 404})
"""The body says what these statuses mean; for any other failure the status is enough, however little of it came."""
BROKEN: Final = (*FOREIGN, RuntimeError)
"""Of a body that breaks off. aiohttp raises RuntimeError where the connection was gone before the body was read."""


class _Content(Protocol):
    """The part of aiohttp's `StreamReader` that is used."""

    async def readany(self) -> bytes: ...
    def at_eof(self) -> bool: ...


class HttpResponse(Protocol):
    """The part of aiohttp's `ClientResponse` that is used."""

    status: int

    @property
    def content(self) -> _Content: ...
    def close(self) -> None: ...
    def release(self) -> Any: ...


async def read_body(request: Request[Any], path: str, response: HttpResponse, unpacker: Unpacker) -> bytes:
    """The body, unpacked and bounded.

    Raises:
        InvalidResponse: it is too large, or cannot be unpacked.
        aiohttp.ClientError: it broke off.
    """
    status, content = response.status, response.content
    is_success = status < 300
    limit = LARGEST_BODY if is_success else LARGEST_ERROR
    body, size = BytesIO(), 0  # and not bytes: a traceback with local variables shows nothing of it
    problem: str | None = None
    try:
        while size <= limit and not content.at_eof():
            for piece in unpacker.unpack(await content.readany()):
                size += body.write(piece)
                if size > limit:
                    break
        if size > limit:
            problem = f"the body is larger than {limit >> 20} MiB"
        else:
            unpacker.finish()
    except CannotUnpack:
        problem = "the body cannot be unpacked"
    except BROKEN:
        if is_success or status in TOLD_BY_DETAIL:
            raise
    if problem is not None and is_success:
        error = invalid(request, path, status, problem)
        error.code = TOO_LARGE if size > limit else None
        raise error
    return body.getvalue()[:limit]


class Body:
    """The body of a success, piece by piece; no more of it is held than one block.

    Arguments:
        silence_s: seconds within which something has to come.
        streams: the bodies that are being read; this one is among them until it is closed.
    """

    def __init__(
        self,
        request: Request[Any],
        path: str,
        response: HttpResponse,
        unpacker: Unpacker,
        silence_s: float,
        streams: MutableSet["Body"],
    ) -> None:
        self._request = request
        self._path = path
        self._response = response
        self._unpacker = unpacker
        self._silence_s = silence_s
        self._streams = streams
        self._pieces: Iterator[bytes] = iter(())
        self._is_broken_off = False
        streams.add(self)

    async def read(self) -> bytes:
        """What comes next; empty at the end.

        Raises:
            TransportError: it broke off, or nothing came for too long.
            InvalidResponse: it cannot be unpacked.
        """
        problem: PostHogError
        try:
            return await self._next()
        except CannotUnpack:
            problem = self._invalid()
        except BROKEN as error:
            error = ClientClosed() if self._is_broken_off else error
            problem = failure(self._request, self._path, error, sent=True, within_s=self._silence_s)
        raise problem

    def close(self) -> None:
        """Read no more; the connection is closed unless the end was reached."""
        self._streams.discard(self)
        self._response.close()

    def break_off(self) -> None:
        """End the reading: the client is closed."""
        self._is_broken_off = True
        self.close()

    async def _next(self) -> bytes:
        while True:
            if self._is_broken_off:
                raise ClientClosed
            piece = next(self._pieces, b"")
            if piece:
                return piece
            if self._response.content.at_eof():
                self._unpacker.finish()
                self._streams.discard(self)
                self._response.release()
                return b""
            # aiohttp's own timer for silence stops when a body goes wrong in the middle
            async with asyncio.timeout(self._silence_s):
                block = await self._response.content.readany()
            self._pieces = self._unpacker.unpack(block)

    def _invalid(self) -> InvalidResponse:
        return invalid(self._request, self._path, self._response.status, "the body cannot be unpacked")
