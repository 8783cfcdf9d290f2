"""CSV exports that break off, stay silent or are no CSV end with an error and never look complete (contract 6.1)."""

import asyncio
import gzip
from contextlib import AsyncExitStack
from typing import Any

import pytest
from virtual_time import run_virtual

from asyncclient import (
    Bucket,
    ConnectionLost,
    InvalidResponse,
    Limits,
    PermissionDenied,
    RateLimits,
    RequestFinished,
    Retrying,
    ServerError,
    TimedOut,
)
from tests.asyncclient._resources.persons.csv_bodies import HEADER, ROW, chunk, head, read, whole
from tests.asyncclient.fast_clients import FAST


async def test_a_count_that_fails_leaves_the_export_whole(raw: Any) -> None:
    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        ours = "format=csv" in request.target
        writer.write(whole(HEADER + b"1,2\r\n" * 10_000) if ours else raw.http(403, b'{"detail": "no"}'))
        return True

    server = await raw.serve(response)
    export = (await raw.client(server.url)).persons.export_csv()
    await read(export)
    assert (export.rows, export.cut) == (10_000, None)


@pytest.mark.parametrize("encoding", ["gzip", None])
@pytest.mark.parametrize("with_length", [True, False])
async def test_a_response_that_breaks_off_never_looks_complete(raw: Any, encoding: Any, with_length: bool) -> None:
    body = HEADER + ROW * 5000
    packed = gzip.compress(body) if encoding else body
    headers = {"Content_Encoding": "gzip"} if encoding else {}

    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        part = packed[: len(packed) * 2 // 3]
        if with_length:
            length = str(len(packed))
            writer.write(raw.http(body=part, Content_Type="text/csv", Content_Length=length, **headers))
        else:
            writer.write(head(**headers) + chunk(part))
        return False

    server = await raw.serve(response)
    export = (await raw.client(server.url, retry=FAST)).persons.export_csv()
    with pytest.raises(ConnectionLost) as caught:
        await read(export)
    assert caught.value.sent
    assert caught.value.__context__ is None
    assert export.cut is None
    assert len(server.requests) == 1
    with pytest.raises(ConnectionLost):
        await anext(export)


async def test_a_response_without_a_known_end_is_refused(raw: Any) -> None:
    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/csv\r\n\r\n" + HEADER + ROW)
        return False

    server = await raw.serve(response)
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse, match="does not say where it ends"):
        await read(client.persons.export_csv())


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{}", {"Content_Type": "application/json"}),
        (b"id\r\n", {"Content_Type": "text/html; charset=utf-8"}),
        (b"\n<!doctype html>", {"Content_Type": "text/csv"}),
        (b"<html>", {}),
        (b'{"detail": "session expired"}', {}),
    ],
)
async def test_a_response_that_is_not_csv_is_refused_and_its_connection_closed(
    raw: Any, body: bytes, headers: dict[str, str]
) -> None:
    server = await raw.serve(raw.http(body=body, **headers))
    client = await raw.client(server.url)
    export = client.persons.export_csv()
    with pytest.raises(InvalidResponse):
        await read(export)
    assert export.rows == 0


async def test_rows_that_cannot_be_separated_are_an_error(raw: Any) -> None:
    server = await raw.serve(whole(HEADER + b'1,"never closed\r\n'))
    export = (await raw.client(server.url)).persons.export_csv()
    with pytest.raises(InvalidResponse, match="the CSV is broken: it ends within a cell"):
        await read(export)
    with pytest.raises(InvalidResponse):
        await anext(export)


async def test_a_body_that_is_not_gzip_as_its_header_says_cannot_be_read(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b"no gzip", Content_Encoding="gzip", Content_Type="text/csv"))
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse, match="cannot be unpacked"):
        await read(client.persons.export_csv())


def test_only_silence_is_a_time_out(raw: Any) -> None:
    async def slow(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(head() + chunk(HEADER))
        for _ in range(50):
            await asyncio.sleep(50.0)
            writer.write(chunk(ROW))
            await writer.drain()
        if "search" in request.target:
            await request.client_gone()
        writer.write(chunk(b""))
        return True

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            there = type(raw)(stack)
            server = await there.serve(slow)
            client = await there.client(server.url, timeout_s=60.0, retry=FAST)
            assert await read(client.persons.export_csv()) == HEADER + ROW * 50  # long after a time-out for all of it
            silent = client.persons.export_csv(search="x", timeout_s=55.0)
            began = loop.time()
            with pytest.raises(TimedOut, match="within 55 s"):
                await read(silent)
            assert 2554 < loop.time() - began < 2556
            assert silent.rows == 50
            assert len(server.requests) == 2

    run_virtual(main())


async def test_until_a_response_begins_it_is_retried_like_any_read(raw: Any) -> None:
    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        number = len(server.requests)
        if number == 1:
            return False
        writer.write(raw.http(503) if number == 2 else whole(HEADER + ROW))
        return True

    server = await raw.serve(response)
    told: list[Any] = []
    limits = Limits(RateLimits.posthog())
    client = await raw.client(server.url, retry=FAST, on_event=told.append, limits=limits)
    assert await read(client.persons.export_csv()) == HEADER + ROW
    assert len(server.requests) == 3
    assert [each.reason for each in told if isinstance(each, Retrying)] == [
        "the connection broke (the server closed it)",
        "503",
    ]
    finished = [(each.action, each.bucket, each.status) for each in told if isinstance(each, RequestFinished)]
    assert finished == [("export", Bucket.OTHERS, status) for status in (None, 503, 200)]
    assert limits.budget(Bucket.OTHERS)[0].used == 3


async def test_errors_are_read_whole_and_bounded(raw: Any) -> None:
    server = await raw.serve(
        raw.http(
            403,
            b'{"type": "authentication_error", "code": "permission_denied", "detail": "API key missing required scope",'
            b' "attr": null}',
        )
    )
    client = await raw.client(server.url)
    with pytest.raises(PermissionDenied, match="missing required scope"):
        await read(client.persons.export_csv())
    server.response = (await raw.serve(raw.http(500, b"x" * 200_000))).response
    with pytest.raises(ServerError):
        await read(client.persons.export_csv())
