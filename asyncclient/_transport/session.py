"""Sends requests through an `aiohttp.ClientSession`, by names that aiohttp documents. One attempt per call.

What aiohttp would do by itself is switched off for each call: redirects, cookies, a session's middlewares and
authorization, raising for a status. Its second attempt after a lost connection is refused by `OneAttempt`.
"""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from asyncclient._protocol.http import OnSent, Request, Response
from asyncclient._protocol.responses.unpacking import ACCEPTED, Unpacker
from asyncclient._secret import Secret
from asyncclient._transport.body import Body, read_body
from asyncclient._transport.deadlines import Deadlines
from asyncclient._transport.failures import (
    FOREIGN,
    ClientClosed,
    failure,
    may_have_left,
    without_frames,
)
from asyncclient._transport.one_attempt import LoopTurns, OneAttempt
from asyncclient._transport.session_options import USER_AGENT, SessionOptions
from asyncclient.errors import InvalidArgument, PostHogError

JSON: Final = "application/json"
WRITTEN_AT_ONCE: Final = 64 * 1024
"""Bytes of the largest body that is written whole. A larger one is written in pieces, so that what has not been sent
when the call ends is never sent."""
CONNECTED_WITHIN_S: Final = 10.0
"""For the ingestion host. Before an event is sent, its person was read; an event that leaves much later could create a
person that was deleted meanwhile."""
SHARE_TO_CONNECT: Final = 0.9
MOST_TO_RESPOND_S: Final = 1.0
NEVER_ROUNDED: Final = 1e9
"""Seconds from which aiohttp rounds a timeout up to whole seconds."""
LONGEST_LINE: Final = 8190
MOST_HEADERS: Final = 128
OF_ANOTHER_LOOP: Final = (
    "the session that this client was given belongs to another event loop: make it in the one that uses the client"
)
READ_AHEAD: Final = 64 * 1024
"""Bytes of a body that aiohttp reads before the client takes them, give or take as many again."""
SETTINGS: Final[Mapping[str, Any]] = {
    "raise_for_status": False,
    "auto_decompress": False,
    "max_line_size": LONGEST_LINE,
    "max_field_size": LONGEST_LINE,
    "max_headers": MOST_HEADERS,
    "read_bufsize": READ_AHEAD,
}
"""Of the client's own session, and of each call through a session of the user."""
COMMON_HEADERS: Final = {"Accept": JSON, "Accept-Encoding": ACCEPTED}
WITH_BODY: Final = {"Content-Type": JSON}
NO_HEADERS: Final[Mapping[str, str]] = {}


def open_session(options: SessionOptions, origin: str) -> aiohttp.ClientSession:
    """Return a client's own session for one origin, which keeps no cookies and knows no key.

    Raises:
        InvalidArgument: the environment's proxy for the origin cannot be used.
    """
    proxy = options.proxy_to(origin)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=options.max_connections, ssl=options.ssl_context or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=COMMON_HEADERS | {"User-Agent": options.user_agent or USER_AGENT},
        proxy=None if proxy is None else proxy.reveal(),
        **SETTINGS,
    )


def check_session(session: object) -> None:
    """Check that a session is one of aiohttp.

    Raises:
        InvalidArgument: it is something else, such as a wrapper that retries.
    """
    if not isinstance(session, aiohttp.ClientSession):
        raise InvalidArgument(
            f"session is of type {type(session).__name__}, and not an aiohttp.ClientSession: give the session that it "
            "wraps; this client retries by itself"
        )


def connections_of(session: aiohttp.ClientSession) -> int | None:
    """Return how many connections a session keeps open at once; None if it has no limit, or was closed."""
    connector = session.connector
    return connector.limit or None if connector is not None else None


