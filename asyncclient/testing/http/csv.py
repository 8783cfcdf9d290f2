"""Renders a response as CSV, as the server does (contract 6.1): flat rows, one column per path into the objects.

It renders only the items of `results`, so that a single person, a summary or an error becomes an empty text with its
status.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response

CSV = "text/csv; charset=utf-8"

_ROWS_PER_BLOCK = 500


def to_csv(response: Response) -> Response:
    """Convert a JSON response to CSV; return any other response unchanged."""
    if response.blocks is not None or response.content_type != envelope.JSON or not response.body:
        return response
    value = msgspec.json.decode(response.body)
    results = value.get("results", []) if isinstance(value, dict) else value
    rows = results if isinstance(results, list) else [results]
    body = b"".join(stream_rows(lambda: rows))
    return msgspec.structs.replace(response, body=body, content_type=CSV)


def stream_rows(rows: Callable[[], Iterable[Any]]) -> Iterator[bytes]:
    """Yield the header and one line per row, in blocks; nothing if there is no row.

    `rows` is called twice, first to learn the columns. Meanwhile empty blocks are yielded, so that other tasks can run.
    """
    columns: set[str] = set()
    for number, row in enumerate(rows()):
        columns.update(flatten(row))
        if number % _ROWS_PER_BLOCK == _ROWS_PER_BLOCK - 1:
            yield b""
    header = sorted(columns)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    number = 0
    for number, row in enumerate(rows(), start=1):
        if number == 1:
            writer.writerow(header)
        cells = flatten(row)
        writer.writerow([cells.get(column) for column in header])
        if not number % _ROWS_PER_BLOCK:
            yield _drain(text)
    if number % _ROWS_PER_BLOCK:
        yield _drain(text)


def flatten(value: Any) -> dict[str, Any]:
    """Return the leaves of a value by their paths, joined by dots; empty containers have no leaf."""
    if isinstance(value, dict):
        items: Iterable[tuple[str, Any]] = value.items()
    elif isinstance(value, (list, tuple)):
        items = ((str(index), item) for index, item in enumerate(value))
    else:
        return {"": value}
    leaves: dict[str, Any] = {}
    for name, item in items:
        if isinstance(item, (dict, list, tuple)):
            for path, leaf in flatten(item).items():
                leaves[f"{name}.{path}" if path else name] = leaf
        else:
            leaves[name] = item
    return leaves


def _drain(text: io.StringIO) -> bytes:
    block = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return block
