"""What people use in the product's place: the bare library with workers, requests, and the usual stack on httpx.

Each makes the same call for each path. Imports are inside, so that a rival carries nobody else's modules.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from benchmarks.lab import KEY

HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
NEVER_BINDS = 1_000_000
"""Requests a second of a limiter that is there because people have one, and does not bind."""


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """The same call for many: `url` is what comes before each path."""

    method: str
    url: str
    paths: Sequence[str]
    body: bytes | None = None


async def aiohttp_workers(calls: Calls, workers: int, ready: Callable[[], None]) -> None:
    """The ceiling in Python: workers that take path after path and do nothing else.

    Arguments:
        ready: called when the first request is about to leave.
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
                        raise RuntimeError(f"answered {response.status}")

        ready()
        await asyncio.gather(*(work() for _ in range(workers)))


def requests_loop(calls: Calls, ready: Callable[[], None]) -> None:
    """One session, one call after the other."""
    ready()
    _requests(calls, iter(calls.paths))


def requests_threads(calls: Calls, threads: int, ready: Callable[[], None]) -> None:
    """A session a thread, all taking path after path."""
    places = itertools.count()

    def own() -> None:
        _requests(calls, _taken(calls.paths, places))

    ready()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(own) for _ in range(threads)]:
            done.result()


async def httpx_stack(calls: Calls, workers: int, ready: Callable[[], None]) -> None:
    """httpx, aiolimiter and tenacity, as tutorials have it."""
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
        session.trust_env = False  # the lookup of proxies alone would take as long as the call
        for path in paths:
            session.request(calls.method, calls.url + path, data=calls.body, timeout=60).raise_for_status()


def _taken(paths: Sequence[str], places: "itertools.count[int]") -> Any:
    """The paths at the places that this thread got; counting is atomic where generators are not."""
    while (place := next(places)) < len(paths):
        yield paths[place]
