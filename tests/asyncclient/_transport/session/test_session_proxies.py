"""The environment's proxy, where a client was told to use it: plain, through a tunnel, with a password, or unusable."""

import asyncio
import base64
import contextlib
import ssl
import traceback
from typing import Any

import pytest

from asyncclient import ConnectFailed, InvalidArgument, TransportError


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_a_plain_proxy_gets_the_whole_address_and_its_password(
    raw: Any, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy = await raw.serve(raw.http(body=b'{"results": []}'))
    server = await raw.serve(raw.http(body=b'{"results": []}'))
    monkeypatch.setenv("http_proxy", scheme + proxy.url.replace("http://", "me:sec%20ret@"))
    client = await raw.client(server.url, trust_env=True)
    await client.persons.list(limit=5)
    await client.persons.list(limit=5)  # on the connection that is there
    assert server.requests == []
    for seen in proxy.requests:
        assert seen.target == f"{server.url}/api/projects/1/persons/?limit=5&offset=0"
        assert seen.headers["host"] == server.url.removeprefix("http://")
        assert seen.headers["proxy-authorization"] == f"Basic {base64.b64encode(b'me:sec ret').decode()}"
        assert seen.headers["authorization"] == f"Bearer {raw.key}"
    assert (len(proxy.requests), proxy.connections) == (2, 1)


async def test_a_host_in_no_proxy_is_called_without_the_proxy(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = await raw.serve(raw.http())
    server = await raw.serve(raw.http(body=b'{"results": []}'))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    await (await raw.client(server.url, trust_env=True)).persons.list()
    assert (len(server.requests), len(proxy.requests)) == (1, 0)


async def test_through_a_tunnel_the_proxy_sees_neither_path_nor_key(
    raw: Any, monkeypatch: pytest.MonkeyPatch, trusted: ssl.SSLContext
) -> None:
    heads: list[bytes] = []
    passed: list[bytes] = []

    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(raw.http(body=b'{"results": []}'))
        writer.close()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while block := await reader.read(65536):
                passed.append(block)
                writer.write(block)
        writer.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed.append(await reader.readuntil(b"\r\n\r\n"))
        there = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    async with (
        await asyncio.start_server(response, "127.0.0.1", 0, ssl=trusted) as server,
        await asyncio.start_server(tunnel, "127.0.0.1", 0) as proxy,
    ):
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://me:secret@127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        client = await raw.client(f"https://localhost:{port}", trust_env=True)
        for _ in range(2):  # the second one through the tunnel that is there
            assert (await client.persons.list()).results == []
        await client.aclose()
    assert len([block for block in passed if block.startswith(b"CONNECT")]) == 1
    assert len(heads) == 2
    assert heads[0].startswith(b"GET /api/projects/1/persons/?limit=100&offset=0 HTTP/1.1\r\n")
    assert f"Bearer {raw.key}".encode() in heads[0]
    assert b"Proxy-Authorization" not in heads[0]
    assert passed[0].startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic " in passed[0]
    assert not any(raw.key.encode() in block or b"persons" in block for block in passed)


async def test_a_proxy_that_is_not_there_is_a_failure_before_anything_was_sent(
    raw: Any, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    server = await raw.serve(raw.http())
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_tcp_port}")
    client = await raw.client(server.url, trust_env=True)
    with pytest.raises(ConnectFailed) as caught:
        await client.persons.delete(raw.uuid)
    assert caught.value.sent is False


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("ending", ["silence", "close"])
async def test_no_error_shows_the_proxys_password(
    raw: Any, monkeypatch: pytest.MonkeyPatch, scheme: str, ending: str
) -> None:
    async def fail(request: Any, writer: asyncio.StreamWriter) -> bool:
        if ending == "silence":
            await request.client_gone()
        return False

    proxy = await raw.serve(fail)
    monkeypatch.setenv(f"{scheme}_proxy", proxy.url.replace("http://", "me:hidden@"))
    client = await raw.client(f"{scheme}://localhost:1", trust_env=True, timeout_s=1.0, allow_http=True)
    with pytest.raises(TransportError) as caught:
        await client.persons.list()
    told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "hidden" not in told
    assert base64.b64encode(b"me:hidden").decode() not in told
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("named", ["http://me:hidden@", "socks5://me:hidden@proxy:1080", "http://me:hidden@h:port"])
async def test_an_invalid_address_is_refused_without_its_password(
    raw: Any, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("http_proxy", named)
    with pytest.raises(InvalidArgument, match="http_proxy is no proxy's address: give http://host:port") as caught:
        await raw.client("http://127.0.0.1:1", trust_env=True)
    assert "hidden" not in repr(caught.value)
    await raw.client("http://127.0.0.1:1")  # unless asked nothing of it counts
