"""What the wire takes at most, and what it makes of bytes that are no response (guarantee 30)."""

import asyncio
import contextlib
import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncclient import (
    ApiStatusError,
    ConnectionLost,
    InvalidResponse,
    PostHogClient,
    PostHogError,
    RateLimited,
    RetryPolicy,
    ServerError,
    UnexpectedRedirect,
)

BROKEN = {
    "cut body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "cut chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc",
    "garbage": b"\x00\xff\x01 not http at all\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(5000)) + b"\r\n",
    "too long header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_an_incomplete_response_is_a_lost_connection(raw: Any, name: str) -> None:
    async def broken(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(BROKEN[name])
        await writer.drain()
        return False

    server = await raw.serve(broken)
    client = await raw.client(server.url)
    with pytest.raises(ConnectionLost) as caught:
        await client.persons.delete(raw.uuid)
    assert caught.value.sent is True
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert raw.uuid not in str(caught.value)
    assert len(server.requests) == 1


async def test_a_body_that_is_not_gzip_as_its_header_says_is_invalid(raw: Any) -> None:
    server = await raw.serve(raw.http(body=b"this is no gzip", Content_Encoding="gzip"))
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse, match="cannot be unpacked") as caught:
        await client.persons.get(raw.uuid)
    assert caught.value.status == 200


async def test_gzip_and_deflate_and_chunks_are_read(raw: Any) -> None:
    import json
    import zlib

    body = json.dumps(raw.person()).encode()
    chunked = b"".join(b"%x\r\n%b\r\n" % (1, bytes([byte])) for byte in body) + b"0\r\n\r\n"
    responses = [
        raw.http(body=gzip.compress(body), Content_Encoding="gzip"),
        raw.http(body=zlib.compress(body), Content_Encoding="deflate"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked,
    ]

    async def next_response(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(responses[len(server.requests) - 1])
        return True

    server = await raw.serve(next_response)
    client = await raw.client(server.url)
    for _ in responses:
        assert str((await client.persons.get(raw.uuid)).uuid) == raw.uuid
    assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, RateLimited), (500, ServerError), (503, ServerError), (401, ApiStatusError), (307, UnexpectedRedirect)],
)
async def test_a_status_counts_even_when_its_body_breaks_off(raw: Any, status: int, kind: type[Exception]) -> None:
    async def cut(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(raw.http(status, b'{"deta', Content_Length="500", Retry_After="7"))
        await writer.drain()
        return False

    server = await raw.serve(cut)
    client = await raw.client(server.url)
    with pytest.raises(kind) as caught:
        await client.persons.delete(raw.uuid)
    assert caught.value.status == status  # type: ignore[attr-defined]
    if status == 429:
        assert caught.value.retry_after_s == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [400, 404])
async def test_what_only_the_body_explains_is_not_guessed_from_half_of_it(raw: Any, status: int) -> None:
    async def cut(request: Any, writer: asyncio.StreamWriter) -> bool:
        writer.write(raw.http(status, b'{"deta', Content_Length="500"))
        await writer.drain()
        return False

    server = await raw.serve(cut)
    client = await raw.client(server.url)
    with pytest.raises(ConnectionLost):
        await client.persons.get(raw.uuid)


async def test_an_error_page_beyond_64_kib_is_cut_and_keeps_its_status(raw: Any) -> None:
    server = await raw.serve(raw.http(502, b"<html>" + b"x" * 1_000_000))
    client = await raw.client(server.url)
    with pytest.raises(ServerError) as caught:
        await client.persons.get(raw.uuid)
    assert (caught.value.status, caught.value.detail) == (502, None)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("packed", [False, True])
async def test_a_body_beyond_32_mib_is_refused_and_the_connection_dropped(raw: Any, packed: bool) -> None:
    body = b'{"a": "' + b"x" * (33 << 20) + b'"}'
    response = (
        raw.http(body=gzip.compress(body, compresslevel=1) + b"more", Content_Encoding="gzip", Content_Length="9999999")
        if packed
        else raw.http(body=body)
    )
    server = await raw.serve(response)
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse, match="larger than 32 MiB"):
        await client.persons.get(raw.uuid)
    await asyncio.wait_for(server.left.wait(), 30)


@pytest.mark.slow
def test_a_gzip_bomb_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    script = tmp_path / "bomb.py"
    script.write_text(BOMB)
    found = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False, env={**os.environ}
    )
    assert found.returncode == 0, found.stderr
    kind, grown_mib = found.stdout.split()
    assert kind == "InvalidResponse"
    assert int(grown_mib) < 120  # 32 MiB held, twice while it grows; unpacked it would be 300


BOMB = """
import asyncio, resource, zlib
from asyncclient import *

packer = zlib.compressobj(9, zlib.DEFLATED, 31)
body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()
head = b"HTTP/1.1 200 OK\\r\\nContent-Encoding: gzip\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)

async def serve(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(head + body)
    await reader.read()
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, PostHogClient(
        host=url, project_id=1, personal_api_key="phx_x", api_prefix="projects", retry=RetryPolicy.never()
    ) as client:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            await client.persons.get(7)
        except PostHogError as error:
            print(type(error).__name__, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b'{"uuid": "018f0000-0000-7000-8000-000000000001", "created_at": "2026-01-01T00:00:00Z", "properties": '
        + b'{"a":' * 100_000
        + b"1"
        + b"}" * 100_001,
        b'{"unknown": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
async def test_json_nested_without_end_is_one_clear_error(raw: Any, body: bytes) -> None:
    server = await raw.serve(raw.http(body=body))
    client = await raw.client(server.url)
    with pytest.raises(InvalidResponse):
        await client.persons.get(raw.uuid)
    with pytest.raises(InvalidResponse):
        await client.persons.list()
    with pytest.raises(InvalidResponse):
        _ = [each async for each in client.persons.iter_raw()]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.slow
@given(
    said=st.one_of(
        st.binary(max_size=400),
        st.builds(
            lambda status, headers, body: (
                b"HTTP/1.1 %d X\r\n" % status + b"".join(b"%b: %b\r\n" % (n, v) for n, v in headers) + b"\r\n" + body
            ),
            st.integers(100, 999),
            st.lists(
                st.tuples(
                    st.sampled_from(
                        [b"Content-Length", b"Transfer-Encoding", b"Content-Encoding", b"Retry-After", b"Date", b"Link"]
                    ),
                    st.one_of(
                        st.sampled_from([b"0", b"2", b"chunked", b"gzip", b"deflate", b"br", b"--5", b"-1", b"9" * 30]),
                        st.binary(max_size=20).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"")),
                    ),
                ),
                max_size=4,
            ),
            st.one_of(st.binary(max_size=60), st.sampled_from([b"{}", b"null", b'{"results": [{}]}', b"[]"])),
        ),
    )
)
def test_every_response_is_a_value_or_one_of_our_errors(said: bytes) -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(said)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = PostHogClient(host=url, project_id=1, personal_api_key="phx_x", retry=RetryPolicy.never(), timeout_s=5)
        async with server, client:
            for call in (
                client.persons.list,
                lambda: client.persons.get(7),
                lambda: client.persons.knows("bulk_delete"),
            ):
                with contextlib.suppress(PostHogError):
                    await call()

    asyncio.run(main())
