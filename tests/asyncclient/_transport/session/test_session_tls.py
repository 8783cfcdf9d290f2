"""A certificate that nobody vouches for ends the call before the key is shown, and nothing switches that off."""

import asyncio
import inspect
import ssl
from pathlib import Path
from typing import Any

import pytest

from asyncclient import ConnectFailed, InvalidArgument, PostHogClient


async def test_a_self_signed_certificate_is_refused_before_anything_is_sent(raw: Any, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    received: list[bytes] = []

    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(raw.http(404, b'{"detail": "Not found."}'))
        await writer.drain()
        writer.close()

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the handshake's end on the server's side
    async with await asyncio.start_server(response, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        client = await raw.client(f"https://localhost:{port}")
        with pytest.raises(
            ConnectFailed, match="the certificate of 'localhost' is not trusted: its certificate authority is unknown"
        ):
            await client.persons.get(raw.uuid)
    assert received == []


async def test_a_private_certificate_authority_is_trusted_where_it_is_given(raw: Any, certificate: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)

    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw.http(body=b'{"results": []}'))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(response, "127.0.0.1", 0, ssl=served) as server:
        host = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        client = await raw.client(host, ssl=ssl.create_default_context(cafile=str(certificate)))
        assert (await client.persons.list()).results == []


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


def unauthenticated() -> ssl.SSLContext:
    context = unverified()
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize("context", [unverified(), unauthenticated(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)])
async def test_a_context_that_does_not_verify_the_server_is_refused(raw: Any, context: ssl.SSLContext) -> None:
    with pytest.raises(InvalidArgument, match="does not verify the server"):
        await raw.client("https://localhost", ssl=context)


@pytest.mark.parametrize("given", [True, False, "ca.pem"])
async def test_an_object_that_is_no_ssl_context_is_refused(raw: Any, given: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"ssl is of type \w+: give an ssl\.SSLContext"):
        await raw.client("https://localhost", ssl=given)


def test_no_setting_of_a_client_switches_verification_off() -> None:
    names = set(inspect.signature(PostHogClient).parameters)
    assert not [name for name in names if any(word in name.lower() for word in ("tls", "verify", "cert"))]
