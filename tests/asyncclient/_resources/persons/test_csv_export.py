"""All persons as one streamed CSV: complete or an error, in constant memory, with one request (contract 6.1)."""

import asyncio
import tracemalloc
from typing import Any

import pytest

from asyncclient import InvalidArgument, PrefixMoved, PropertyFilter, ServerError
from tests.asyncclient._resources.persons.csv_bodies import HEADER, ROW, chunk, counting, head, read, whole
from tests.asyncclient.fast_clients import FAST


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
