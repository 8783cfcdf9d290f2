"""How connections and calls end: what is given up leaves no more bytes, and whoever waits for a response is told."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from asyncclient import ApiStatusError, ConnectionLost, PostHogClient, TimedOut

LARGE = 20_000_000
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["plain", "TLS"])
def serving(request: pytest.FixtureRequest, trusted: ssl.SSLContext) -> Any:
    """Serve on a plain socket, and with TLS."""
    context = trusted if request.param == "TLS" else None

    @contextlib.asynccontextmanager
    async def serve(handler: Handler) -> AsyncIterator[str]:
        async with await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            yield f"https://localhost:{port}" if context else f"http://127.0.0.1:{port}"

    return serve


async def turns() -> None:
    """Let the client read what a server in this process has already written to the socket."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("status", [413, 200])
@pytest.mark.parametrize("size", [10, LARGE])
async def test_a_connection_with_a_response_before_its_request_is_not_used_again(
    raw: Any, serving: Any, size: int, status: int
) -> None:
    bodies: list[bool] = []  # for each connection that ended, whether the last body arrived whole
    ended, under_way = asyncio.Event(), 0

    async def respond_early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way
        under_way += 1
        whole = True
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                whole = False
                writer.write(raw.http(status, b"" if status == 200 else b"too much"))
                await writer.drain()
                await turns()
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
                whole = True
        bodies.append(whole)
        writer.close()
        under_way -= 1
        ended.set()

    async with serving(respond_early) as url:
        client = await raw.client(url)
        for _ in range(2):
            with contextlib.suppress(ApiStatusError):
                await client.persons.update(raw.uuid, {"long": "x" * size})
        await client.aclose()
        while under_way:
            ended.clear()
            await ended.wait()
        assert bodies == ([True] if size != LARGE else [False, False])


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["timeout", "cancellation"])
async def test_a_call_that_has_ended_sends_nothing_more(raw: Any, serving: Any, ending: str) -> None:
    begun, over, read = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop().create_future()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        size = len(await reader.readexactly(1))
        begun.set()
        await over.wait()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while block := await reader.read(1 << 20):
                size += len(block)
        read.set_result(size)
        writer.close()

    async with serving(stall) as url:
        client = await raw.client(url, timeout_s=3.0 if ending == "timeout" else 60.0)
        call = asyncio.create_task(client.persons.update(raw.uuid, {"long": "x" * LARGE}))
        first = asyncio.create_task(begun.wait())
        await asyncio.wait({first, call}, return_when=asyncio.FIRST_COMPLETED)
        first.cancel()
        if ending == "cancellation":
            call.cancel()
        with pytest.raises(TimedOut if ending == "timeout" else asyncio.CancelledError):
            await call
        over.set()
        assert await read < LARGE


CALLS: dict[str, Callable[[PostHogClient, str], Any]] = {
    "DELETE": lambda client, uuid: client.persons.delete(uuid),
    "POST": lambda client, uuid: client.persons.delete_events(uuid),
    "PATCH": lambda client, uuid: client.persons.update(uuid, {"plan": "x"}),
    "PATCH, large": lambda client, uuid: client.persons.update(uuid, {"plan": "x" * 1_000_000}),
}


@pytest.mark.slow
@pytest.mark.parametrize("method", CALLS)
async def test_an_unrequested_response_is_not_that_of_the_next_call(raw: Any, method: str) -> None:
    on, said = asyncio.Event(), asyncio.Event()

    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(raw.http(body=b'{"results": []}'))
        await writer.drain()
        await on.wait()
        writer.write(raw.http(204, b""))
        said.set()
        return True

    server = await raw.serve(response)
    client = await raw.client(server.url)
    await client.persons.list()
    on.set()
    await said.wait()
    await turns()
    with pytest.raises(ConnectionLost, match="it held a response that belongs to no request") as caught:
        await CALLS[method](client, raw.uuid)
    assert caught.value.sent is True
    assert server.connections == 1


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"


async def export(client: PostHogClient, pause: Callable[[], Awaitable[None]]) -> None:
    async with client.persons.export_csv() as parts:
        async for _ in parts:
            await pause()


@pytest.mark.parametrize("reader", ["list", "export", "slow export"])
@pytest.mark.parametrize("at_once", [False, True])
async def test_a_body_that_turns_out_to_be_none_ends_the_call(raw: Any, reader: str, at_once: bool) -> None:
    """At once, or with its time: aiohttp does not tell who reads when the body goes wrong in the middle."""
    begun, on, lost = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def spoil(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(CHUNKED + b"4\r\na,b\n\r\n" + (b"zz\r\n" if at_once else b""))
        await writer.drain()
        begun.set()
        if not at_once:
            await on.wait()
            writer.write(b"zz\r\n")
        await request.client_gone()
        lost.set()
        return False

    async def pause() -> None:
        on.set()
        if reader == "slow export":
            await lost.wait()

    server = await raw.serve(spoil)
    client = await raw.client(server.url, timeout_s=60.0 if at_once else 1.0)
    call = client.persons.list() if reader == "list" else export(client, pause)
    task = asyncio.create_task(call)
    await begun.wait()
    await turns()
    on.set()
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionLost if at_once else (ConnectionLost, TimedOut)) as caught:
            await task
    assert caught.value.sent is True


@pytest.mark.parametrize("moment", ["connecting", "waiting", "before the response", "in the body", "in an export"])
async def test_closing_the_client_ends_every_call(raw: Any, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    async def stall(request: Any, writer: asyncio.StreamWriter) -> bool:
        if moment.startswith("in "):
            writer.write(CHUNKED + b"4\r\na,b\n\r\n")
        await request.client_gone()
        return False

    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    if moment == "connecting":
        monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", never)
    server = await raw.serve(stall)
    client = await raw.client(server.url, max_connections=1, timeout_s=60.0)

    async def pause() -> None:
        pass

    calls = [client.persons.list() if moment != "in an export" else export(client, pause)]
    if moment == "waiting":
        calls += [client.persons.list(), export(client, pause)]
    tasks = [asyncio.create_task(call) for call in calls]
    if moment != "connecting":
        await server.arrived.wait()
    await turns()
    await client.aclose()
    async with asyncio.timeout(3):
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    # aiohttp does not tell whether it had a connection already: bytes may have left of each of them
    assert [(type(each), str(each).partition(": ")[2]) for each in ends] == [
        (ConnectionLost, "the connection broke (the client was closed)")
    ] * len(tasks)
    assert [task.cancelled() for task in tasks] == [False] * len(tasks)
