"""Ends an exchange on the wire: with a response, a reset, a cut body or silence.

This is the only place that touches sockets; it decides nothing.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator

from aiohttp import web

from asyncclient.testing.http.envelope import Response
from asyncclient.testing.request_handler import Outcome


async def finish(request: web.BaseRequest, outcome: Outcome, closing: asyncio.Event) -> web.StreamResponse:
    """Send the response of an outcome and end the exchange as it says. `closing` ends a silence."""
    match outcome.ending:
        case "response":
            outcome.record.status = outcome.response.status
            outcome.record.answered_bytes = len(outcome.response.body)
            if outcome.response.blocks is not None:
                return await _stream(request, outcome, outcome.response.blocks)
            return plain(outcome.response)
        case "cut":
            return await _cut(request, outcome)
        case "stall":
            await closing.wait()
            _close(request)
        case "reset":
            _reset(request)
        case "close":
            _close(request)
    return web.Response()


def plain(response: Response) -> web.Response:
    """Convert a response into one of aiohttp."""
    reply = web.Response(status=response.status, body=response.body, headers=list(response.headers))
    if response.body:
        reply.headers["Content-Type"] = response.content_type
    return reply


async def _cut(request: web.BaseRequest, outcome: Outcome) -> web.StreamResponse:
    response = outcome.response
    reply = _begun(response)
    if response.blocks is None:
        part = response.body
        reply.content_length = len(part)
    else:
        part = next(filter(None, response.blocks), b"")
    await reply.prepare(request)
    await reply.write(part[: len(part) // 2])
    outcome.record.status = response.status
    _close(request)
    return reply


async def _stream(request: web.BaseRequest, outcome: Outcome, blocks: Iterator[bytes]) -> web.StreamResponse:
    reply = _begun(outcome.response)
    await reply.prepare(request)
    if request.method != "HEAD":
        for block in blocks:
            if block:
                outcome.record.answered_bytes += len(block)
                await reply.write(block)
            # Let other tasks run, however long the next block takes.
            await asyncio.sleep(0)
    await reply.write_eof()
    return reply


def _begun(response: Response) -> web.StreamResponse:
    reply = web.StreamResponse(status=response.status, headers=list(response.headers))
    reply.headers["Content-Type"] = response.content_type
    return reply


def _close(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()


def _reset(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
