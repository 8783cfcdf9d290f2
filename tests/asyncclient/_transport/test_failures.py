"""What is said of a request without a response: the host, the certificate, the cause, and never an exception's name."""

import asyncio
import errno
import socket
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

import asyncclient
from asyncclient import ConnectFailed, ConnectionLost, TimedOut, TransportError, UnknownHost, UntrustedCertificate
from asyncclient._protocol import endpoints
from asyncclient._transport.failures import failure
from asyncclient.retry import GiveUp, RetryPolicy, decide

KEY = ConnectionKey("posthog.example.com", 443, True, True, None, None, None)
GET = endpoints.list_persons()


def failed(error: Exception, *, sent: bool = False) -> TransportError:
    return failure(GET, "api/projects/1/persons/", error, sent=sent, within_s=5)


def certificate_error(code: int | None) -> Exception:
    problem = ssl.SSLCertVerificationError("refused")
    if code is not None:
        problem.verify_code = code
    return aiohttp.ClientConnectorCertificateError(KEY, problem)


@pytest.mark.parametrize(
    ("code", "problem", "is_unknown_authority"),
    [
        (18, "its certificate authority is unknown", True),
        (20, "its certificate authority is unknown", True),
        (None, "its certificate authority is unknown", True),
        (10, "it has expired", False),
        (62, "it is for another host name", False),
    ],
)
def test_a_certificate_that_is_not_trusted_names_the_host_and_the_problem(
    code: int | None, problem: str, is_unknown_authority: bool
) -> None:
    found = failed(certificate_error(code))
    assert type(found) is UntrustedCertificate
    told = f"GET persons/: the certificate of 'posthog.example.com' is not trusted: {problem}; "
    assert str(found).startswith(told)
    assert ("--ca-file" in str(found)) is is_unknown_authority
    assert found.is_unknown_authority is is_unknown_authority
    assert not found.sent


def test_a_certificate_that_is_not_trusted_is_not_retried() -> None:
    decision = decide(RetryPolicy(), failed(certificate_error(18)), attempt=1, mutating=False)
    assert isinstance(decision, GiveUp)


def test_an_unknown_host_is_named() -> None:
    found = failed(aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NONAME, "not known")))
    assert type(found) is UnknownHost
    assert str(found) == "GET persons/: no connection (no address is known for the host 'posthog.example.com')"
    assert found.does_not_exist
    assert isinstance(decide(RetryPolicy(), found, attempt=1, mutating=False), GiveUp)


def test_a_silent_name_server_differs_from_an_unknown_name() -> None:
    found = failed(aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_AGAIN, "try again")))
    assert isinstance(found, UnknownHost)
    assert not found.does_not_exist


def connector_error(error: OSError) -> Exception:
    return aiohttp.ClientConnectorError(KEY, error)


@pytest.mark.parametrize(
    ("error", "sent", "kind", "message"),
    [
        (
            connector_error(ConnectionRefusedError(errno.ECONNREFUSED, "x")),
            False,
            ConnectFailed,
            "no connection (Connection refused)",
        ),
        (TimeoutError(), False, ConnectFailed, "no connection within 5 s"),
        (TimeoutError(), True, TimedOut, "no response within 5 s"),
        (aiohttp.ServerDisconnectedError(), True, ConnectionLost, "the connection broke (the server closed it)"),
        (aiohttp.ClientConnectionResetError("x"), True, ConnectionLost, "the connection broke (no cause is known)"),
        (aiohttp.ClientConnectionError("x"), False, ConnectFailed, "no connection (no cause is known)"),
        (ValueError("x"), True, ConnectionLost, "the connection broke (no cause is known)"),
        (OSError("x"), True, ConnectionLost, "the connection broke (no cause is known)"),
    ],
)
def test_error_messages_name_no_exception_class(error: Exception, sent: bool, kind: type[Any], message: str) -> None:
    found = failed(error, sent=sent)
    assert type(found) is kind
    assert str(found) == f"GET persons/: {message}"


async def test_a_server_without_tls_has_an_error_of_its_own(raw: Any) -> None:
    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(response, "127.0.0.1", 0) as server:
        client = await raw.client(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(ConnectFailed, match=r"does not speak TLS on this port; plain http .* needs --allow-http"):
            await client.persons.get(raw.uuid)


async def test_an_error_names_a_private_certificate_authority_that_is_not_trusted(raw: Any, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the handshake's end on the server's side

    async def response(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(response, "127.0.0.1", 0, ssl=context) as server:
        client = await raw.client(f"https://localhost:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(UntrustedCertificate) as caught:
            await client.persons.get(raw.uuid)
    assert caught.value.is_unknown_authority
    assert not any(name in str(caught.value) for name in asyncclient.__all__)
