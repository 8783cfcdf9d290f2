"""A certificate that nobody vouches for ends the call before the key is shown, and nothing switches that off."""

import asyncio
import inspect
import ssl
from pathlib import Path
from typing import Any

import pytest

from asyncclient import ConnectFailed, PostHogClient


async def test_a_certificate_that_nobody_signed_is_refused_before_anything_is_sent(raw: Any, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(raw.http(404, b'{"detail": "Not found."}'))
        await writer.drain()
        writer.close()

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the handshake's end on the server's side
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        client = await raw.client(f"https://localhost:{port}")
        with pytest.raises(ConnectFailed, match="certificate is not trusted"):
            await client.persons.get(raw.uuid)
    assert heard == []


def test_no_setting_of_a_client_speaks_of_certificates() -> None:
    names = set(inspect.signature(PostHogClient).parameters)
    assert not [name for name in names if any(word in name.lower() for word in ("ssl", "tls", "verify", "cert"))]
