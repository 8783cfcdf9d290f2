"""Sends requests through an `aiohttp.ClientSession`, by names that aiohttp documents. One attempt per call.

What aiohttp would do by itself is switched off for each call: redirects, cookies, a session's middlewares and
authorization, raising for a status. Its second attempt after a lost connection is refused by `_OneAttempt`.
"""

import asyncio
from io import BytesIO
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from asyncclient._protocol.http import Left, Request, Response
from asyncclient._protocol.responses.unpacking import ACCEPTED, Unpacker
from asyncclient._secret import Secret
from asyncclient._transport.body import Body, read_body
from asyncclient._transport.failures import (
    FOREIGN,
    SENT_AGAIN_BY_AIOHTTP,
    ClientClosed,
    NoAnswerToThis,
    NotSentAgain,
    failure,
    is_before_sending,
    may_have_left,
    without_frames,
)
from asyncclient._transport.session_options import USER_AGENT, SessionOptions
from asyncclient.errors import InvalidArgument, PostHogError

JSON: Final = "application/json"
WRITTEN_AT_ONCE: Final = 64 * 1024
"""Bytes of the largest body that is written whole. A larger one is written in pieces, so that what has not been sent
when the call ends is never sent."""
CONNECTED_WITHIN_S: Final = 10.0
"""For the ingestion host: who sends events has just read that they create no person anew, which does not stay true."""
SHARE_TO_CONNECT: Final = 0.9
MOST_TO_ANSWER_S: Final = 1.0
"""A call may spend all of its time but this, or nine tenths of it, on getting a connection. So when its whole time is
over it has one, and bytes may have left; before that it has none, and nothing was sent."""
NEVER_ROUNDED: Final = 1e9
"""Seconds from which aiohttp rounds a timeout up to whole seconds."""
_LONGEST_LINE: Final = 8190
_MOST_HEADERS: Final = 128


def open_session(options: SessionOptions, origin: str) -> aiohttp.ClientSession:
    """A client's own session for one origin: it keeps no cookies, and knows no key.

    Raises:
        InvalidArgument: the environment's proxy for the origin cannot be used.
    """
    proxy = options.proxy_to(origin)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=options.max_connections, ssl=options.ssl_context or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": options.user_agent or USER_AGENT},
        proxy=None if proxy is None else proxy.reveal(),
    )


def check_session(session: object) -> None:
    """Pass for a session of aiohttp.

    Raises:
        InvalidArgument: it is something else, such as a wrapper that retries.
    """
    if not isinstance(session, aiohttp.ClientSession):
        raise InvalidArgument(
            f"session is a {type(session).__name__}, not an aiohttp.ClientSession: give the session itself, "
            "this client retries and limits by itself"
        )


def connections_of(session: aiohttp.ClientSession) -> int | None:
    """How many connections a session keeps open at once; None where it has no limit, or was closed."""
    connector = session.connector
    return connector.limit or None if connector is not None else None


