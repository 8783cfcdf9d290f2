"""A local server with a plain aiohttp session: these tests do not use the client."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from asyncclient.testing import LocalPostHog, ServerOptions

Serve = Callable[..., Awaitable["Api"]]


class Reply:
    """A response, read to the end."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str, str]:
        return self.status, self.json["type"], self.json["code"]


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Api:
    """Calls to one server; a path is relative to persons/ unless it starts with a slash."""

    def __init__(self, server: LocalPostHog, session: aiohttp.ClientSession, clock: Clock) -> None:
        self.server = server
        self.world = server.world
        self.session = session
        self.clock = clock

    async def call(self, method: str, path: str | URL = "", **arguments: Any) -> Reply:
        url = path if isinstance(path, URL) or path.startswith("http") else self.server.url + self._path(path)
        headers = {"Authorization": f"Bearer {self.server.personal_api_key}"}
        headers |= arguments.pop("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **arguments) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str = "", **arguments: Any) -> Reply:
        return await self.call("GET", path, **arguments)

    async def post(self, path: str, body: Any = None, **arguments: Any) -> Reply:
        if body is not None:
            arguments["json"] = body
        return await self.call("POST", path, **arguments)

    async def delete(self, path: str | URL, **arguments: Any) -> Reply:
        return await self.call("DELETE", path, **arguments)

    async def where(self, *filters: dict[str, Any], more: str = "") -> list[str]:
        """Return the first distinct IDs of the matching persons, in the order of the listing."""
        reply = await self.get(f"?properties={quote(json.dumps(filters))}{more}")
        assert reply.status == 200, reply.body
        return [person["distinct_ids"][0] for person in reply.json["results"]]

    async def uuids(self, path: str = "") -> list[str]:
        return [person["uuid"] for person in (await self.get(path)).json["results"]]

    async def walk(self, path: str, most: int = 1000) -> list[str]:
        """Follow `next` to the end and return the UUIDs."""
        found: list[str] = []
        url: str | None = path
        for _ in range(most):
            page = (await self.get(url)).json
            found += [person["uuid"] for person in page["results"]]
            url = page["next"]
            if url is None:
                return found
        raise AssertionError("the listing does not end")

    def _path(self, path: str) -> str:
        return path if path.startswith("/") else f"/api/projects/{self.server.project_id}/persons/{path}"


@pytest.fixture
def clock_at() -> Callable[[float], Clock]:
    """Return the class of a clock that stands still at a chosen time."""
    return Clock


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Return a function that starts a server with persons and options; all servers are closed at the end."""
    async with AsyncExitStack() as stack:

        async def start(persons: int = 0, *, seed: int = 1, clock: Clock | None = None, **options: Any) -> Api:
            clock = clock or Clock()
            server = LocalPostHog(persons=persons, seed=seed, options=ServerOptions(**options), clock=clock)
            await stack.enter_async_context(server)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Api(server, session, clock)

        yield start
