"""The way an exchange ends on the wire: an answer, a reset, a cut body, silence.

The only place that touches sockets; it decides nothing.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator

from aiohttp import web

from asyncclient.testing.http.envelope import Response
from asyncclient.testing.request_handler import Outcome


async def finish(request: web.BaseRequest, outcome: Outcome, closing: asyncio.Event) -> web.StreamResponse:
    """Send what the outcome says in the way it says. `closing` ends a silence."""
    match outcome.ending:
        case "answer":
            outcome.record.status = outcome.answer.status
            outcome.record.answered_bytes = len(outcome.answer.body)
            if outcome.answer.blocks is not None:
                return await _stream(request, outcome, outcome.answer.blocks)
            return plain(outcome.answer)
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


def plain(answer: Response) -> web.Response:
    """An answer as aiohttp sends it."""
    response = web.Response(status=answer.status, body=answer.body, headers=list(answer.headers))
    if answer.body:
        response.headers["Content-Type"] = answer.content_type
    return response


async def _cut(request: web.BaseRequest, outcome: Outcome) -> web.StreamResponse:
    answer = outcome.answer
    response = _begun(answer)
    if answer.blocks is None:
        some = answer.body
        response.content_length = len(some)
    else:
        some = next(filter(None, answer.blocks), b"")
    await response.prepare(request)
    await response.write(some[: len(some) // 2])
    outcome.record.status = answer.status
    _close(request)
    return response


async def _stream(request: web.BaseRequest, outcome: Outcome, blocks: Iterator[bytes]) -> web.StreamResponse:
    response = _begun(outcome.answer)
    await response.prepare(request)
    if request.method != "HEAD":
        for block in blocks:
            if block:
                outcome.record.answered_bytes += len(block)
                await response.write(block)
            # Others get a turn, however long the next block takes.
            await asyncio.sleep(0)
    await response.write_eof()
    return response


def _begun(answer: Response) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=list(answer.headers))
    response.headers["Content-Type"] = answer.content_type
    return response


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
