"""The connector and the proxy of a user's session: connections, certificate authorities and passwords."""

import asyncio
import base64
import re
import ssl
import traceback
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from asyncclient import ConnectFailed, ConnectionLost, InvalidArgument, PostHogClient

EMPTY = b'{"results": []}'


@pytest.mark.parametrize(("limit", "told"), [(7, 7), (0, 64)])
async def test_the_client_uses_as_many_connections_as_the_sessions_connector_allows(
    raw: Any, limit: int, told: int
) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=limit)) as session:
        client = await raw.client("http://127.0.0.1:1", session=session)
        assert client.max_connections == told


async def test_a_private_certificate_authority_of_its_connector_is_trusted(raw: Any, certificate: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)

    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw.http(body=EMPTY))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(response, "127.0.0.1", 0, ssl=served) as server:
        host = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        trusted = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(certificate)))
        async with aiohttp.ClientSession(connector=trusted) as session:
            client = await raw.client(host, session=session)
            assert (await client.persons.list()).results == []
            await client.aclose()


@pytest.mark.parametrize("whose", ["the client's", "the user's"])
async def test_a_proxy_that_asks_for_a_password_gets_it(raw: Any, whose: str) -> None:
    wanted = f"Basic {base64.b64encode(b'me:secret').decode()}"

    async def check(request: Any, writer: asyncio.StreamWriter) -> bool:
        allowed = request.headers.get("proxy-authorization") == wanted
        writer.write(raw.http(body=EMPTY) if allowed else raw.http(407, b"", Proxy_Authenticate="Basic"))
        return True

    proxy = await raw.serve(check)
    address = proxy.url.replace("http://", "http://me:secret@")
    async with aiohttp.ClientSession(proxy=address) as session:
        settings = {"proxy": address} if whose == "the client's" else {"session": session}
        client = await raw.client("http://posthog.invalid", allow_http=True, **settings)
        await client.persons.list()
    assert re.fullmatch(r"http://posthog\.invalid/api/projects/1/persons/\?.*", proxy.requests[0].target)


@pytest.mark.parametrize("ending", ["407", "silence", "close"])
@pytest.mark.parametrize("whose", ["the client's", "the user's"])
async def test_a_proxy_that_refuses_a_tunnel_is_a_failure_that_shows_no_password(
    raw: Any, ending: str, whose: str
) -> None:
    async def refuse(request: Any, writer: asyncio.StreamWriter) -> bool:
        if ending == "407":
            writer.write(raw.http(407, b"", Proxy_Authenticate="Basic"))
        if ending == "silence":
            await request.client_gone()
        return False

    proxy = await raw.serve(refuse)
    address = proxy.url.replace("http://", "http://me:hidden@")
    async with aiohttp.ClientSession(proxy=address) as session:
        settings = {"proxy": address} if whose == "the client's" else {"session": session}
        client = await raw.client("https://posthog.invalid", timeout_s=1.0, **settings)
        with pytest.raises((ConnectFailed, ConnectionLost)) as caught:
            await client.persons.delete(raw.uuid)
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    told = str([str(caught.value), *(frame.locals for frame in trace.stack if "/tests/" not in frame.filename)])
    assert "SessionWire" in told
    assert "hidden" not in told
    assert base64.b64encode(b"me:hidden").decode() not in told
    if ending == "407":
        assert caught.value.sent is False
        assert "the proxy responded with 407" in str(caught.value)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("proxy", ["proxy:3128", "socks5://proxy:1080", "http://", "http://me:hidden@h:port", "", 3])
def test_a_proxy_that_is_no_url_is_refused_and_not_shown(proxy: Any) -> None:
    with pytest.raises(InvalidArgument, match="the proxy is not a URL such as") as caught:
        PostHogClient(host="us", project_id=1, personal_api_key="phx_x", proxy=proxy)
    assert "hidden" not in repr(caught.value)