class SessionWire:
    """Sends requests to one origin with one key, or with none.

    Arguments:
        origin: scheme, host and port.
        key: None for an origin that must not see it.
        timeout_s: for a whole call: waiting for a connection, connecting, and the response.
        session: a session of the user, which is never closed; None makes one from `options`.
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
        self._root = URL(origin, encoded=True)
        self._key = key
        self._timeout_s = timeout_s
        self._owns_session = session is None
        self._session = open_session(options, origin) if session is None else session
        self._settings = SETTINGS if session is not None else {}  # its own session has them, and these headers
        self._common = COMMON_HEADERS if session is not None else {}
        if session is not None and "User-Agent" not in session.headers:
            self._common = self._common | {"User-Agent": USER_AGENT}
        self._common_with_body = self._common | WITH_BODY
        loop = asyncio.get_running_loop()
        self._turns = LoopTurns(loop)
        self._deadlines = Deadlines(loop)
        self._streams: set[Body] = set()

    async def close(self) -> None:
        """End all calls that are under way; close the session unless it is the user's."""
        self._deadlines.close()
        for stream in tuple(self._streams):
            stream.break_off()
        if self._owns_session:
            await self._session.close()

    async def send(self, request: Request[Any], path: str, on_sent: OnSent) -> Response:
        """Send the request once.

        Raises:
            TransportError: no response; its `sent` is False only where no byte can have left.
            InvalidResponse: a response too large, or that cannot be unpacked.
            RuntimeError: the client, or the session that it was given, was closed; or the session belongs to another
                event loop.
        """
        if self._deadlines.is_closed:
            raise RuntimeError("the client is closed")
        if not self._owns_session and self._session.closed:
            raise RuntimeError("the session that this client was given is closed")
        limit_s = request.timeout_s or self._timeout_s
        timeout = timeout_of(limit_s, request.streamed, request.to_ingestion)
        headers = self._common if request.body is None else self._common_with_body
        if request.accept is not None:
            headers = headers | {"Accept": request.accept}
        # no hook of the client's own session has to see them earlier, and setting them late takes less time
        late = headers if self._owns_session else NO_HEADERS
        attempt = OneAttempt(self._url(path, request.query), self._key, self._turns, late)
        # the caller decides how fast a streamed response is read
        call = self._deadlines.begin(None if request.streamed else limit_s)
        problem: BaseException
        try:
            response = await self._request(request, attempt, timeout, None if self._owns_session else headers)
            on_sent()
            if not request.streamed and response.content.at_eof():
                return Response(
                    status=response.status, path=path, headers=response.headers, body=b"", origin=self._origin
                )
            return await self._read(request, path, response, limit_s)
        except asyncio.CancelledError as error:
            sent = attempt.began
            if call.takes_cancellation():
                ended = ClientClosed() if self._deadlines.is_closed else TimeoutError()
                problem = failure(request, path, ended, sent=sent, within_s=limit_s)
            else:
                problem = asyncio.CancelledError(*error.args)
        except FOREIGN as error:
            first = attempt.error or error
            sent = may_have_left(first, began=attempt.began)
            problem = failure(request, path, first, sent=sent, within_s=limit_s if sent else timeout.connect or limit_s)
            del first  # a variable of this frame would show it
        except PostHogError as error:
            sent, problem = True, error
        except Exception as error:  # of a hook that the user's session has, or of asyncio
            raised = RuntimeError(OF_ANOTHER_LOOP) if _is_of_another_loop(error) else error
            sent, problem = attempt.began, without_frames(raised)
            del raised  # a variable of this frame would show it
        finally:
            self._deadlines.over(call)
        if sent:
            on_sent()
        # outside of `except`: the text and the frames of aiohttp's exceptions hold headers and addresses
        raise problem

    def _request(
        self,
        request: Request[Any],
        attempt: OneAttempt,
        timeout: aiohttp.ClientTimeout,
        headers: Mapping[str, str] | None,
    ) -> Awaitable[aiohttp.ClientResponse]:
        """Return the response, its body unread; override every setting of the session that would change the call."""
        body = request.body
        return self._session.request(
            request.method,
            attempt.url,
            data=body if body is None or len(body) <= WRITTEN_AT_ONCE else BytesIO(body),
            headers=headers,
            skip_auto_headers=WITH_BODY if body is None else None,
            allow_redirects=False,
            timeout=timeout,
            middlewares=(attempt,),
            **self._settings,
        )

    async def _read(
        self, request: Request[Any], path: str, response: aiohttp.ClientResponse, limit_s: float
    ) -> Response:
        """Return the response with its body, or with the body as a stream."""
        status, headers = response.status, response.headers
        body, stream = b"", None
        if request.streamed and status < 300:
            stream = Body(request, path, response, _unpacker(headers), limit_s, self._streams)
        elif not response.content.at_eof():
            try:
                body = await read_body(request, path, response, _unpacker(headers))
            except BaseException:
                response.close()
                raise
            if not response.content.at_eof():  # at the end aiohttp has taken the connection back already
                response.close()
        return Response(status=status, path=path, headers=headers, body=body, stream=stream, origin=self._origin)

    def _url(self, path: str, query: tuple[tuple[str, str], ...]) -> URL:
        target = f"/{target_of(path, query)}"
        # the latter takes half the time, and knows no query
        return URL(self._origin + target, encoded=True) if query else self._root.with_path(target, encoded=True)


def _is_of_another_loop(error: Exception) -> bool:
    """Return whether asyncio says so; aiohttp has no documented way to ask a session for its loop."""
    return isinstance(error, RuntimeError) and re.search("different (event )?loop", str(error)) is not None


def _unpacker(headers: Mapping[str, str]) -> Unpacker:
    return Unpacker(headers.get("Content-Encoding", ""))


def target_of(path: str, query: tuple[tuple[str, str], ...]) -> str:
    """Return path and query of a request, as they are sent.

    Raises:
        ValueError: they hold a character that has to be encoded, and could break out of its line.
    """
    target = f"{path}?{urlencode(query)}" if query else path
    if not (target.isascii() and target.isprintable()) or " " in target:
        raise ValueError("a request's target holds a character that has to be encoded")
    return target


@lru_cache(maxsize=64)
def timeout_of(limit_s: float, streamed: bool, to_ingestion: bool) -> aiohttp.ClientTimeout:
    """Return how long aiohttp waits for a connection, and for the next bytes of a streamed response.

    A call that is not streamed has a deadline for the whole. It may spend all of that but `MOST_TO_RESPOND_S`, or nine
    tenths of it, on getting a connection. So when its time is over it has one, and bytes may have left; before that
    aiohttp says that it has none.
    """
    connect_s = limit_s if streamed else max(limit_s * SHARE_TO_CONNECT, limit_s - MOST_TO_RESPOND_S)
    return aiohttp.ClientTimeout(
        total=None,
        connect=min(connect_s, CONNECTED_WITHIN_S) if to_ingestion else connect_s,
        sock_read=limit_s if streamed else None,
        ceil_threshold=NEVER_ROUNDED,
    )
