"""The wire: the one file of the client that knows aiohttp. One request, one attempt, one bounded answer.

Foreign exceptions are mapped here and nowhere else. It follows no redirect, uses no proxy or netrc unless asked,
keeps no cookies, and never repeats a request by itself.
"""

from typing import Final

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from multidict import CIMultiDictProxy
from yarl import URL

from asyncclient._http import BeforeSend, Request, Response
from asyncclient._secret import Secret
from asyncclient.errors import ConnectFailed, ConnectionLost, InvalidResponse, PostHogError, TimedOut

LARGEST_BODY: Final = 32 * 1024 * 1024
LARGEST_ERROR: Final = 64 * 1024
_CHUNK = 64 * 1024


class _Dropped(Exception):
    """Stands in for the errors after which aiohttp would send GET, PUT and DELETE a second time by itself."""


async def _send_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise _Dropped from error


class AiohttpWire:
    """Sends requests to one origin with one key.

    Arguments:
        origin: scheme, host and port.
        timeout_s: for a whole call, connecting included.
        max_connections: kept open at once.
        trust_env: whether proxies of the environment are used.
    """

    def __init__(self, origin: str, key: Secret, *, timeout_s: float, max_connections: int, trust_env: bool) -> None:
        self._origin = origin
        self._timeout_s = timeout_s
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=trust_env,
            middlewares=(_send_once,),
            headers={"User-Agent": "posthog-bulk", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"},
        )
        self._key = key

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def send(self, request: Request, before_send: BeforeSend | None) -> Response:
        """Send the request once."""
        if before_send is not None:
            await before_send()
        url = URL(self._origin).joinpath(request.path, encoded=True)
        if request.query:
            url = url.with_query(list(request.query))
        headers = {"Authorization": f"Bearer {self._key.reveal()}"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        timeout = aiohttp.ClientTimeout(total=request.timeout_s or self._timeout_s)
        failure: PostHogError
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=request.body, timeout=timeout, allow_redirects=False
            ) as response:
                body = await self._read(request, response)
                return Response(status=response.status, headers=_lower(response.headers), body=body)
        except aiohttp.ClientConnectorError as error:
            failure = ConnectFailed(f"no connection ({_cause(error)})", **_where(request), sent=False)
        except aiohttp.ConnectionTimeoutError:
            failure = ConnectFailed("no connection in time", **_where(request), sent=False)
        except TimeoutError:
            failure = TimedOut(f"no answer within {timeout.total:g} s", **_where(request), sent=True)
        except _Dropped as error:
            failure = ConnectionLost(f"the connection broke ({_cause(error.__cause__)})", **_where(request), sent=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = ConnectionLost(f"the answer broke off ({type(error).__name__})", **_where(request), sent=True)
        raise failure from None  # a foreign exception's text may hold headers or the URL

    async def _read(self, request: Request, response: ClientResponse) -> bytes:
        limit = LARGEST_BODY if response.status < 300 else LARGEST_ERROR
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > limit:
                if response.status >= 300:
                    return bytes(body[:limit])
                raise InvalidResponse(
                    response.status,
                    method=request.method,
                    path=request.path,
                    route=request.route,
                    detail=f"the body is larger than {limit >> 20} MiB",
                )
        return bytes(body)


def _where(request: Request) -> dict[str, str]:
    return {"method": request.method, "path": request.path, "route": request.route}


def _lower(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _cause(error: BaseException | None) -> str:
    """An operating system's word for what happened, without host or address."""
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, OSError) and error.strerror and not isinstance(error, aiohttp.ClientError):
        return error.strerror
    return type(error).__name__
