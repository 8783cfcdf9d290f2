"""The wire: the one file of the client that knows aiohttp. One request, one attempt, one bounded answer.

It takes a connection from aiohttp's connector (its pool, name lookup, TLS, proxies), writes the request, and reads the
answer with aiohttp's parser. The session above those is left out: it costs three times what they do, sends a request
a second time by itself when a connection drops, follows redirects and keeps cookies, and none of that is wanted.

Foreign exceptions are mapped here and nowhere else.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import Final
from urllib.parse import urlencode
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp import hdrs
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError
from yarl import URL

from asyncclient._deadlines import Deadlines
from asyncclient._head import Heads
from asyncclient._http import Left, Request, Response
from asyncclient._secret import Secret
from asyncclient.errors import (
    ConnectFailed,
    ConnectionLost,
    InvalidArgument,
    InvalidResponse,
    PostHogError,
    TimedOut,
    TransportError,
)

LARGEST_BODY: Final = 32 * 1024 * 1024
LARGEST_ERROR: Final = 64 * 1024
SENT_AT_ONCE: Final = 64 * 1024
TOLD_BY_DETAIL: Final = frozenset({400, 404})
"""What these statuses mean is in the body; any other failure is told by its status, however little of it came."""

_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)
CONNECTED_WITHIN_S = 10.0
"""For the ingestion host: who sends events has just read that nobody is made anew by them, which does not stay true."""
_CONNECTED_SOON: Final = aiohttp.ClientTimeout(total=None, connect=CONNECTED_WITHIN_S)


class AiohttpWire:
    """Sends requests to one origin with one key, or with none.

    Arguments:
        origin: scheme, host and port.
        key: None for an origin that must not see it.
        timeout_s: for a whole call: waiting for a connection, connecting, and the answer.
        max_connections: kept open at once.
        trust_env: whether the proxy that the environment names for the origin is used.

    Raises:
        InvalidArgument: that proxy's address cannot be read.
    """

    def __init__(
        self, origin: str, key: Secret | None, *, timeout_s: float, max_connections: int, trust_env: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        url = URL(origin, encoded=True)
        # the connector asks a request where it goes, and all go to the same place
        self._place = ClientRequest(hdrs.METH_GET, url, loop=loop, proxy=_proxy_to(url) if trust_env else None)
        # a proxy is told the whole address, except through a tunnel, which TLS gets
        self._before_path = origin if self._place.proxy is not None and not self._place.is_ssl() else ""
        self._heads = Heads(self._place.headers[hdrs.HOST], key)
        self._timeout_s = timeout_s
        self._deadlines = Deadlines(loop)
        self._connector = aiohttp.TCPConnector(limit=max_connections)

    async def close(self) -> None:
        """Close all connections."""
        self._deadlines.close()
        await self._connector.close()

    async def send(self, request: Request, path: str, left: Left) -> Response:
        """Send the request once.

        Raises:
            TransportError: no answer; its `sent` is False when no byte left.
            InvalidResponse: an answer too large, or that cannot be unpacked.
            RuntimeError: the client was closed.
        """
        if self._connector.closed:
            raise RuntimeError("the client is closed")
        sent = False
        failure: PostHogError
        try:
            # how long a streamed answer takes in all depends on who reads it
            with nullcontext() if request.streamed else self._deadlines.within(request.timeout_s or self._timeout_s):
                connection = await self._connector.connect(self._place, [], self._waits(request))
                try:
                    self._write(connection, request, path)
                    sent = True
                    left()
                    status, headers, content = await _answer(connection)
                    if request.streamed and status < 300:
                        stream = _Body(request, path, status, content, connection, self._failure)
                        return Response(status=status, path=path, headers=headers, body=b"", stream=stream)
                    body = await _read(request, path, status, content)
                except BaseException:
                    connection.close()
                    raise
                _let_go(connection)
                return Response(status=status, path=path, headers=headers, body=body)
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            failure = self._failure(request, path, error, sent=sent)
        raise failure  # outside of `except`: a foreign exception's text and frames may hold headers or the URL

    def _write(self, connection: Connection, request: Request, path: str) -> None:
        """Hand the whole request to the connection, and have its answer parsed.

        What it puts together shows the key, and is in no frame that is left when something goes wrong.

        Raises:
            aiohttp.ClientError: the connection broke before.
        """
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("closed while idle")
        target = f"{self._before_path}/{path}"
        if request.query:
            target = f"{target}?{urlencode(request.query)}"
        head = self._heads.of(request, target, self._place.headers.get(hdrs.PROXY_AUTHORIZATION))
        protocol.set_response_params(
            read_until_eof=True, read_timeout=self._silence_s(request) if request.streamed else None
        )
        body = request.body or b""
        if len(body) < SENT_AT_ONCE:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        protocol.start_timeout()

    def _silence_s(self, request: Request) -> float:
        return request.timeout_s or self._timeout_s

    def _waits(self, request: Request) -> aiohttp.ClientTimeout:
        """How long a connection may take to come about."""
        if request.streamed:
            return aiohttp.ClientTimeout(total=None, connect=self._silence_s(request))
        return _CONNECTED_SOON if request.to_ingestion else _NO_TIMEOUT

    def _failure(self, request: Request, path: str, error: Exception, *, sent: bool) -> TransportError:
        kind: type[TransportError]
        if isinstance(error, TimeoutError):
            kind, what = (TimedOut, "answer") if sent else (ConnectFailed, "connection")
            within_s = request.timeout_s or self._timeout_s
            if request.to_ingestion and not sent:
                within_s = min(within_s, CONNECTED_WITHIN_S)
            reason = f"no {what} within {within_s:g} s"
        elif not sent:
            kind, reason = ConnectFailed, f"no connection ({_cause(error)})"
        elif isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
            kind, reason = ConnectionLost, f"the connection broke ({_cause(error)})"
        elif isinstance(error, HttpProcessingError):
            kind, reason = ConnectionLost, "what came is not HTTP, or its headers are too large"
        else:
            kind, reason = ConnectionLost, f"the answer broke off ({_cause(error)})"
        return kind(reason, method=request.method, path=path, route=request.route, sent=sent)


class _Body:
    """The body of a success, bit by bit; no more is held of it than what came last."""

    def __init__(
        self,
        request: Request,
        path: str,
        status: int,
        content: aiohttp.StreamReader,
        connection: Connection,
        failure: Callable[..., TransportError],
    ) -> None:
        self._request = request
        self._path = path
        self._status = status
        self._content = content
        self._connection = connection
        self._failure = failure

    async def read(self) -> bytes:
        """What comes next; empty at the end."""
        failure: PostHogError
        try:
            while not self._content.at_eof():
                block = await self._content.readany()
                if block:
                    return block
            _let_go(self._connection)
            return b""
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, ContentEncodingError):
                failure = _invalid(self._request, self._path, self._status, "the body cannot be unpacked")
            else:
                failure = self._failure(self._request, self._path, error, sent=True)
        raise failure

    def close(self) -> None:
        """Read no more."""
        self._connection.close()


async def _answer(connection: Connection) -> tuple[int, Mapping[str, str], aiohttp.StreamReader]:
    """Status, headers and unread body of the answer; what is announced before it (1xx) is passed over."""
    protocol = connection.protocol
    assert protocol is not None
    while True:
        message, content = await protocol.read()
        if message.code == 101 or not 100 <= message.code < 200:
            return message.code, message.headers, content


def _let_go(connection: Connection) -> None:
    """Give a connection back whose answer was read to its end; the connector closes it unless it can serve again."""
    transport = connection.transport
    if transport is not None and transport.get_write_buffer_size():
        connection.close()  # answered before the request was sent to its end
    else:
        connection.release()


async def _read(request: Request, path: str, status: int, content: aiohttp.StreamReader) -> bytes:
    """The body, unpacked and bounded.

    Raises:
        InvalidResponse: it is too large, or cannot be unpacked.
    """
    good = status < 300
    limit = LARGEST_BODY if good else LARGEST_ERROR
    blocks: list[bytes] = []
    size = 0
    try:
        while size <= limit and not content.at_eof():
            blocks.append(await content.readany())
            size += len(blocks[-1])
        problem = f"the body is larger than {limit >> 20} MiB" if size > limit else None
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(error.__cause__, ContentEncodingError) and good:
            problem = "the body cannot be unpacked"
        elif good or status in TOLD_BY_DETAIL:
            raise
        else:
            problem = None
    if problem is None or not good:
        return b"".join(blocks)[:limit]
    del blocks  # a traceback with local variables shows nothing of it
    raise _invalid(request, path, status, problem)


def _invalid(request: Request, path: str, status: int, problem: str) -> InvalidResponse:
    return InvalidResponse(status, method=request.method, path=path, route=request.route, detail=problem)


def _proxy_to(origin: URL) -> URL | None:
    """The proxy that the environment names for this origin, as curl and requests read it."""
    if proxy_bypass(origin.raw_host or ""):
        return None
    named = getproxies().get(origin.scheme)
    if not named:
        return None
    proxy: URL | None = None
    with suppress(ValueError):
        proxy = URL(named if "://" in named else f"http://{named}")
    if proxy is None or proxy.scheme not in ("http", "https") or not proxy.raw_host:  # it may hold a password: not told
        raise InvalidArgument(f"the environment's {origin.scheme}_proxy is no proxy's address: give http://host:port")
    return proxy


def _cause(error: BaseException | None) -> str:
    """An operating system's word for what happened, without host or address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the server's certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host's name is not known"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason}" if error.reason else "TLS"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)  # its own words name the address or the URL
    return type(error).__name__
