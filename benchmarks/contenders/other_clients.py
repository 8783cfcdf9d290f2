"""Other ways to send the same calls: bare aiohttp with workers, requests, and the usual stack on httpx.

Imports are inside the functions, so that each contender loads only its own modules.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from benchmarks.servers.server_control import KEY

HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
NEVER_BINDS = 1_000_000
"""Requests per second of a limiter that never blocks, as part of the usual stack."""


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """One call for many persons: `url` comes before each path."""

    method: str
    url: str
    paths: Sequence[str]
    body: bytes | None = None


async def aiohttp_workers(calls: Calls, workers: int, ready: Callable[[], None]) -> None:
    """Send with bare aiohttp, the fastest way in Python: workers that take one path after the other.

    Arguments:
        ready: called before the first request.
    """
    import aiohttp
    from yarl import URL

    paths = iter(calls.paths)
    connector = aiohttp.TCPConnector(limit=workers)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def work() -> None:
            for path in paths:
                url = URL(calls.url + path, encoded=True)
                async with session.request(calls.method, url, data=calls.body) as response:
                    await response.read()
                    if response.status >= 300:
                        raise RuntimeError(f"status {response.status}")

        ready()
        await asyncio.gather(*(work() for _ in range(workers)))


def requests_loop(calls: Calls, ready: Callable[[], None]) -> None:
    """Send with requests, one call after the other in one session."""
    ready()
    _requests(calls, iter(calls.paths))


def requests_threads(calls: Calls, threads: int, ready: Callable[[], None]) -> None:
    """Send with requests, in threads with a session each."""
    positions = itertools.count()

    def own() -> None:
        _requests(calls, _next_paths(calls.paths, positions))

    ready()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(own) for _ in range(threads)]:
            done.result()


async def httpx_stack(calls: Calls, workers: int, ready: Callable[[], None]) -> None:
    """Send with httpx, aiolimiter and tenacity, as in tutorials."""
    import httpx
    from aiolimiter import AsyncLimiter
    from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

    paths = iter(calls.paths)
    limiter = AsyncLimiter(NEVER_BINDS, 1)
    limits = httpx.Limits(max_connections=workers, max_keepalive_connections=workers)
    async with httpx.AsyncClient(headers=HEADERS, limits=limits, timeout=60) as client:

        @retry(
            retry=retry_if_exception_type(httpx.HTTPError),
            wait=wait_random_exponential(max=60),
            stop=stop_after_attempt(8),
            reraise=True,
        )
        async def call(path: str) -> None:
            async with limiter:
                response = await client.request(calls.method, calls.url + path, content=calls.body)
            response.raise_for_status()

        async def work() -> None:
            for path in paths:
                await call(path)

        ready()
        await asyncio.gather(*(work() for _ in range(workers)))


def _requests(calls: Calls, paths: Any) -> None:
    import requests

    with requests.Session() as session:
        session.headers.update(HEADERS)
        session.trust_env = False  # looking up proxies would take as long as the call
        for path in paths:
            session.request(calls.method, calls.url + path, data=calls.body, timeout=60).raise_for_status()


def _next_paths(paths: Sequence[str], positions: "itertools.count[int]") -> Any:
    """Yield the paths of this thread; a counter is atomic, a generator is not."""
    while (position := next(positions)) < len(paths):
        yield paths[position]
