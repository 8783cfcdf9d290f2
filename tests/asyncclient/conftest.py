"""A server of raw bytes, and clients for it and for the local server."""

import asyncio
import contextlib
import io
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from asyncclient import Limits, PostHogClient, RateLimits, RetryPolicy

KEY = "phx_raw_0123456789abcdefghij"
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgy/mC47BB8evUIU5t
OIhCYswgWxJLvqvcfhZ4y5tbjFWhRANCAASxtCdmI7zke763PymmK+uE/KNpTw20
fNlNKUXV/mnUr4eGcR+nKtursN8jzLmwr3JhuB/WeVOXpJtbNneDiOVS
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUDMh8iaC0G/MXH3l5Zlrzdb6mBQ0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzIyNTY1M1oYDzIxMjYxMDMw
MjI1NjUzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASxtCdmI7zke763PymmK+uE/KNpTw20fNlNKUXV/mnUr4eGcR+nKtur
sN8jzLmwr3JhuB/WeVOXpJtbNneDiOVSo28wbTAdBgNVHQ4EFgQUvvyFM88l/Gdr
PveAGeFxUdHvtr8wHwYDVR0jBBgwFoAUvvyFM88l/GdrPveAGeFxUdHvtr8wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgSxu5zbJgbkJq2DVff9Pbwdgu2py/2yjznzxp79RUJrMCIQD6
IY8diN4qmdD2J1QqwpeEpBlze9Lp5zs8IJa/QQMyWQ==
-----END CERTIFICATE-----
"""
"""For localhost, self-signed, with its key; of no use anywhere else."""
UUID_TEXT = "018f0000-0000-7000-8000-000000000001"


class RawRequest(msgspec.Struct, frozen=True):
    """A received request, with its target as it was on the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader

    async def client_gone(self) -> None:
        """Wait until the client has closed the connection."""
        with contextlib.suppress(ConnectionError):
            await self.reader.read()

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Respond = Callable[[RawRequest, asyncio.StreamWriter], Awaitable[bool | None]]
"""Writes what it likes; True keeps the connection open for a next request."""


class RawServer:
    """Counts requests and connections, and responds with bytes that the test chooses."""

    def __init__(self, response: Respond) -> None:
        self.response = response
        self.requests: list[RawRequest] = []
        self.connections = 0
        self.open = 0
        self.arrived = asyncio.Event()
        self.left = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while True:
                self.requests.append(await read_request(reader))
                self.arrived.set()
                if not await self.response(self.requests[-1], writer):
                    break
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            self.left.set()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> RawRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return RawRequest(method, target, headers, body, reader)


def http(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    """Return the bytes of a response; header names have `_` for `-`, and a given Content-Length is kept."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.setdefault("Content-Length", str(len(body)))
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def person_json(uuid: str = UUID_TEXT, **more: Any) -> dict[str, Any]:
    known = {"uuid": uuid, "created_at": "2026-01-02T03:04:05Z", "distinct_ids": ["a"], "properties": {}}
    return known | {"id": 7, "name": "x"} | more


class Raw:
    """Return what tests of the wire need."""

    http = staticmethod(http)
    person = staticmethod(person_json)
    key = KEY
    uuid = UUID_TEXT
    Request = RawRequest

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack = stack

    async def serve(self, response: Respond | bytes) -> RawServer:
        """Start a server; bytes are its response to every request."""
        if isinstance(response, bytes):
            told = response

            async def always(request: RawRequest, writer: asyncio.StreamWriter) -> bool:
                writer.write(told)
                return True

            response = always
        server = RawServer(response)
        await server.start()
        self._stack.push_async_callback(server.close)
        return server

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let others go on until something holds."""
        for _ in iter(condition, True):
            await asyncio.sleep(0)

    async def client(self, url: str, **settings: Any) -> PostHogClient:
        """An open client without limits and retries, on a fixed prefix, unless told otherwise."""
        settings = {
            "project_id": 1,
            "personal_api_key": KEY,
            "limits": Limits(RateLimits.off()),
            "retry": RetryPolicy.never(),
            "api_prefix": "projects",
        } | settings
        return await self._stack.enter_async_context(PostHogClient(host=url, **settings))


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    async with contextlib.AsyncExitStack() as stack:
        yield Raw(stack)


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server on localhost speaks TLS with, so that clients take it for one that someone vouches for."""
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=str(certificate)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with an untrusted certificate and its key."""
    file = tmp_path / "both.pem"
    file.write_text(CERTIFICATE)
    return file


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Return everything that any logger writes, at DEBUG."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    root = logging.getLogger()
    names = ["", "asyncio", *(name for name in logging.root.manager.loggerDict if name.startswith("aiohttp"))]
    levels = {name: logging.getLogger(name).level for name in names}
    root.addHandler(handler)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
