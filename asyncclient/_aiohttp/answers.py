"""Reads answers: their head, and their body whole and bounded, or bit by bit."""

import asyncio
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import ContentEncodingError

from asyncclient._aiohttp.connections import give_up, let_go
from asyncclient._aiohttp.failures import failure, invalid
from asyncclient._protocol.http import Request
from asyncclient.errors import PostHogError

LARGEST_BODY: Final = 32 * 1024 * 1024
LARGEST_ERROR: Final = 64 * 1024
TOLD_BY_DETAIL: Final = frozenset({400, 404})
"""What these statuses mean is in the body; any other failure is told by its status, however little of it came."""


class Body:
    """The body of a success, bit by bit; no more is held of it than what came last.

    Arguments:
        silence_s: how long nothing may come.
    """

    def __init__(
        self,
        request: Request[Any],
        path: str,
        status: int,
        content: aiohttp.StreamReader,
        connection: Connection,
        silence_s: float,
    ) -> None:
        self._request = request
        self._path = path
        self._status = status
        self._content = content
        self._connection = connection
        self._silence_s = silence_s

    async def read(self) -> bytes:
        """What comes next; empty at the end."""
        problem: PostHogError
        try:
            while not self._content.at_eof():
                block = await next_part(self._content)
                if block:
                    return block
            let_go(self._connection, whole=True)
            return b""
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, ContentEncodingError):
                problem = invalid(self._request, self._path, self._status, "the body cannot be unpacked")
            else:
                problem = failure(self._request, self._path, error, sent=True, within_s=self._silence_s)
        raise problem

    def close(self) -> None:
        """Read no more."""
        give_up(self._connection)


async def answer(connection: Connection) -> tuple[int, Mapping[str, str], aiohttp.StreamReader]:
    """Status, headers and unread body of the answer; what is announced before it (1xx) is passed over."""
    protocol = connection.protocol
    assert protocol is not None
    while True:
        message, content = await protocol.read()
        if message.code == 101 or not 100 <= message.code < 200:
            end_with(protocol, content)
            return message.code, message.headers, content


def end_with(protocol: ResponseHandler, content: aiohttp.StreamReader) -> None:
    """Have the reader of a body told when its connection ends, which aiohttp forgets where it closes that itself."""
    if content.is_eof():
        return
    closed = protocol.closed
    if closed is None:
        _break_off(content)
    else:
        closed.add_done_callback(partial(_closed, content))


def _closed(content: aiohttp.StreamReader, closed: "asyncio.Future[None]") -> None:
    closed.exception()  # looked at, so that nobody complains
    _break_off(content)


def _break_off(content: aiohttp.StreamReader) -> None:
    if not content.is_eof() and content.exception() is None:
        content.set_exception(aiohttp.ClientPayloadError("the connection was closed"))


async def next_part(content: aiohttp.StreamReader) -> bytes:
    """Some more of a body, or nothing at its end.

    Raises:
        aiohttp.ClientError: it broke off.
    """
    try:
        return await content.readany()
    except RuntimeError as error:  # aiohttp's word where the connection ended before anybody was told
        raise aiohttp.ClientPayloadError("the connection was closed") from error


async def read(request: Request[Any], path: str, status: int, content: aiohttp.StreamReader) -> bytes:
    """The body, unpacked and bounded.

    Raises:
        InvalidResponse: it is too large, or cannot be unpacked.
    """
    good = status < 300
    limit = LARGEST_BODY if good else LARGEST_ERROR
    body, size = BytesIO(), 0  # and not bytes: a traceback with local variables shows nothing of it
    try:
        while size <= limit and not content.at_eof():
            size += body.write(await next_part(content))
        problem = f"the body is larger than {limit >> 20} MiB" if size > limit else None
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(error.__cause__, ContentEncodingError) and good:
            problem = "the body cannot be unpacked"
        elif good or status in TOLD_BY_DETAIL:
            raise
        else:
            problem = None
    if problem is None or not good:
        return body.getvalue()[:limit]
    raise invalid(request, path, status, problem)
