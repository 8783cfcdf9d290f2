"""An endless error page is not read to its end (guarantee 30)."""

import asyncio
from typing import Any

import aiohttp
import pytest

from asyncclient import ServerError

PIECE = b"<p>" + b"x" * 65_536


@pytest.mark.parametrize("whose", ["its own session", "a session of the user"])
async def test_an_endless_error_page_is_read_up_to_its_limit(raw: Any, whose: str) -> None:
    gone = asyncio.Event()
    written = 0

    async def endless(request: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 502 X\r\nContent-Length: 1000000000000\r\n\r\n")
        try:
            while True:
                writer.write(PIECE)
                written += len(PIECE)
                await writer.drain()
        except ConnectionError:
            pass
        gone.set()

    server = await raw.serve(endless)
    async with aiohttp.ClientSession(read_bufsize=1 << 30) as session:
        settings = {"session": session} if whose == "a session of the user" else {}
        client = await raw.client(server.url, timeout_s=20.0, **settings)
        call = asyncio.create_task(client.persons.get(raw.uuid))
        await gone.wait()
        with pytest.raises(ServerError) as caught:
            await call
    assert caught.value.status == 502
    assert written < 16 << 20  # what the system keeps on the way is a few MiB; a success may have 32
