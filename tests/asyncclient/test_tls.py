"""A certificate that nobody vouches for ends the call before the key is shown, and nothing switches that off."""

import asyncio
import inspect
import ssl
from pathlib import Path
from typing import Any

import pytest

from asyncclient import ConnectFailed, PostHogClient

# for localhost, self-signed, of no use anywhere else
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


async def test_a_certificate_that_nobody_signed_is_refused_before_anything_is_sent(raw: Any, tmp_path: Path) -> None:
    file = tmp_path / "both.pem"
    file.write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
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
