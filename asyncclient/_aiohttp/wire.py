"""Sends a request over a connection of aiohttp's connector, within its time."""

import asyncio
from contextlib import nullcontext
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from aiohttp import hdrs
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from yarl import URL

from asyncclient._aiohttp.answers import Body, answer, read
from asyncclient._aiohttp.connections import give_up, let_go
from asyncclient._aiohttp.failures import CONNECTED_WITHIN_S, FOREIGN, failure
from asyncclient._deadlines import Deadlines
from asyncclient._head import Heads
from asyncclient._protocol.http import OnSent, Request, Response
from asyncclient._proxies import proxy_to
from asyncclient._secret import Secret
from asyncclient.errors import PostHogError

SENT_AT_ONCE: Final = 64 * 1024
"""Bytes of a body that go with the head in one write; a larger one is not copied for it, and may leave slowly."""
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)
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
        proxy = proxy_to(url) if trust_env else None
        # the connector asks a request where it goes, and all go to the same place
        self._place = ClientRequest(hdrs.METH_GET, url, loop=loop)
        host = self._place.headers[hdrs.HOST]
        tunnelled = self._place.is_ssl()
        if proxy is not None:
            self._place.update_proxy(proxy.address, None, proxy.headers(host) if tunnelled else None)
        # a proxy is told the whole address, except where it only makes a tunnel
        self._before_path = origin if proxy is not None and not tunnelled else ""
        self._heads = Heads(host, key, proxy.authorization if proxy is not None and not tunnelled else None)
        self._timeout_s = timeout_s
        self._deadlines = Deadlines(loop)
        self._connector = aiohttp.TCPConnector(limit=max_connections)

    async def close(self) -> None:
        """End all calls that are under way, and close all connections."""
        self._deadlines.close()
        await self._connector.close()

    async def send(self, request: Request[Any], path: str, left: OnSent) -> Response:
        """Send the request once.

        Raises:
            TransportError: no answer; its `sent` is False when no byte left.
            InvalidResponse: an answer too large, or that cannot be unpacked.
            RuntimeError: the client was closed.
        """
        if self._connector.closed:
            raise RuntimeError("the client is closed")
        sent = False
        problem: PostHogError
        try:
            # how long a streamed answer takes in all depends on who reads it
            with nullcontext() if request.streamed else self._deadlines.within(self._limit_s(request)):
                connection = await self._connect(request)
                try:
                    self._write(connection, request, path)
                    sent = True
                    left()
                    status, headers, content = await answer(connection)
                    if request.streamed and status < 300:
                        stream = Body(request, path, status, content, connection, self._limit_s(request))
                        return Response(status=status, path=path, headers=headers, body=b"", stream=stream)
                    body = await read(request, path, status, content)
                except BaseException:
                    give_up(connection)
                    raise
                let_go(connection, whole=status < 300 or len(request.body or b"") < SENT_AT_ONCE)
                return Response(status=status, path=path, headers=headers, body=body)
        except FOREIGN as error:
            problem = failure(request, path, error, sent=sent, within_s=self._limit_s(request))
        raise problem  # outside of `except`: a foreign exception's text and frames may hold headers or the URL

    async def _connect(self, request: Request[Any]) -> Connection:
        """A connection, from the pool or new."""
        try:
            return await self._connector.connect(self._place, [], self._waits(request))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._connector.closed or task is None or task.cancelling():
                raise
            # closing cancels who waits for a connection; nobody asked for the end of this task
        raise ConnectionAbortedError

    def _write(self, connection: Connection, request: Request[Any], path: str) -> None:
        """Hand the whole request to the connection, and have its answer parsed.

        What it puts together shows the key, and is in no frame that is left when something goes wrong.

        Raises:
            aiohttp.ClientError: the connection broke before.
        """
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None or transport.is_closing() or protocol.should_close:
            raise aiohttp.ClientConnectionResetError("closed, or spoken on, while idle")
        target = f"{self._before_path}/{path}"
        if request.query:
            target = f"{target}?{urlencode(request.query)}"
        head = self._heads.of(request, target)
        protocol.set_response_params(
            read_until_eof=True, read_timeout=self._limit_s(request) if request.streamed else None
        )
        body = request.body or b""
        if len(body) < SENT_AT_ONCE:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        protocol.start_timeout()

    def _limit_s(self, request: Request[Any]) -> float:
        """How long the call may take, or, where it is streamed, how long nothing may come."""
        return request.timeout_s or self._timeout_s

    def _waits(self, request: Request[Any]) -> aiohttp.ClientTimeout:
        """How long a connection may take to come about."""
        if request.streamed:
            return aiohttp.ClientTimeout(total=None, connect=self._limit_s(request))
        return _CONNECTED_SOON if request.to_ingestion else _NO_TIMEOUT
