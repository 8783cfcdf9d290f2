"""Maps aiohttp's and the system's exceptions to the client's own. Here and nowhere else."""

import os
import ssl
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from asyncclient._protocol.http import Request
from asyncclient.errors import (
    ConnectFailed,
    ConnectionLost,
    InvalidResponse,
    TimedOut,
    TransportError,
    UntrustedCertificate,
)

CONNECTED_WITHIN_S = 10.0
"""For the ingestion host: who sends events has just read that nobody is made anew by them, which does not stay true."""
FOREIGN = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
"""What comes of a request that fails."""


def failure(request: Request[Any], path: str, error: Exception, *, sent: bool, within_s: float) -> TransportError:
    """What it means that a request came to no answer, or to half of one.

    Arguments:
        sent: whether bytes of it may have left.
        within_s: how long it was to take at most.
    """
    kind: type[TransportError]
    if isinstance(error, TimeoutError):
        kind, what = (TimedOut, "answer") if sent else (ConnectFailed, "connection")
        if request.to_ingestion and not sent:
            within_s = min(within_s, CONNECTED_WITHIN_S)
        reason = f"no {what} within {within_s:g} s"
    elif not sent:
        is_certificate = isinstance(error, aiohttp.ClientConnectorCertificateError)
        kind = UntrustedCertificate if is_certificate else ConnectFailed
        reason = f"no connection ({cause(error)})"
    elif isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        kind, reason = ConnectionLost, f"the connection broke ({cause(error)})"
    elif isinstance(error, HttpProcessingError):
        kind, reason = ConnectionLost, "what came is not HTTP, or its headers are too large"
    else:
        kind, reason = ConnectionLost, f"the answer broke off ({cause(error)})"
    return kind(reason, method=request.method, path=path, route=request.route, sent=sent)


def invalid(request: Request[Any], path: str, status: int, problem: str) -> InvalidResponse:
    """What it means that an answer cannot be read."""
    return InvalidResponse(status, method=request.method, path=path, route=request.route, detail=problem)


def cause(error: BaseException | None) -> str:
    """An operating system's word for what happened, without host or address."""
    if isinstance(error, ConnectionAbortedError) and error.errno is None:  # not the system's
        return "the client was closed"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the server's certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host's name is not known"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason}" if error.reason else "TLS"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)  # its own words name the address or the URL
    return type(error).__name__
