"""Builds the requests below persons/. Pure."""

from typing import Any, TypeVar

import msgspec

from asyncclient._protocol.endpoints.arguments import FORMATS, Format
from asyncclient._protocol.http import Expectation, Request
from asyncclient._protocol.limits.rate_limits import Bucket
from asyncclient._protocol.responses.expectations import Csv
from asyncclient.errors import InvalidArgument, shown

T = TypeVar("T")

_ACCEPT_CSV = "text/csv, */*;q=0.1"
"""`format` alone is not enough: a server that negotiates content refuses CSV if only JSON is accepted."""


def persons_call(
    action: str,
    method: str,
    path: str,
    expects: Expectation[T],
    *,
    route: str | None = None,
    query: tuple[tuple[str, str], ...] = (),
    body: bytes | None = None,
    format: Format | None = None,  # noqa: A002
    bucket: Bucket = Bucket.OTHERS,
    mutating: bool = False,
    reveals_prefix: bool = False,
    once: bool = False,
    streamed: bool = False,
    timeout_s: float | None = None,
) -> Request[T]:
    """Build a request below persons/. Further arguments are as in `Request`.

    Arguments:
        path: path below persons/; `route` is the same with `:id` in place of an ID.
        expects: the expected success; `in_csv` changes it to CSV.
        format: as in `in_format`; None sends no format.

    Raises:
        InvalidArgument: the format is neither "csv" nor "json".
    """
    request = Request(
        action=action,
        method=method,
        path=f"persons/{path}",
        route=f"{method} persons/{path if route is None else route}",
        bucket=bucket,
        expects=expects,
        query=query,
        body=body,
        mutating=mutating,
        reveals_prefix=reveals_prefix,
        once=once,
        streamed=streamed,
        timeout_s=timeout_s,
    )
    return request if format is None else in_format(request, format)


def in_format(request: Request[T], format: Format) -> Request[T]:  # noqa: A002
    """Return the same request for a response in a format.

    Arguments:
        format: "csv" or "json", sent as given.

    Raises:
        InvalidArgument: the format is neither.
    """
    if format not in FORMATS:
        raise InvalidArgument(f"format {shown(format)} is neither csv nor json")
    accept = _ACCEPT_CSV if format == "csv" else None
    return msgspec.structs.replace(request, query=(*request.query, ("format", format)), accept=accept)


def in_csv(request: Request[Any]) -> Request[str]:
    """Return the same request with CSV as the expected success."""
    return request.expecting(Csv())
