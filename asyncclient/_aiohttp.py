"""The wire: the one file of the client that knows aiohttp. One request, one attempt, one bounded answer.

Foreign exceptions are mapped here and nowhere else. It follows no redirect, uses no proxy or netrc unless asked,
keeps no cookies, and never repeats a request by itself.
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from typing import Final
from urllib.parse import urlencode

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, hdrs
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from asyncclient._deadlines import Deadlines
from asyncclient._http import Left, Request, Response
from asyncclient._secret import Secret
from asyncclient.errors import (
    ConnectFailed,
    ConnectionLost,
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

_JSON: Final = "application/json"
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)
CONNECTED_WITHIN_S = 10.0
"""For the ingestion host: who sends events has just read that nobody is made anew by them, which does not stay true."""
_CONNECTED_SOON: Final = aiohttp.ClientTimeout(total=None, connect=CONNECTED_WITHIN_S)


class _Dropped(Exception):
    """Stands in for the errors after which aiohttp would send GET, PUT and DELETE a second time by itself."""


class _Attempt:
    """A client middleware for one request: it puts in the key, notes whether bytes left, and prevents a repetition.

    The key is put in here so that it is in no argument and no local variable of the frames above. Without one
    nothing is put in.
    """

    __slots__ = ("_key", "_left", "left")

    def __init__(self, key: Secret | None, left: Left) -> None:
        self._key = key
        self._left = left
        self.left = False

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if self._key is not None:
            request.headers[hdrs.AUTHORIZATION] = f"Bearer {self._key.reveal()}"
        try:
            return await handler(request)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            raise _Dropped from error
        finally:
            # aiohttp makes the response object in the step that writes the request, once it has a connection
            if getattr(request, "response", request) is not None:
                self.left = True
                self._left()


class AiohttpWire:
    """Sends requests to one origin with one key, or with none.

    Arguments:
        origin: scheme, host and port.
        key: None for an origin that must not see it.
        timeout_s: for a whole call: waiting for a connection, connecting, and the answer.
        max_connections: kept open at once.
        trust_env: whether proxies of the environment are used.
    """

    def __init__(
        self, origin: str, key: Secret | None, *, timeout_s: float, max_connections: int, trust_env: bool
    ) -> None:
        self._origin = URL(origin, encoded=True)
        self._timeout_s = timeout_s
        self._deadlines = Deadlines(asyncio.get_running_loop())
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_NO_TIMEOUT,
            trust_env=trust_env,
            headers={
                hdrs.USER_AGENT: "posthog-bulk",
                hdrs.ACCEPT: _JSON,
                hdrs.ACCEPT_ENCODING: "gzip, deflate",
            },
        )
        self._key = key
        self._latest = b"", aiohttp.BytesPayload(b"", content_type=_JSON)

    async def close(self) -> None:
        """Close all connections."""
        self._deadlines.close()
        await self._session.close()

    async def send(self, request: Request, path: str, left: Left) -> Response:
        """Send the request once.

        Raises:
            TransportError: no answer; its `sent` is False when no byte left.
            InvalidResponse: an answer too large, or that cannot be unpacked.
            RuntimeError: the client was closed.
        """
        if self._session.closed:
            raise RuntimeError("the client is closed")
        attempt = _Attempt(self._key, left)
        failure: PostHogError
        try:
            # how long a streamed answer takes in all depends on who reads it
            with nullcontext() if request.streamed else self._deadlines.within(request.timeout_s or self._timeout_s):
                opened = await self._session.request(
                    request.method,
                    self._url(request, path),
                    headers=None if request.accept is None else {hdrs.ACCEPT: request.accept},
                    data=self._payload(request),
                    timeout=self._waits(request),
                    allow_redirects=False,
                    middlewares=(attempt,),
                )
                if request.streamed and opened.status < 300:
                    stream = _Body(request, path, opened, self._failure)
                    return Response(status=opened.status, path=path, headers=opened.headers, body=b"", stream=stream)
                try:
                    body = await _read(request, path, opened)
                finally:
                    opened.release()  # closes the connection where the answer was not read to its end
                return Response(status=opened.status, path=path, headers=opened.headers, body=body)
        except (aiohttp.ClientError, _Dropped, OSError, ValueError) as error:
            failure = self._failure(request, path, error, sent=attempt.left)
        raise failure  # outside of `except`: a foreign exception's text and frames may hold headers or the URL

    def _url(self, request: Request, path: str) -> URL:
        if request.query:
            return URL(f"{self._origin}/{path}?{urlencode(request.query)}", encoded=True)
        return self._origin.with_path(f"/{path}", encoded=True)  # half as dear as taking a text apart

    def _payload(self, request: Request) -> aiohttp.BytesPayload | aiohttp.BytesIOPayload | None:
        """The body; a large one as something that is sent bit by bit, which costs a small one a third of its time.

        One with the project's token in it too, since that does not show itself in a traceback with local variables.
        A payload brings its own header, and serves again for the same bytes, as where many get the same properties.
        """
        body = request.body
        if body is None:
            return None
        if len(body) >= SENT_AT_ONCE or request.to_ingestion:
            return aiohttp.BytesIOPayload(BytesIO(body), content_type=_JSON)
        if body is not self._latest[0]:
            self._latest = body, aiohttp.BytesPayload(body, content_type=_JSON)
        return self._latest[1]

    def _waits(self, request: Request) -> aiohttp.ClientTimeout:
        if not request.streamed:
            return _CONNECTED_SOON if request.to_ingestion else _NO_TIMEOUT
        silence_s = request.timeout_s or self._timeout_s
        return aiohttp.ClientTimeout(total=None, connect=silence_s, sock_read=silence_s)

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
        elif isinstance(error, _Dropped):
            kind, reason = ConnectionLost, f"the connection broke ({_cause(error.__cause__)})"
        elif isinstance(error, aiohttp.ClientResponseError):
            kind, reason = ConnectionLost, "what came is not HTTP, or its headers are too large"
        else:
            kind, reason = ConnectionLost, f"the answer broke off ({_cause(error)})"
        return kind(reason, method=request.method, path=path, route=request.route, sent=sent)


class _Body:
    """The body of a success, bit by bit; no more is held of it than what came last."""

    def __init__(
        self, request: Request, path: str, response: ClientResponse, failure: Callable[..., TransportError]
    ) -> None:
        self._request = request
        self._path = path
        self._response = response
        self._failure = failure

    async def read(self) -> bytes:
        """What comes next; empty at the end."""
        content = self._response.content
        failure: PostHogError
        try:
            while not content.at_eof():
                block = await content.readany()
                if block:
                    return block
            return b""
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, ContentEncodingError):
                failure = _invalid(self._request, self._path, self._response, "the body cannot be unpacked")
            else:
                failure = self._failure(self._request, self._path, error, sent=True)
        raise failure

    def close(self) -> None:
        """Read no more."""
        self._response.close()


async def _read(request: Request, path: str, response: ClientResponse) -> bytes:
    """The body, unpacked and bounded.

    Raises:
        InvalidResponse: it is too large, or cannot be unpacked.
    """
    good = response.status < 300
    limit = LARGEST_BODY if good else LARGEST_ERROR
    content = response.content
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
        elif good or response.status in TOLD_BY_DETAIL:
            raise
        else:
            problem = None
    if problem is None or not good:
        return b"".join(blocks)[:limit]
    del blocks  # a traceback with local variables shows nothing of it
    raise _invalid(request, path, response, problem)


def _invalid(request: Request, path: str, response: ClientResponse, problem: str) -> InvalidResponse:
    return InvalidResponse(response.status, method=request.method, path=path, route=request.route, detail=problem)


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
