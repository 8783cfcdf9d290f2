"""All persons as one streamed CSV: complete or an error, in constant memory, with one request (contract 6.1)."""

import asyncio
import gzip
import json
import tracemalloc
from contextlib import AsyncExitStack
from typing import Any

import pytest
from virtual_time import run_virtual

from asyncclient import (
    Bucket,
    ConnectionLost,
    CsvExport,
    InvalidArgument,
    InvalidResponse,
    Limits,
    PermissionDenied,
    PrefixMoved,
    PropertyFilter,
    RateLimits,
    RequestFinished,
    Retrying,
    RetryPolicy,
    ServerError,
    TimedOut,
)

FAST = RetryPolicy(base_s=0.0)
HEADER = b"id,properties.note\r\n"
ROW = b'018f0000,"a ""note""\r\nof two lines"\r\n'


def head(**headers: str) -> bytes:
    named = {"Content-Type": "text/csv; charset=utf-8", "Transfer-Encoding": "chunked"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return ("HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in named.items()) + "\r\n").encode()


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def whole(body: bytes, **headers: str) -> bytes:
    """Return a response in chunks that end anywhere within rows."""
    cut = b"".join(chunk(body[at : at + 977]) for at in range(0, len(body), 977))
    return head(**headers) + cut + chunk(b"")


def counting(rows: int, count: Any, body: bytes | None = None) -> Any:
    """Responds to an export with this many rows, and to a listing with a count."""
    told = whole(HEADER + ROW * rows if body is None else body)

    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        listing = json.dumps({"results": [], "next": None} | ({} if count is None else {"count": count})).encode()
        lists = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        writer.write(told if "format=csv" in request.target else lists % (len(listing), listing))
        return True

    return response


async def read(export: CsvExport) -> bytes:
    async with export:
        return b"".join([block async for block in export])


async def test_every_byte_comes_in_blocks_of_whole_rows_and_rows_are_counted(raw: Any) -> None:
    server = await raw.serve(counting(9999, None))
    client = await raw.client(server.url)
    export = client.persons.export_csv(email="a@example.com", properties=[PropertyFilter("plan", "free")])
    assert (export.rows, export.cut) == (0, None)
    blocks = []
    async with export:
        async for block in export:
            blocks.append(block)
            assert block.endswith(b"\r\n")
            assert b"".join(blocks).count(b"018f0000") == export.rows
            assert export.cut is None
    assert b"".join(blocks) == HEADER + ROW * 9999
    assert len(blocks) > 1
    assert (export.rows, export.cut) == (9999, False)
    with pytest.raises(StopAsyncIteration):
        await anext(export)
    [request] = server.requests
    assert request.target == (
        "/api/projects/1/persons/?email=a%40example.com&properties="
        "%5B%7B%22key%22%3A%22plan%22%2C%22value%22%3A%22free%22%2C%22type%22%3A%22person%22%2C"
        "%22operator%22%3A%22exact%22%7D%5D&format=csv"
    )
    assert request.headers["accept"].startswith("text/csv")
    assert request.headers["authorization"] == f"Bearer {raw.key}"


@pytest.mark.parametrize(
    ("rows", "count", "cut", "requests"),
    [
        (0, 5, False, 1),
        (99, 500, False, 1),
        (100, 500, True, 2),
        (100, 100, False, 2),
        (9_999, 50_000, False, 1),
        (10_000, 10_001, True, 2),
        (10_000, 10_000, False, 2),
        (10_001, 10_000, False, 2),
        (10_000, None, None, 2),
    ],
)
async def test_the_number_of_persons_is_requested_only_if_rows_may_be_cut_off(
    raw: Any, rows: int, count: Any, cut: Any, requests: int
) -> None:
    server = await raw.serve(counting(rows, count, HEADER + b"1,2\r\n" * rows))
    client = await raw.client(server.url)
    export = client.persons.export_csv(search="x")
    await read(export)
    assert (export.rows, export.cut) == (rows, cut)
    assert len(server.requests) == requests
    assert all("search=x" in each.target for each in server.requests)


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


async def test_leaving_early_closes_the_connection(raw: Any) -> None:
    async def endless(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(head() + chunk(HEADER + ROW))
        await request.client_gone()
        return False

    server = await raw.serve(endless)
    client = await raw.client(server.url)
    async with client.persons.export_csv() as export:
        async for block in export:
            assert block == HEADER + ROW
            break
    await server.left.wait()
    assert (export.rows, export.cut) == (1, None)
    with pytest.raises(RuntimeError, match="not open"):
        await anext(export)


async def test_cancelling_closes_the_connection(raw: Any) -> None:
    async def endless(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(head() + chunk(HEADER))
        await request.client_gone()
        return False

    server = await raw.serve(endless)
    client = await raw.client(server.url)
    task = asyncio.create_task(read(client.persons.export_csv()))
    await server.arrived.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.left.wait()


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


async def test_the_prefix_is_followed_to_its_successor(raw: Any) -> None:
    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        if "/environments/" in request.target:
            location = request.target.replace("environments", "projects")
            writer.write(raw.http(307, b"", Location=f"http://elsewhere.invalid{location}"))
        else:
            writer.write(whole(HEADER + ROW))
        return True

    server = await raw.serve(response)
    told: list[Any] = []
    client = await raw.client(server.url, api_prefix="auto", on_event=told.append)
    assert await read(client.persons.export_csv()) == HEADER + ROW
    assert [each for each in told if isinstance(each, PrefixMoved)]
    assert {each.headers["host"] for each in server.requests} == {server.url.removeprefix("http://")}


async def test_in_a_once_view_it_is_attempted_once_after_the_callers_word(raw: Any) -> None:
    server = await raw.serve(raw.http(503))
    said: list[int] = []

    async def word() -> None:
        said.append(len(server.requests))

    client = await raw.client(server.url, retry=FAST)
    with pytest.raises(ServerError):
        await read(client.once(word).persons.export_csv())
    assert said == [0]
    assert len(server.requests) == 1


async def test_an_export_is_opened_once_and_before_it_is_read(raw: Any) -> None:
    server = await raw.serve(whole(HEADER + ROW))
    client = await raw.client(server.url)
    export = client.persons.export_csv()
    with pytest.raises(RuntimeError, match="not open"):
        await anext(export)
    await read(export)
    with pytest.raises(RuntimeError, match="opened once"):
        await read(export)


@pytest.mark.parametrize("wrong", [{"email": ""}, {"timeout_s": 0}, {"timeout_s": float("nan")}, {"distinct_id": 7}])
async def test_invalid_requests_are_refused_at_once(raw: Any, wrong: dict[str, Any]) -> None:
    server = await raw.serve(b"")
    client = await raw.client(server.url)
    with pytest.raises(InvalidArgument):
        client.persons.export_csv(**wrong)
    assert not server.requests


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_number_of_persons(raw: Any) -> None:
    block = ROW * 4000
    blocks = 160  # 24 MB

    async def response(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(head() + chunk(HEADER))
        for _ in range(blocks):
            writer.write(chunk(block))
            await writer.drain()
        writer.write(chunk(b""))
        return True

    server = await raw.serve(counting(0, 4000 * blocks))
    count = server.response

    async def both(request: Any, writer: asyncio.StreamWriter) -> Any:
        return await (response if "format=csv" in request.target else count)(request, writer)

    server.response = both
    client = await raw.client(server.url)
    tracemalloc.start()
    try:
        async with client.persons.export_csv() as export:
            async for _ in export:
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (export.rows, export.cut) == (4000 * blocks, False)
    assert peak < 8 * 1024 * 1024
