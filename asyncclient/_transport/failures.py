"""Maps the exceptions of aiohttp and of the operating system to the client's own. Here and nowhere else."""

import os
import socket
import ssl
from typing import Any

import aiohttp

from asyncclient._protocol.http import Request
from asyncclient.errors import (
    ConnectFailed,
    ConnectionLost,
    InvalidResponse,
    TimedOut,
    TransportError,
    UnknownHost,
    UntrustedCertificate,
    shown,
)
from asyncclient.errors.intermediary import PROXY_LOGIN

FOREIGN = (aiohttp.ClientError, OSError, ValueError)
"""The exceptions of a request that fails. A timeout is an OSError."""
BEFORE_SENDING = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)
"""Raised by aiohttp only while it has no connection yet that a request could leave on."""
SENT_AGAIN_BY_AIOHTTP = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)
"""After these aiohttp sends a GET or DELETE a second time by itself, unless it had no connection."""

_CERTIFICATE_PROBLEMS = {
    9: "it is not valid yet",
    10: "it has expired",
    23: "it was revoked",
    62: "it is for another host name",
    64: "it is for another address",
}
"""What is wrong with a certificate, by OpenSSL's number; any other number is about its certificate authority."""
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""Errors of a look-up to which the name server responded: there is no such name, or it has no address."""
_NO_TLS = "the server does not speak TLS on this port; plain http to another machine needs --allow-http"
_NO_TLS_REASONS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})


class ClientClosed(ConnectionAbortedError):
    """The client was closed while the call was under way."""


class ResponseBeforeRequest(aiohttp.ClientConnectionError):
    """The connection held a response before the request was sent on it."""


class NotSentAgain(aiohttp.ClientConnectionError):
    """The session asks for a second attempt, or for one at another address."""


def is_before_sending(error: BaseException) -> bool:
    """Whether the error shows that no byte of the request can have left."""
    if isinstance(error, aiohttp.ClientResponseError):  # a proxy's refusal of a tunnel, or no HTTP at all
        return getattr(error.request_info, "method", None) == "CONNECT"  # a mock may leave it out
    return isinstance(error, BEFORE_SENDING)


def may_have_left(error: BaseException, *, began: bool) -> bool:
    """Whether bytes of the request may have left.

    Arguments:
        began: whether aiohttp went as far as asking for a connection.
    """
    if is_before_sending(error):
        return False
    # a session that is mocked asks for no connection, and raises what stands for a lost one
    return began or isinstance(error, aiohttp.ClientError | TimeoutError)


def without_frames(error: Exception) -> Exception:
    """The same exception without the frames that it came through: they hold the headers of the request."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def failure(request: Request[Any], path: str, error: Exception, *, sent: bool, within_s: float) -> TransportError:
    """The client's error for a request without a response, or with half of one.

    Arguments:
        sent: whether bytes of the request may have left.
        within_s: the seconds that it was given.
    """
    kind: type[TransportError]
    if isinstance(error, TimeoutError):
        kind, what = (TimedOut, "response") if sent else (ConnectFailed, "connection")
        reason = f"no {what} within {within_s:g} s"
    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _not_trusted(request, path, error)
    elif not sent and isinstance(error, aiohttp.ClientConnectorDNSError):
        return UnknownHost(
            f"no connection ({cause(error)})",
            method=request.method,
            path=path,
            route=request.route,
            does_not_exist=error.os_error.errno in _NO_SUCH_NAME,
        )
    elif not sent:
        kind, reason = ConnectFailed, f"no connection ({cause(error)})"
    elif isinstance(error, aiohttp.ClientResponseError):
        kind, reason = ConnectionLost, "the response is not HTTP, or its headers are too large"
    elif isinstance(error, aiohttp.ClientPayloadError):
        kind, reason = ConnectionLost, "the response broke off"
    else:
        kind, reason = ConnectionLost, f"the connection broke ({cause(error)})"
    return kind(reason, method=request.method, path=path, route=request.route, sent=sent)


def invalid(request: Request[Any], path: str, status: int, problem: str) -> InvalidResponse:
    """The client's error for a response that cannot be read."""
    return InvalidResponse(status, method=request.method, path=path, route=request.route, detail=problem)


def cause(error: BaseException) -> str:
    """What happened, in the operating system's words where it has some, without host or address."""
    if isinstance(error, ClientClosed):
        return "the client was closed"
    if isinstance(error, ResponseBeforeRequest):
        return "it held a response that belongs to no request"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"no address is known for the host {shown(error.host)}"
    if isinstance(error, aiohttp.ClientResponseError):
        login = ": it asks for a user name and password, which belong into its address, the setting proxy"
        return f"the proxy responded with {error.status}{login * (error.status == PROXY_LOGIN)}"
    if isinstance(error.__cause__, ssl.SSLError):
        error = error.__cause__
    if isinstance(error, ssl.SSLError):
        return _NO_TLS if error.reason in _NO_TLS_REASONS else "no TLS connection could be agreed on"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)  # its own words name the address or the URL
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed it"
    return "no cause is known"


def _not_trusted(
    request: Request[Any], path: str, error: aiohttp.ClientConnectorCertificateError
) -> UntrustedCertificate:
    problem = error.certificate_error
    code = getattr(problem, "verify_code", None)
    what = _CERTIFICATE_PROBLEMS.get(code or 0, "its certificate authority is unknown")
    return UntrustedCertificate(
        f"the certificate of {shown(error.host)} is not trusted: {what}",
        method=request.method,
        path=path,
        route=request.route,
        is_unknown_authority=code not in _CERTIFICATE_PROBLEMS,
    )
