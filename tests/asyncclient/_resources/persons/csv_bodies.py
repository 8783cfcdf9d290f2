"""Responses with a CSV of persons, whole or in chunks."""

import asyncio
import json
from typing import Any

from asyncclient import CsvExport

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