class SessionWire:
    """Sends requests to one origin with one key, or with none.

    Arguments:
        origin: scheme, host and port.
        key: None for an origin that must not see it.
        timeout_s: for a whole call: waiting for a connection, connecting, and the response.
        session: the user's, which is never closed; None makes one from `options`.
        options: for the session that this makes.
    """

    def __init__(
        self,
        origin: str,
        key: Secret | None,
        *,
        timeout_s: float,
        session: aiohttp.ClientSession | None = None,
        options: SessionOptions,
    ) -> None:
        self._origin = origin
        self._key = key
        self._timeout_s = timeout_s
        self._owns_session = session is None
        self._session = open_session(options, origin) if session is None else session
        self._headers = {"Accept": JSON, "Accept-Encoding": ACCEPTED}
        if "User-Agent" not in self._session.headers:
            self._headers["User-Agent"] = USER_AGENT
        self._is_closed = False
        self._deadlines: set[asyncio.Timeout] = set()
        self._streams: set[Body] = set()

    async def close(self) -> None:
        """End all calls that are under way; close the session unless it is the user's."""
        self._is_closed = True
        now = asyncio.get_running_loop().time()
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(now)
        for stream in tuple(self._streams):
            stream.break_off()
        if self._owns_session:
            try:
                await asyncio.sleep(0)  # calls end by their deadline, and not by what aiohttp does to them
            finally:
                await self._session.close()

    async def send(self, request: Request[Any], path: str, left: Left) -> Response:
        """Send the request once.

        Raises:
            TransportError: no response; its `sent` is False only where no byte can have left.
            InvalidResponse: a response too large, or that cannot be unpacked.
            RuntimeError: the client, or the session that it was given, was closed.
        """
        if self._is_closed:
            raise RuntimeError("the client is closed")
        if self._session.closed:
            raise RuntimeError("the session that this client was given is closed")
        limit_s = request.timeout_s or self._timeout_s
        connect_s = _connect_limit_s(request, limit_s)
        url = URL(f"{self._origin}/{target_of(path, request.query)}", encoded=True)
        attempt = _OneAttempt(url, self._key)
        # how long a streamed response takes in all depends on who reads it
        deadline = asyncio.timeout(None if request.streamed else limit_s)
        problem: BaseException
        try:
            async with deadline:
                self._deadlines.add(deadline)
                try:
                    timeout = _timeouts(connect_s, limit_s if request.streamed else None)
                    answer = await self._request(request, attempt, timeout)
                    left()
                    return await self._read(request, path, answer, limit_s)
                finally:
                    self._deadlines.discard(deadline)
        except asyncio.CancelledError as error:
            sent = attempt.began
            problem = asyncio.CancelledError(*error.args)
        except FOREIGN as error:
            known: Exception = ClientClosed() if self._is_closed else attempt.error or error
            sent = may_have_left(known, began=attempt.began, expired=deadline.expired())
            problem = failure(request, path, known, sent=sent, within_s=limit_s if sent else connect_s)
            del known  # a variable of this frame would show it
        except PostHogError as error:
            sent, problem = True, error
        except Exception as error:  # of a hook that the user's session has
            sent, problem = attempt.began, without_frames(error)
        if sent:
            left()
        # outside of `except`: the text and the frames of aiohttp's exceptions hold headers and addresses
        raise problem

    async def _request(
        self, request: Request[Any], attempt: "_OneAttempt", timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """The response, its body unread; every setting of the session that would change the call is overridden."""
        body: Any = request.body
        if body is not None and len(body) > WRITTEN_AT_ONCE:
            body = BytesIO(body)
        return await self._session.request(
            request.method,
            attempt.url,
            data=body,
            headers=self._headers_of(request),
            skip_auto_headers=None if body is not None else ("Content-Type",),
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=False,
            timeout=timeout,
            middlewares=(attempt,),
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
        )

    async def _read(self, request: Request[Any], path: str, answer: aiohttp.ClientResponse, limit_s: float) -> Response:
        """The response with its body, or with the body as a stream."""
        unpacker = Unpacker(answer.headers.get("Content-Encoding", ""))
        try:
            if request.streamed and answer.status < 300:
                stream = Body(request, path, answer, unpacker, limit_s, self._streams)
                return Response(status=answer.status, path=path, headers=answer.headers, body=b"", stream=stream)
            body = await read_body(request, path, answer, unpacker)
        except BaseException:
            answer.close()
            raise
        if answer.content.at_eof():
            answer.release()
        else:
            answer.close()
        return Response(status=answer.status, path=path, headers=answer.headers, body=body)

    def _headers_of(self, request: Request[Any]) -> dict[str, str]:
        headers = self._headers
        if request.accept is not None:
            headers = headers | {"Accept": request.accept}
        return headers if request.body is None else headers | {"Content-Type": JSON}


class _OneAttempt:
    """The middleware of one call: puts the key on its request, and lets it be sent once.

    aiohttp calls it for each attempt, and for it alone: a session's own middlewares do not see the call.

    Arguments:
        url: the only address that the request may go to.
        key: what authorizes it; None where nothing does.
    """

    __slots__ = ("_key", "_loop_turned", "began", "error", "url")

    def __init__(self, url: URL, key: Secret | None) -> None:
        self.url = url
        self._key = key
        self.began = False
        self.error: Exception | None = None
        self._loop_turned = False

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self.began or request.url != self.url:
            raise NotSentAgain
        self.began = True
        self._authorize(request)
        # No answer comes before the event loop has looked at the connection. One that is there already was sent before
        # the request: it belongs to none, and must not be taken for this one's.
        asyncio.get_running_loop().call_soon(self._turn)
        try:
            response = await handler(request)
        except SENT_AGAIN_BY_AIOHTTP as error:
            self.error = error
            if is_before_sending(error):
                raise
            raise NotSentAgain from error
        if not self._loop_turned:
            response.close()
            self.error = NoAnswerToThis()
            raise self.error
        return response

    def _authorize(self, request: aiohttp.ClientRequest) -> None:
        request.headers.pop("Cookie", None)
        if self._key is None:
            request.headers.pop("Authorization", None)
        else:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"

    def _turn(self) -> None:
        self._loop_turned = True


def target_of(path: str, query: tuple[tuple[str, str], ...]) -> str:
    """Path and query of a request, as they are sent.

    Raises:
        ValueError: they hold a character that has to be encoded, and could break out of its line.
    """
    target = f"{path}?{urlencode(query)}" if query else path
    if not (target.isascii() and target.isprintable()) or " " in target:
        raise ValueError("a request's target holds a character that has to be encoded")
    return target


def _connect_limit_s(request: Request[Any], limit_s: float) -> float:
    """Seconds that a request may wait for its connection."""
    if request.streamed:  # it has no limit for the whole that this could be taken for
        return limit_s
    connect_s = max(limit_s * SHARE_TO_CONNECT, limit_s - MOST_TO_ANSWER_S)
    return min(connect_s, CONNECTED_WITHIN_S) if request.to_ingestion else connect_s


def _timeouts(connect_s: float, silence_s: float | None) -> aiohttp.ClientTimeout:
    """How long aiohttp waits for a connection, and for the next bytes on it; the deadline of the call ends it."""
    return aiohttp.ClientTimeout(total=None, connect=connect_s, sock_read=silence_s, ceil_threshold=NEVER_ROUNDED)
