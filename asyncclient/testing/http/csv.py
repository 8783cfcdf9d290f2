"""CSV as the server makes it of an answer (contract 6.1): flat rows, one column for each path into the objects.

It renders what stands under `results` and nothing else, so that a single person, a summary or an error comes
out as an empty text, with its status. It knows neither persons nor requests.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response

CSV = "text/csv; charset=utf-8"

_BLOCK = 500


def in_csv(answer: Response) -> Response:
    """An answer in JSON as CSV; any other as it is."""
    if answer.blocks is not None or answer.content_type != envelope.JSON or not answer.body:
        return answer
    value = msgspec.json.decode(answer.body)
    results = value.get("results", []) if isinstance(value, dict) else value
    rows = results if isinstance(results, list) else [results]
    body = b"".join(streamed(lambda: rows))
    return msgspec.structs.replace(answer, body=body, content_type=CSV)


def streamed(rows: Callable[[], Iterable[Any]]) -> Iterator[bytes]:
    """The header and a line for each row, in blocks, nothing where there is no row.

    Rows are asked for twice, first to learn the columns; meanwhile empty blocks come, so that others get a turn.
    """
    columns: set[str] = set()
    for number, row in enumerate(rows()):
        columns.update(flat(row))
        if number % _BLOCK == _BLOCK - 1:
            yield b""
    header = sorted(columns)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    number = 0
    for number, row in enumerate(rows(), start=1):
        if number == 1:
            writer.writerow(header)
        cells = flat(row)
        writer.writerow([cells.get(column) for column in header])
        if not number % _BLOCK:
            yield _taken(text)
    if number % _BLOCK:
        yield _taken(text)


def flat(value: Any) -> dict[str, Any]:
    """The leaves of a value by their paths, joined by dots; what is empty has none."""
    if isinstance(value, dict):
        items: Iterable[tuple[str, Any]] = value.items()
    elif isinstance(value, (list, tuple)):
        items = ((str(index), item) for index, item in enumerate(value))
    else:
        return {"": value}
    leaves: dict[str, Any] = {}
    for name, item in items:
        if isinstance(item, (dict, list, tuple)):
            for path, leaf in flat(item).items():
                leaves[f"{name}.{path}" if path else name] = leaf
        else:
            leaves[name] = item
    return leaves


def _taken(text: io.StringIO) -> bytes:
    block = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return block
